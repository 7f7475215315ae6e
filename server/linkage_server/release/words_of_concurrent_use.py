"""What definitions of concurrent use and of treatment lines fix, as short lines for readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkage.indicator_kinds import (
    AtHandTogether,
    DoseAboveLimit,
    DrugAfterDiagnosis,
    DrugBurden,
    DrugsAtDate,
    DuplicateTherapy,
    InteractingPairs,
    Polypharmacy,
    TreatmentLines,
)

ConcurrentUse = DrugsAtDate | DrugBurden | DoseAboveLimit | Polypharmacy | AtHandTogether | TreatmentLines

WORDS_OF_CONCURRENT_USE = {
    "drugs_at_date": "number of distinct drugs on a day",
    "drug_burden": "sum of the weights of the drugs on a day",
    "dose_above_limit": "daily dose on a day above the limit of its substance",
    "polypharmacy": "number of distinct drugs over an observation",
    "interacting_pairs": "two drugs that interact at hand together",
    "duplicate_therapy": "several drugs of one group at hand together",
    "drug_after_diagnosis": "a drug at hand after a diagnosis that speaks against it",
    "treatment_lines": "treatment lines, alone or combined, one after the other",
}
_LINES = {
    "all": "every line",
    "changes": "lines of one treatment in a row are one",
    "first": "the first line of each treatment",
}


def facts_of_concurrent_use(indicator: ConcurrentUse) -> Iterator[tuple[str, str]]:
    """Name and text of what a kind has beside windows, codes and supply."""
    if isinstance(indicator, AtHandTogether):
        yield from _together(indicator)
        return
    if isinstance(indicator, TreatmentLines):
        yield from _in_lines(indicator)
        return
    if indicator.rule == "dispensed":
        yield "Has a drug", f"dispensed on the day or in the {_listed(indicator.dispensed_within_days)} days up to it"
    else:
        yield "Has a drug", "supply of a dispensing covers the day; nothing is carried over"
    if not isinstance(indicator, Polypharmacy) and indicator.calendar is not None:
        yield "Read on", "the last day of each period"
    if isinstance(indicator, DrugBurden):
        yield "Weights", "; ".join(f"{one.codes.replace('_', ' ')} {one.weight:g}" for one in indicator.weights)
    elif isinstance(indicator, DoseAboveLimit):
        yield "Limits a day", "; ".join(f"{one.atc} {one.most_mg:g} mg" for one in indicator.limits)
        yield "Units a day", ", then ".join(indicator.dose)
        which = "of a substance's last dispensing day" if indicator.doses == "last_day" else "of all that is at hand"
        yield "Doses", f"{which}; equal doses are one, different ones add up"
    else:
        length = "" if indicator.code_length == 7 else f", first {indicator.code_length} characters"
        yield "Distinct drugs", "by ATC code" + length + (" and dosage form" if indicator.by_form else "")


def _together(indicator: AtHandTogether) -> Iterator[tuple[str, str]]:
    days = indicator.covered_days if isinstance(indicator, DrugAfterDiagnosis) else indicator.together_days
    yield "At hand", f"{_listed(days)} days or more" + (" in a row" if indicator.consecutive else "")
    if indicator.carry_over == "none":
        yield "Supply carried over", "nothing"
    if isinstance(indicator, InteractingPairs):
        for pair in indicator.pairs:
            severity = f", class {pair.severity}" if pair.severity else ""
            yield f"Pair {pair.id}", f"{_plain(pair.first)} with {_plain(pair.second)}{severity}"
    if isinstance(indicator, DuplicateTherapy):
        yield "Group", f"codes with the same first {indicator.group_length} characters, {indicator.least_drugs} drugs"
    if isinstance(indicator, DrugAfterDiagnosis):
        found = indicator.diagnosis
        where = f"{_plain(found.codes)} in {_listed(found.code_columns)}, register {found.register_name}"
        window = f"day {found.window.from_day} to {found.window.to_days[0]} after the index day"
        yield "Diagnosis", f"first {found.date_column} of {where}, {window}; days are counted from it"


def _in_lines(indicator: TreatmentLines) -> Iterator[tuple[str, str]]:
    least = f", of {indicator.least_era_days} days or more" if indicator.least_era_days else ""
    yield "Eras", f"days with supply of a group, over gaps of up to {indicator.collapse_gap_days} days{least}"
    yield "Combined", f"eras that overlap for {indicator.combination_days} days or more, or lie inside one another"
    yield "Left out", f"pieces of an overlap of less than {indicator.least_piece_days} days"
    yield "Lines", f"{_LINES[indicator.lines]}, at most {indicator.most_lines}"
    if indicator.lookback_days:
        yield "Supply from before", f"of the {indicator.lookback_days} days before the observation"
    if indicator.carry_over == "none":
        yield "Supply carried over", "nothing"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _listed(values: Sequence[int] | Sequence[str]) -> str:
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
