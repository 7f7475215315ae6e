"""How numbers, statistics and parameters read, the same in every format."""

from __future__ import annotations

from linkage.released_table import LineStatus

PROTECTED_SYMBOL = "×"

STATISTICS = {
    "persons": "Persons",
    "share": "Share of persons",
    "per_1000": "Per 1,000 persons",
    "sum": "Sum",
    "mean": "Mean per person",
    "rate_per_1000_person_years": "Per 1,000 person-years",
    "per_1000_inhabitants": "Per 1,000 inhabitants",
    "ddd_per_1000_inhabitants_per_day": "DDD per 1,000 inhabitants and day",
    "standardised_per_1000_inhabitants": "Per 1,000 inhabitants, standardised by age",
    "expected": "Expected at the rates of all",
    "smr": "Observed by expected",
    "survival": "Share without the event",
    "cumulative_incidence": "Cumulative incidence",
    "quantile": "Quantile",
}

STATUSES = {
    LineStatus.OK: "Complete.",
    LineStatus.SUPPRESSED: "Kept back to protect persons. It is not zero; zero is shown as 0.",
    LineStatus.INCOMPLETE: "Not complete yet: the observation reaches past the last complete month of a register.",
    LineStatus.UNDEFINED: "There is no such number: nobody to count over, or a quantile where a class has no end.",
}

MEASURES = {
    "value": "Value",
    "lower": "Lower limit of the 95 % interval",
    "upper": "Upper limit of the 95 % interval",
    "numerator": "Numerator",
    "denominator": "Denominator, persons or inhabitants",
    "person_time": "Person-years",
}


SHARES = ("share", "survival", "cumulative_incidence")
"""Statistics that lie between 0 and 1 and are told in per cent."""

_ROW_QUESTIONS = {
    "supply": "Rows",
    "drug_use": "Rows",
    "ddd": "Rows",
    "cap": "Rows with days of supply",
    "reversed_rows": "Reversed rows",
}
_ROW_PARTS = {
    "dosage_text": "days of supply from the dosage text",
    "days_supply": "days of supply from the register",
    "units_per_day": "days of supply at {} units a day",
    "ddd": "days of supply at {} DDD a day",
    "fixed": "{} days of supply",
    "wtd": "{} days of supply, from a waiting-time distribution",
    "pre2dup": "days of supply from drug use periods ({})",
    "no_step": "days of supply not known",
    "in_periods": "part of a drug use period",
    "without_parameters": "packages without parameters",
    "told": "DDD known: added up",
    "not_told": "DDD not known: left out of the sum",
    "capped": "cut at the cap",
    "within": "not cut",
    "matched": "cancel a dispensing",
    "unmatched": "find nothing to cancel",
}


def row_question(question: str) -> str:
    """Which rows a share is of."""
    return _ROW_QUESTIONS.get(question, question.replace("_", " "))


def row_part(part: str) -> str:
    """What those rows are: a step of supply, with its number, or another part."""
    name, _, parameter = part.partition(":")
    return _ROW_PARTS.get(name, part.replace("_", " ")).format(parameter)


def sentence(words: str) -> str:
    """Words with a capital in front; the others stay as they are, for CMA1 is no word."""
    return words[:1].upper() + words[1:]


def statistic_title(statistic: str) -> str:
    """Words for a statistic."""
    return STATISTICS.get(statistic, statistic.replace("_", " "))


def parameters_title(parameters: str) -> str:
    """Words for a parameter point: "within_days=90" reads "within 90 days"."""
    # CMA1 to CMA4 compare supply with time, so a share of days they are not.
    share = "%" if "measure=cma" in parameters else "% of days"
    return ", ".join(_parameter(part, share=share) for part in parameters.replace(";", ",").split(",") if part)


def number(value: float | None, statistic: str) -> str:
    """A value as people read it, unit included; "–" where there is none."""
    if value is None:
        return "–"
    if statistic in SHARES:
        return f"{100 * value:.1f} %"
    if statistic == "persons":
        return whole(value)
    if statistic == "sum":
        return whole(value) if abs(value) >= 1000 else f"{value:,.1f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    # A mean below ten, such as a share of days, would lose what tells hospitals apart with one decimal.
    decimals = 2 if statistic in ("mean", "smr", "quantile") and abs(value) < 10 else 1
    return f"{value:,.{decimals}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def whole(value: float | None) -> str:
    """A count with narrow spaces between thousands; "–" where there is none."""
    return "–" if value is None else f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def interval(lower: float | None, upper: float | None, statistic: str) -> str:
    """A 95 % interval in words, or the bin that a quantile lies in; "" where there is none."""
    if lower is None or upper is None:
        return ""
    if statistic == "quantile":
        return f"in {number(lower, statistic)}–{number(upper, statistic)}"
    if statistic in SHARES:
        return f"{100 * lower:.1f}–{100 * upper:.1f} %"
    return f"{number(lower, statistic)}–{number(upper, statistic)}"


def _parameter(part: str, *, share: str) -> str:
    name, _, value = part.strip().partition("=")
    if name == "at_least" and (value.startswith("0.") or share == "%"):
        return f"at least {100 * float(value):.4g} {share}"
    if name == "days" and value.endswith(".."):
        return f"from day {value.removesuffix('..')} on"
    if name in _CLASSES:
        return _class(name, value)
    if name in _PARAMETERS:
        return _PARAMETERS[name].format(value.replace("..", " to "))
    if name == "measure" and value in _MEASURES:
        return _MEASURES[value]
    if name == "denominator":
        return {"all": "of all persons", "alive_at_N": "of those alive at the end"}.get(value, value)
    return f"{name.replace('_', ' ')} {value}".strip()


def _class(name: str, value: str) -> str:
    """A class of persons, or the quantile that is told of them."""
    if value == "any":
        return "all persons"
    if name == "quantile":
        return "median" if value == "0.5" else f"quantile {value}"
    if name == "path":
        return _path(value)
    if name == "ended":
        return _ENDINGS.get(value, value.replace("_", " "))
    first, _, last = value.partition("..")
    if not first or not last:
        return f"from {first} on" if first else f"below {last}"
    return f"from {first} to below {last}"


def _path(value: str) -> str:
    if value == "none":
        return "no line"
    lines = value.removeprefix("other of ")
    if lines == value:
        return f"path {value}"
    # Who has no line and few others have none is told as the rest of those without any.
    return {"0": "no line", "1": "other paths of 1 line"}.get(lines, f"other paths of {lines} lines")


_CLASSES = ("ended", "value", "path", "quantile")
_ENDINGS = {
    "left": "left observation",
    "left_or_died": "left observation or died",
    "still_followed": "followed to the end without the event",
    "still_followed_or_left": "without the event as long as observed",
    "still_followed_or_left_or_died": "without the event as long as observed, or died",
}
_MEASURES = {
    "episodes": "number of episodes",
    "first_days": "days of the first episode",
    "in_first": "still in the first episode",
    "discontinued": "discontinued during follow-up",
    "initiated": "began treatment",
    "died": "died before that",
    **{f"cma{number}": f"CMA{number}" for number in range(1, 10)},
    "mean_drugs": "mean number of drugs",
    "share_of_days": "share of days",
    "lines": "number of lines",
    "reached": "persons who reach it",
    "days_to": "days until it begins",
    "any": "of any substance",
    "assumed_dose": "whose dose was assumed",
    "increase": "dose raised",
    "decrease": "dose lowered",
}
_PARAMETERS = {
    "within_days": "within {} days",
    "days": "day {}",
    "observe_days": "over {} days",
    "at_day": "at day {}",
    "at_least": "at least {}",
    "dispensed_within_days": "dispensed within {} days",
    "burden_at_least": "{} points or more",
    "drugs": "with {} drugs or more",
    "pair": "pair: {}",
    "class": "pairs of class {}",
    "together_days": "days at hand together: {} or more",
    "covered_days": "days covered: {} or more",
    "substance": "of {}",
    "line": "line {}",
    "day_of_treatment": "on day {} after the first dispensing",
    "restarted_within_days": "dispensed again within {} days",
    "gap_days": "gaps of up to {} days permitted",
    "supply": "days of supply: {}",
    "reversals": "reversed rows: {}",
    "carry_over": "carried over: {}",
    "gap_percent": "gaps of up to {} % of the supply permitted",
}
