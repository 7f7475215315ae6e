"""A quality report for the operator's eyes."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from linkage_server.registers.quality_report import QualityReport, VariableReport

MONTHS_SHOWN = 13
RULES_SHOWN = 20

HEADLINES = {
    "published": "Published as a new snapshot.",
    "refused": "Refused; nothing was changed.",
    "held already": "The register holds this delivery already; nothing was changed.",
}


def print_report(report: QualityReport, console: Console) -> None:
    """Print what the delivery was like, the most important first."""
    console.print(f"[bold]{report.register_name}[/bold]  {report.delivery}", highlight=False)
    console.print(HEADLINES[report.status] + (f" {report.refusal}." if report.refusal else ""))
    if report.snapshot_id:
        console.print(f"Snapshot {report.snapshot_id[:12]}", highlight=False)
    console.print(_rows(report))
    for title, rules in (
        ("Rows quarantined, by rule", report.quarantined_by_rule),
        ("Rows stored as delivered, but counted", report.counted_by_rule),
    ):
        if rules:
            table = Table("Rule", "Variable", "Rows", title=title, title_justify="left")
            for rule in rules[:RULES_SHOWN]:
                table.add_row(rule.rule, rule.variable, f"{rule.rows:,}")
            console.print(table)
    if report.variables:
        console.print(_variables(report))
    if report.months:
        console.print(_months(report))
    for warning in report.warnings:
        console.print(f"[yellow]Look at:[/yellow] {warning}", highlight=False)
    if report.quarantine_file:
        console.print(f"Row numbers and rules: quarantine/{report.register_name}/{report.quarantine_file}")


def _rows(report: QualityReport) -> Table:
    table = Table("Rows read", "Stored", "Quarantined", "Merged", "Of other registers", "Corrections")
    rows = report.rows
    counts = (rows.read, rows.stored, rows.quarantined, rows.merged, rows.set_aside, report.corrections)
    table.add_row(*(f"{count:,}" for count in counts))
    return table


def _variables(report: QualityReport) -> Table:
    table = Table("Variable", "Filled", "Before", "Codes not on the list", "Codes wrongly written", title="Variables")
    table.title_justify = "left"
    for variable in report.variables:
        if variable.filled:
            table.add_row(
                variable.name,
                f"{variable.share_filled:.1%}",
                "" if variable.share_before is None else f"{variable.share_before:.1%}",
                _uses(variable, "unlisted"),
                _uses(variable, "malformed"),
            )
    return table


def _months(report: QualityReport) -> Table:
    table = Table("Month", "Rows", "In the register", "Expected", title="Latest months", title_justify="left")
    for month in report.months[-MONTHS_SHOWN:]:
        expected = "" if month.expected is None else f"{month.expected:,.0f}"
        table.add_row(month.month, f"{month.rows:,}", f"{month.rows_after:,}", expected)
    return table


def _uses(variable: VariableReport, kind: str) -> str:
    return f"{variable.codes[kind]:,}" if kind in variable.codes else ""
