"""Whether sales of some codes tell what too few companies sell: the company rule, decided by a manufacturer table."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from linkage.company_secrecy import CompanySecrecy
from linkage.manufacturer_table import ManufacturerTable, company_key


def tells_sales(
    rule: CompanySecrecy, table: ManufacturerTable | None, codes: Collection[str], *, measure: str, on: date
) -> bool:
    """Whether a measure of these codes together must be kept back.

    It may be shown if enough companies supply them, or if each of the few consents. Without a table, or where the table
    knows no company, it may not.

    Args:
        rule: the policy's.
        table: of the month that the sales are of; None where there is none.
        codes: ATC codes as the table has them.
        measure: what is shown, as the rule names it.
        on: the day that consents must cover.
    """
    if table is None:
        return True
    companies = table.of_codes(codes)
    if len(companies) >= rule.minimum_manufacturers:
        return False
    return not companies or not all(
        _consents(rule, company, [code for code in codes if company in table.companies.get(code, ())], measure, on)
        for company in companies
    )


def _consents(rule: CompanySecrecy, company: str, codes: list[str], measure: str, on: date) -> bool:
    """Whether a company lets the measure be shown of all of these codes."""
    own = [consent for consent in rule.consents if company_key(consent.company) == company]
    return all(any(consent.covers(measure=measure, code=code, on=on) for consent in own) for code in codes)
