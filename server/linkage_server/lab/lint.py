"""`linkage-server lab lint`: what is doubtful in an indicator set, with its codes looked up in registers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from linkage.definition_errors import FaultyDefinition
from linkage.errors import DefinitionRejected, InputRefused
from linkage.indicator_definition import IndicatorSet, load_indicator_set
from linkage.indicator_kinds import CodeSet
from linkage.indicator_lint import NO_ROW_HAS_CODE, Finding, Severity, lint, unmatched_row_codes
from linkage.lint_words import grouped
from linkage_core.indicators.codes import plain
from linkage_server.lab.register_codes import ROW_CODES, RegisterCodes, codes_of_file, codes_of_home
from linkage_server.orders.swedish_day import swedish_day

_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class Matched:
    """What a code set matches in one column of a register: codes as delivered, with names where they are known."""

    codes: str
    register: str
    column: str
    names: dict[str, str]


def lint_command(
    set_file: Annotated[Path, typer.Argument(metavar="SET.toml", help="The indicator set.")],
    *,
    register: Annotated[
        list[str], typer.Option(metavar="NAME=FILE", help="Look codes up in this file of a register; repeat.")
    ] = [],  # noqa: B006
    home: Annotated[
        Path | None, typer.Option(help="Look codes up in the registers that this home folder serves.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings and matched codes as JSON.")] = False,
) -> None:
    """Tell what is wrong or doubtful in a set, each with its place and mend; exit code 3 where there are errors."""
    found = _codes(register, home)
    findings, matched = lint_file(set_file, registers=found, today=swedish_day(datetime.now(UTC)))
    if as_json:
        typer.echo(
            json.dumps(
                {"findings": [asdict(one) for one in findings], "matched": [asdict(one) for one in matched]},
                ensure_ascii=False,
                indent=2,
            )
        )
    else:
        _print(findings, matched)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(DefinitionRejected.exit_code)


def lint_file(
    set_file: Path, *, registers: Sequence[RegisterCodes], today: date
) -> tuple[list[Finding], list[Matched]]:
    """Findings of a file, a file that is no set included, and what its code sets match in each register."""
    try:
        definition = load_indicator_set(set_file)
    except FaultyDefinition as refusal:
        return [
            Finding(Severity.ERROR, fault.place, "definition", f"{fault.words}.", fault.mend)
            for fault in refusal.faults
        ], []
    except DefinitionRejected as refusal:
        # The message begins with the file, which is the place here.
        words = refusal.message.removeprefix(f"{set_file}: ")
        return [Finding(Severity.ERROR, str(set_file), "definition", words, refusal.mend)], []
    matched = list(_matched(definition, registers))
    looked_up = {one.register for one in registers if one.system == ROW_CODES}
    told = [finding for finding in lint(definition, today=today) if not looked_up or finding.rule != NO_ROW_HAS_CODE]
    findings = [*told, *_unmatched(definition, registers), *_unmatched_row_codes(definition, registers)]
    weight = list(Severity)
    return sorted(findings, key=lambda finding: weight.index(finding.severity)), matched


def _codes(registers: Sequence[str], home: Path | None) -> list[RegisterCodes]:
    found: list[RegisterCodes] = []
    for text in registers:
        name, _, path = text.partition("=")
        if not name or not path:
            raise InputRefused("--register is written NAME=FILE.", mend="For instance --register lmed=lmed.csv.")
        found += codes_of_file(name, Path(path))
    return [*found, *(codes_of_home(home) if home else [])]


def _matched(definition: IndicatorSet, registers: Sequence[RegisterCodes]) -> Iterator[Matched]:
    for name, codes in definition.codes.items():
        for column in registers:
            if column.system == codes.system:
                found = {code: title for code, title in sorted(column.names.items()) if _belongs(code, codes)}
                yield Matched(name, column.register, column.column, found)


def _belongs(code: str, codes: CodeSet) -> bool:
    text = plain(code)
    return text.startswith(tuple(codes.include)) and not text.startswith(tuple(codes.exclude))


def _unmatched(definition: IndicatorSet, registers: Sequence[RegisterCodes]) -> Iterator[Finding]:
    """Prefixes that no code of the registers begins with."""
    for name, codes in definition.codes.items():
        texts = [plain(code) for column in registers if column.system == codes.system for code in column.names]
        for part, prefixes in (("include", codes.include), ("exclude", codes.exclude)):
            for number, prefix in enumerate(prefixes, 1):
                if texts and not any(text.startswith(prefix) for text in texts):
                    yield Finding(
                        Severity.WARNING,
                        f"codes.{name}.{codes.system}_{part}[{number}]",
                        "matches_nothing",
                        f"no code of the register begins with {prefix}.",
                        "Check the code; leave it if it is new or rare.",
                    )


def _unmatched_row_codes(definition: IndicatorSet, registers: Sequence[RegisterCodes]) -> Iterator[Finding]:
    """Codes of substitution that no row of the registers has."""
    for indicator in definition.indicators:
        for one in registers:
            if (one.register, one.system) == (indicator.register_name, ROW_CODES):
                yield from unmatched_row_codes(indicator, one.names.keys(), column=one.column, names=[ROW_CODES])


def _print(findings: Sequence[Finding], matched: Sequence[Matched]) -> None:
    groups = list(grouped(findings))
    for number, group in enumerate(groups):
        first = group.first
        typer.echo(f"{first.severity.value}: {group.where}: {first.message}")
        # A mend that the next group shares stands below the last of them.
        if number + 1 == len(groups) or groups[number + 1].first.mend != first.mend:
            typer.echo(f"    {first.mend}")
    for one in matched:
        codes = "code" if len(one.names) == 1 else "codes"
        typer.echo(f"{one.codes}: {len(one.names)} {codes} of {one.register}.{one.column}")
        for code, title in list(one.names.items())[:_MOST_NAMES]:
            typer.echo(f"    {code}  {title}".rstrip())
        if len(one.names) > _MOST_NAMES:
            typer.echo(f"    and {len(one.names) - _MOST_NAMES} more: --json lists them all")
    counted = {severity: sum(finding.severity is severity for finding in findings) for severity in Severity}
    typer.echo(
        ", ".join(f"{number} {severity.value}{'s' if number != 1 else ''}" for severity, number in counted.items())
    )
