"""What definitions of amounts fix, as short lines for readers."""

from __future__ import annotations

from collections.abc import Iterator

from linkage.indicator_kinds import AmountIndicator, GenericSubstitution, Standard, SubstanceAmount

WORDS_OF_AMOUNTS = {
    "users": "users of a drug",
    "dispensings": "number of dispensings",
    "packages": "number of packages",
    "units": "number of units, such as tablets or millilitres",
    "substance_amount": "amount of active substance",
    "ddd": "defined daily doses",
    "cost": "cost",
    "generic_substitution": "rows whose product was substituted, and rows whose product could have been and was not",
}
UNITS_OF_AMOUNTS = {
    "dispensings": "dispensings",
    "packages": "packages",
    "units": "units",
    "substance_amount": "mg",
    "ddd": "DDD",
    "cost": "SEK",
    "generic_substitution": "rows",
}


def facts_of_amounts(indicator: AmountIndicator) -> Iterator[tuple[str, str]]:
    """Name and text of what a kind has beside windows and codes."""
    if indicator.calendar is not None and indicator.calendar.rolling > 1:
        yield "Rolling", f"the last {indicator.calendar.rolling} periods, up to the end of each"
    if isinstance(indicator, SubstanceAmount):
        yield "Strength", _strength(indicator)
    if isinstance(indicator, GenericSubstitution):
        yield "Substituted", f"{indicator.code_column} is {' or '.join(indicator.substituted)}"
        yield "Could be, but was not", f"{indicator.code_column} is {' or '.join(indicator.not_substituted)}"
    if indicator.standard is not None:
        yield "Standardised by age", _standard(indicator.standard)


def _strength(indicator: SubstanceAmount) -> str:
    if indicator.strength == "number":
        return "milligrams as the register tells them"
    bare = ", a number without a unit as milligrams" if indicator.bare_number == "mg" else ""
    also = ", also per millilitre and gram" if indicator.concentrations else ""
    return f"read from the register's text{bare}{also}; rows that leave a doubt add nothing"


def _standard(standard: Standard) -> str:
    weights = "the European standard population 2013" if standard.weights == "esp2013" else "weights of the definition"
    ages = f"ages from {standard.from_age}" if standard.from_age else "all ages"
    last = f", {standard.open_age} and older as one group" if standard.open_age is not None else ""
    return f"{weights}, {ages}{last}"
