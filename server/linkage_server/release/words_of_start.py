"""What definitions of the start of treatment and of use fix, as short lines for readers."""

from __future__ import annotations

from collections.abc import Iterator

from linkage.indicator_kinds import (
    Combination,
    HighIntensity,
    Incidence,
    MedicationPossessionRatio,
    NewOrContinuing,
    OnTreatment,
    Prevalence,
    PrimaryNonAdherence,
    StartAndUse,
    TimeToInitiation,
    WithObservedStart,
)

WORDS_OF_START = {
    "incidence": "persons who begin, by the time of those who might",
    "prevalence": "users on a day or in a period",
    "on_treatment": "on treatment some months after the index day",
    "time_to_initiation": "time from the index day to the first dispensing",
    "new_or_continuing": "how treatment starts at the index day: new, continuing or not at all",
    "combination": "of how many groups something was collected within a window after the index day",
    "primary_non_adherence": "prescriptions that were never dispensed",
    "high_intensity": "a daily dose of high intensity at the last dispensing before a day",
    "medication_possession_ratio": "days of supply dispensed over days of observation",
}


UNITS_OF_START = {"combination": "groups", "incidence": "events"}


def facts_of_start(indicator: StartAndUse) -> Iterator[tuple[str, str]]:
    """Name and text of what a kind has beside windows, codes and supply."""
    if isinstance(indicator, Incidence):
        again = "again after a new washout" if indicator.repeated else "once"
        yield "Washout", f"{_listed(indicator.washout_days)} days without a dispensing; a person may begin {again}"
    if isinstance(indicator, NewOrContinuing):
        yield "Earlier users", f"with a dispensing in the {_listed(indicator.lookback_days)} days before the index day"
    if isinstance(indicator, WithObservedStart):
        start = indicator.observed_from
        own = f", or the population's {start.column} where that is later" if start.column else ""
        yield "Observed from", f"{start.register_start}{own}"
    if isinstance(indicator, Prevalence):
        words = {"covered": "supply covers the day", "dispensed": "a dispensing in the period"}
        yield "User", words[indicator.rule]
    if isinstance(indicator, OnTreatment):
        days = [f"{month} (day {indicator.day_of(month)})" for month in indicator.month]
        yield "At month", _listed(days)
        rules = {
            "covered": "supply covers the day",
            "dispensed": f"a dispensing on the day or the {indicator.days_before} days before it",
        }
        yield "On treatment", _listed([rules[rule] for rule in indicator.rule])
    if isinstance(indicator, Prevalence | OnTreatment) and indicator.supply is not None:
        cap = "" if indicator.stock_cap_days == "none" else f", at most {indicator.stock_cap_days} days"
        carried = {"per_drug": "a stock of each drug", "pooled": "one stock of all drugs", "none": "no stock"}
        yield "Supply carried over", f"{carried[indicator.carry_over]}{cap}, from {indicator.lookback_days} days before"
    if isinstance(indicator, TimeToInitiation):
        yield "Observed", f"{indicator.follow_up_days} days from the index day"
        if indicator.competing == "death":
            yield "Death", "a competing end"
    if isinstance(indicator, Combination):
        yield "At least", f"{_listed(indicator.at_least)} of {len(indicator.codes)} groups"
    if isinstance(indicator, PrimaryNonAdherence):
        what = "the same drug" if indicator.match == "atc" else "the same codes"
        yield "Prescriptions", f"register {indicator.prescriptions}; cancelled ones are left out"
        yield "Not dispensed", f"nothing of {what} within {_listed(indicator.within_days)} days of the day of issue"
    if isinstance(indicator, HighIntensity):
        yield from _intensity(indicator)
    if isinstance(indicator, MedicationPossessionRatio):
        first = "the first dispensing in the observation" if indicator.start == "first_dispensing" else "its start"
        yield "Days", f"from {first}" + ("; a ratio above 1 counts as 1" if indicator.cap_at_1 else "")


def _intensity(indicator: HighIntensity) -> Iterator[tuple[str, str]]:
    for threshold in indicator.thresholds:
        part = f" (strength {threshold.component} of the text)" if threshold.component else ""
        yield f"High intensity, {threshold.atc}", f"{threshold.least_mg:g} mg a day or more{part}"
    yield "Daily dose", f"strength x units a day by {', then '.join(indicator.dose)}"
    last = indicator.last_within_days
    within = "" if last == "any" else f", within {last} days"
    among = "of all persons" if indicator.among == "everybody" else "of persons with such a dispensing"
    yield "Dispensing", f"the last day with one before the day{within}; {among}"


def _listed(values: list[int] | list[str]) -> str:
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
