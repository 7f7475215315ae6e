"""What is doubtful in an indicator set, told with place and mend before anybody relies on its numbers.

An *error* refuses the set wherever it would be used; a *warning* is shown and left to its owner; a *note* lists what
waits for sign-off. Only the set itself is looked at here; `linkage-server lab lint` also looks codes up in registers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from linkage.code_prefixes import fault_of_prefix
from linkage.errors import DefinitionRejected
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import CodeSet, Indicator, SupplyModel
from linkage.register_catalogue import shipped_registers

MOST_INDICATORS = 10_000
NO_ROW_HAS_CODE = "no_row_has_code"
_CODES_SHOWN = 5
_LONGEST_SHOWN = 20
_MOST_ERRORS_TOLD = 20


class Severity(StrEnum):
    """How much a finding weighs."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Args:
        place: dotted path in the set, such as `codes.statin.atc_include[3]`; entries of lists are counted from 1.
        rule: short name of the rule, for scripts.
    """

    severity: Severity
    place: str
    rule: str
    message: str
    mend: str

    def __str__(self) -> str:
        return f"{self.severity.value}: {self.place}: {self.message} {self.mend}"


def lint(definition: IndicatorSet, *, today: date) -> tuple[Finding, ...]:
    """Every finding of a set, errors first and then in the order of the file."""
    found = [
        *_header(definition, today=today),
        *(finding for name, codes in definition.codes.items() for finding in _code_set(name, codes)),
        *_names(definition),
        *_unused(definition),
        *(finding for name, model in definition.supply.items() for finding in _supply(name, model)),
        *_indicators(definition),
        *(finding for one in definition.indicators for finding in _codes_of_rows(one)),
        *_awaiting_review(definition),
    ]
    weight = list(Severity)
    return tuple(sorted(found, key=lambda finding: weight.index(finding.severity)))


def refuse_errors(definition: IndicatorSet, *, today: date, source: str) -> tuple[Finding, ...]:
    """The warnings and notes of a set that may be used.

    Raises:
        DefinitionRejected: the set has errors; names the first of them, each with its place and mend.
    """
    found = lint(definition, today=today)
    errors = [finding for finding in found if finding.severity is Severity.ERROR]
    if errors:
        told = [f"{source}: {error.place}: {error.message.rstrip('.')}" for error in errors[:_MOST_ERRORS_TOLD]]
        if len(errors) > len(told):
            told.append(f"and {len(errors) - len(told)} more")
        raise DefinitionRejected(
            "; ".join(told) + ".",
            mend=" ".join(dict.fromkeys(error.mend for error in errors)),
            facts={"file": source, "field": errors[0].place, "rule": errors[0].rule},
        )
    return found


def _error(place: str, rule: str, message: str, mend: str) -> Finding:
    return Finding(Severity.ERROR, place, rule, message, mend)


def _warning(place: str, rule: str, message: str, mend: str) -> Finding:
    return Finding(Severity.WARNING, place, rule, message, mend)


def _header(definition: IndicatorSet, *, today: date) -> Iterator[Finding]:
    header = definition.header
    if not header.owner:
        yield _warning("set.owner", "no_owner", "nobody stands behind the set.", "Name who answers questions about it.")
    if header.next_review is None:
        yield _warning("set.next_review", "no_review", "no day of review is set.", "Write next_review = 2027-01-31.")
    elif header.next_review < today:
        yield _warning(
            "set.next_review",
            "review_overdue",
            f"the review was due on {header.next_review}.",
            "Have the set reviewed and write a new version with a later day.",
        )
    for field in ("title", "description"):
        words = getattr(header, field)
        if not (words.sv and words.en):
            yield _warning(f"set.{field}", "no_words", f"the {field} is missing.", "Write it in Swedish and English.")


def _code_set(name: str, codes: CodeSet) -> Iterator[Finding]:
    places = {part: f"codes.{name}.{codes.system}_{part}" for part in ("include", "exclude")}
    sound: dict[str, list[str]] = {"include": [], "exclude": []}
    for part, prefixes in (("include", codes.include), ("exclude", codes.exclude)):
        known = set(prefixes)
        for number, prefix in enumerate(prefixes, 1):
            place = f"{places[part]}[{number}]"
            if fault := fault_of_prefix(prefix, system=codes.system):
                shown = prefix if len(prefix) <= _LONGEST_SHOWN else f"{prefix[:_LONGEST_SHOWN]}..."
                yield _error(place, "unknown_code", f"no code begins with {shown!r}: {fault}.", "Mend the code.")
                continue
            sound[part].append(prefix)
            if shadow := next((one for one in _beginnings(prefix, system=codes.system)[:-1] if one in known), None):
                yield _warning(place, "shadowed", f"{prefix} is already in {shadow}.", "Leave out the longer prefix.")
    excluded = set(sound["exclude"])
    lost = [prefix for prefix in sound["include"] if not excluded.isdisjoint(_beginnings(prefix, system=codes.system))]
    if len(lost) == len(codes.include):
        yield _error(
            places["include"], "empty_set", "no code is left: all that is included is excluded.", "Mend the prefixes."
        )
    elif lost:
        yield _warning(
            places["include"],
            "excluded_whole",
            f"{', '.join(lost)} cannot match: an exclude takes all of it away.",
            "Leave it out of include, or narrow the exclude.",
        )
    included = set(sound["include"])
    reached = {beginning for prefix in included for beginning in _beginnings(prefix, system=codes.system)}
    for number, prefix in enumerate(codes.exclude, 1):
        if (
            prefix in excluded
            and prefix not in reached
            and included.isdisjoint(_beginnings(prefix, system=codes.system))
        ):
            yield _warning(
                f"{places['exclude']}[{number}]",
                "excludes_nothing",
                f"{prefix} excludes nothing: no include holds it.",
                "Leave it out, or widen the include that it was meant for.",
            )
    valid = codes.valid
    if valid.from_date and valid.until and valid.until <= valid.from_date:
        yield _error(f"codes.{name}.valid", "empty_set", "the set applies on no day.", "Let until lie after from.")


def _beginnings(prefix: str, *, system: str) -> list[str]:
    """Every beginning of a prefix, the whole of it last; sound prefixes are short, so that large sets are quick.

    Concepts of Snomed CT are matched whole: none begins another.
    """
    return [prefix] if system == "snomed" else [prefix[:length] for length in range(1, len(prefix) + 1)]


def _names(definition: IndicatorSet) -> Iterator[Finding]:
    kinds = {
        "codes": list(definition.codes),
        "supply": list(definition.supply),
        "indicator": [indicator.id for indicator in definition.indicators],
    }
    for kind, names in kinds.items():
        alike = Counter(_plain(name) for name in names)
        for name in names:
            if alike[_plain(name)] > 1:
                yield _warning(
                    f"{kind}.{name}",
                    "overlapping_names",
                    f"{name!r} differs from another name by - and _ alone.",
                    "Choose names that nobody confuses.",
                )
    first: dict[tuple[object, ...], str] = {}
    for name, codes in definition.codes.items():
        content = (codes.system, frozenset(codes.include), frozenset(codes.exclude), codes.valid)
        if (other := first.setdefault(content, name)) != name:
            yield _warning(
                f"codes.{name}",
                "same_codes",
                f"holds the same codes as {other!r}: one of them will be changed without the other.",
                "Keep one of the two.",
            )


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "")


def _unused(definition: IndicatorSet) -> Iterator[Finding]:
    used = {name for indicator in definition.indicators for name in indicator.every_code_set}
    for name in definition.codes:
        if name not in used:
            yield _warning(f"codes.{name}", "unused", "no indicator uses this code set.", "Leave it out.")
    models = {name for indicator in definition.indicators for name in indicator.supply_models}
    for name in definition.supply:
        if name not in models:
            yield _warning(f"supply.{name}", "unused", "no indicator uses this supply model.", "Leave it out.")
    periods = {name for indicator in definition.indicators for name in indicator.drug_use_models}
    periods |= {name for model in definition.supply.values() for name in model.drug_use}
    for name in definition.drug_use:
        if name not in periods:
            yield _warning(f"drug_use.{name}", "unused", "nothing uses this model of drug use.", "Leave it out.")


def _supply(name: str, model: SupplyModel) -> Iterator[Finding]:
    if all(step.startswith("ddd:") for step in model.steps):
        yield _warning(
            f"supply.{name}.steps",
            "ddd_alone",
            "days of supply come from defined daily doses alone: a DDD is a measure of volume, no prescribed dose.",
            'Let "dosage_text" or "units_per_day:1" stand before it.',
        )


def _indicators(definition: IndicatorSet) -> Iterator[Finding]:
    if (number := len(definition.indicators)) > MOST_INDICATORS:
        yield _error(
            "indicator",
            "too_many",
            f"the set has {number:,} indicators, and {MOST_INDICATORS:,} are the most.",
            "Divide it into several sets, or use grids.",
        )
        return
    for indicator in definition.indicators:
        for field in ("title", "description"):
            words = getattr(indicator, field)
            if not (words.sv and words.en):
                place = f"indicator.{indicator.id}.{field}"
                yield _warning(place, "no_words", f"the {field} is missing.", "Write it in Swedish and English.")


def _codes_of_rows(indicator: Indicator) -> Iterator[Finding]:
    """Codes that the register's definition does not list: no row has one, and the number is 0."""
    register = shipped_registers().get(indicator.register_name)
    for variable in register.variables if register else ():
        if variable.codes:
            known = [code.code for code in variable.codes]
            yield from unmatched_row_codes(
                indicator, known, column=variable.column, names=(variable.concept, variable.column)
            )


def unmatched_row_codes(
    indicator: Indicator, known: Collection[str], *, column: str, names: Collection[str | None]
) -> Iterator[Finding]:
    """A warning for each code that rows are counted by and that is not among those of a column, by any of its names."""
    for field, (named, codes) in indicator.row_codes.items():
        for number, code in enumerate(codes, 1):
            if named in names and code not in known:
                yield _warning(
                    f"indicator.{indicator.id}.{field}[{number}]",
                    NO_ROW_HAS_CODE,
                    f"{code!r} is no code of {indicator.register_name}.{column}: no row is counted by it.",
                    f"Write codes as the register delivers them, such as {', '.join(sorted(known)[:_CODES_SHOWN])}.",
                )


def _awaiting_review(definition: IndicatorSet) -> Iterator[Finding]:
    unsigned = {name for name, codes in definition.codes.items() if codes.needs_review}
    for name in definition.codes:
        if name in unsigned:
            yield _note(f"codes.{name}", "the codes await sign-off.")
    for indicator in definition.indicators:
        names = [name for name in indicator.every_code_set if name in unsigned]
        if indicator.needs_review or names:
            because = f" (codes {', '.join(names)})" if names else ""
            yield _note(f"indicator.{indicator.id}", f"the definition awaits sign-off{because}.")


def _note(place: str, message: str) -> Finding:
    mend = "A pharmacist or clinician signs it off; then take needs_review away in a new version."
    return Finding(Severity.NOTE, place, "needs_review", message, mend)
