"""What an indicator's definition fixes, as short lines for readers: codes, window, denominator, supply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import (
    AddOn,
    AmountIndicator,
    AnchoredWindow,
    Calendar,
    CodeSet,
    DoseChange,
    DrugUseModel,
    DrugUsePeriods,
    FromFirstDispensing,
    Indicator,
    InRegisters,
    LandmarkOutcome,
    MedicationAvailability,
    Observation,
    Outcome,
    OutcomeRate,
    Restart,
    SequenceSymmetry,
    SlidingWindows,
    StartAndUse,
    Switch,
    TimeToDiscontinuation,
    TreatmentEpisodes,
    Washout,
    Window,
    WithChanges,
    WithGaps,
    WithOutcome,
    WithSupply,
)
from linkage.indicator_kinds.criteria import Criterion
from linkage.indicator_kinds.time_windows import CalendarSpan, column_of, span_of
from linkage_server.release.words_of_amounts import UNITS_OF_AMOUNTS, WORDS_OF_AMOUNTS, facts_of_amounts
from linkage_server.release.words_of_concurrent_use import (
    WORDS_OF_CONCURRENT_USE,
    ConcurrentUse,
    facts_of_concurrent_use,
)
from linkage_server.release.words_of_start import UNITS_OF_START, WORDS_OF_START, facts_of_start

_KINDS = {
    **WORDS_OF_AMOUNTS,
    "initiation": "collected within a window after the index day",
    **WORDS_OF_START,
    "proportion_of_days_covered": "proportion of days covered, with a stock for each drug",
    "medication_availability": "continuous medication availability (CMA)",
    "treatment_episodes": "treatment episodes from the first dispensing on",
    "time_to_discontinuation": "time from the first dispensing to discontinuation",
    "covered_on_day": "supply at hand on a day after the first dispensing",
    "restart": "dispensed again after discontinuation",
    "switch": "another drug in place of the first one",
    "add_on": "another treatment beside the first one",
    "dose_change": "daily dose raised or lowered",
    "drug_use_periods": "drug use periods estimated from dispensings (PRE2DUP)",
    "waiting_time_distribution": "days between dispensings, by the waiting-time distribution",
    **WORDS_OF_CONCURRENT_USE,
    "event_in_window": "event of another register within a window",
    "in_registers": "who has rows of one source, of another, of both or of either in each period",
    "outcome_rate": "first outcomes per person-time with and without the treatment at hand, unadjusted",
    "landmark_outcome": "time from a landmark day to an outcome, by the proportion of days covered before it",
    "sequence_symmetry": "which of two treatments is begun first",
}
_UNITS = {
    **UNITS_OF_AMOUNTS,
    "drugs_at_date": "drugs",
    **UNITS_OF_START,
    "drug_burden": "points",
    "polypharmacy": "drugs",
}
_DENOMINATORS = {"all": "all persons of the population", "alive_at_N": "persons alive at the end of the window"}
_ANCHORS = {
    "index_date": "the index day",
    "first_event": "the first dispensing",
    "first_event_from_index": "the first dispensing on or after the index day",
    "follow_up_start": "the start of follow-up",
}
_CARRIED = {
    (False, False): "to the next dispensing of any of the drugs, in days",
    (False, True): "to the next dispensing of any of the drugs, converted to its dose",
    (True, False): "to the next dispensing of the same drug, in days",
    (True, True): "to the next dispensing of the same drug, converted to its dose",
}
_CARRY_OVER = {
    "per_drug": "supply of each drug",
    "pooled": "supply of all drugs together",
    "none": "nothing",
}
_CENSORING = {
    "strict": "the permitted gap has passed before the exit",
    "plain": "supply has ended before the exit",
}
_REVERSALS = {
    "net": "a reversed row takes its dispensing away",
    "net_latest": "a reversed row takes the latest dispensing away",
    "drop_negative": "reversed rows are dropped",
    "none": "reversed rows are not treated",
    "sum": "packages are summed with their sign",
}


def unit_of(indicator: Indicator) -> str:
    """Unit of an indicator's sums and means, "" where it counts persons."""
    return _UNITS.get(indicator.kind, "")


def first_day_of(indicator: Indicator) -> int:
    """First day of an indicator's window, counted from the index day."""
    window = getattr(indicator, "window", None) or getattr(indicator, "observe", None)
    return window.from_day if isinstance(window, Window | Observation) else 0


def facts_of(indicator: Indicator, definition: IndicatorSet) -> tuple[tuple[str, str], ...]:
    """Name and text of everything that a reader needs to count the same."""
    return tuple(_facts(indicator, definition))


def _facts(indicator: Indicator, definition: IndicatorSet) -> Iterator[tuple[str, str]]:
    yield "Kind", _KINDS[indicator.kind]
    if isinstance(indicator, InRegisters):
        yield from ((f"In {name.replace('_', ' ')}", _source(source)) for name, source in indicator.sources.items())
    else:
        yield "Register", indicator.register_name
    for name in indicator.every_code_set:
        yield f"Codes, {name.replace('_', ' ')}", _codes(definition.codes[name])
    # Each kind has some of these fields; what a kind lacks is not a fact of it.
    if isinstance(window := getattr(indicator, "window", None), Window):
        yield "Window", f"day {window.from_day} to {_listed(window.to_days)} after the index day, both included"
    if isinstance(observe := getattr(indicator, "observe", None), Observation):
        yield "Observed", f"from day {observe.from_day} up to, not including, day {_listed(observe.to_days)}"
    if isinstance(calendar := getattr(indicator, "calendar", None), Calendar):
        yield "Period", f"{calendar.from_date} up to, not including, {calendar.until}, by {calendar.step}"
    if isinstance(washout := getattr(indicator, "washout", None), Washout):
        treated = "left out" if washout.effect == "exclude" else "counted apart"
        yield "Earlier users", f"with a row on day {washout.from_day} to {washout.to_day}: {treated}"
    for name in ("follow_up", "observation"):
        if isinstance(anchored := getattr(indicator, name, None), AnchoredWindow):
            yield name.replace("_", "-").capitalize(), _anchored(anchored)
    if isinstance(sliding := getattr(indicator, "sliding", None), SlidingWindows):
        length, every = _span(span_of(sliding.length)), _span(span_of(sliding.every))
        yield "Windows", f"{sliding.count} of {length}, one every {every} from the start of observation"
    if isinstance(indicator, MedicationAvailability):
        if episodes := indicator.episodes:
            yield (
                "Episodes",
                f"the first {episodes.count}, each ended by more than {episodes.gap_days} days without supply",
            )
        yield "Measures", _listed([measure.upper() for measure in indicator.measure])
        yield "Supply carried over", _CARRIED[indicator.same_medication, indicator.dosage_change]
    if isinstance(indicator, FromFirstDispensing):
        yield from _from_first_dispensing(indicator)
    if isinstance(indicator, DrugUsePeriods):
        yield from _drug_use(indicator, definition.drug_use[indicator.drug_use])
    if isinstance(indicator, WithOutcome):
        yield from _with_outcome(indicator)
    if isinstance(indicator, SequenceSymmetry):
        yield from _sequence(indicator)
    if isinstance(indicator, AmountIndicator):
        yield from facts_of_amounts(indicator)
    if isinstance(indicator, StartAndUse):
        yield from facts_of_start(indicator)
    if isinstance(indicator, ConcurrentUse):
        yield from facts_of_concurrent_use(indicator)
    if reason := indicator.by_reason:
        which = {"first": "the first dispensing", "latest": "the latest dispensing", "any": "any dispensing"}
        sets = ", ".join(name.replace("_", " ") for name in reason.sets)
        yield "By prescribing reason", f"{sets}, another or none, as {which[reason.rule]} tells"
    if getattr(indicator, "mode", None) == "compat":
        yield "Compatibility", "computed as AdhereR 0.8.1 does, its known defects included"
    if getattr(indicator, "end_at_exit", True) is False:
        yield "Death and emigration", "do not end observation"
    if days := getattr(indicator, "at_day", None):
        yield "At day", _listed(days)
    if shares := getattr(indicator, "threshold", None):
        yield "Threshold", _listed([f"{100 * share:.4g} %" for share in shares])
    if denominators := getattr(indicator, "denominator", None):
        yield "Denominator", _listed([_DENOMINATORS.get(one, one) for one in denominators])
    if models := indicator.supply_models:
        for name in models:
            model = definition.supply[name]
            among = f", {name.replace('_', ' ')}" if len(models) > 1 else ""
            yield f"Days of supply{among}", f"{', then '.join(model.steps)}; at most {model.cap_days} days a dispensing"
            if model.source:
                yield f"Source of days of supply{among}", model.source
            if not getattr(indicator, "reversals", None):
                yield f"Reversed rows{among}", _REVERSALS[model.reversals]
    if isinstance(indicator, WithSupply) and indicator.reversals:
        yield "Reversed rows", _listed([_REVERSALS[rule] for rule in indicator.reversals])
    elif not models and (reversals := getattr(indicator, "reversals", None)):
        yield "Reversed rows", _REVERSALS[reversals]
    if indicator.needs_review or any(definition.codes[name].needs_review for name in indicator.code_sets):
        yield "Review", "the definition awaits sign-off by a clinician or pharmacist"


def _source(source: list[Criterion]) -> str:
    """A source of an indicator that counts who is in which register."""
    found = []
    for one in source:
        rows = f"{one.codes.replace('_', ' ')} in {_listed(one.code_columns)}" if one.codes else "any row"
        limited = ", of some persons only" if one.age or one.sex or one.where else ""
        found.append(f"{one.register_name}: {rows}, by {one.date_column.replace('_', ' ')}{limited}")
    return "; or ".join(found)


def _anchored(window: AnchoredWindow) -> str:
    column, offset, anchor = column_of(window.length), span_of(window.offset), _ANCHORS[window.anchor]
    length = f"the days that the population's {column} tells" if column else _span(span_of(window.length))
    if offset.number == 0:
        return f"{length} from {anchor}, last day included"
    side = "before" if offset.number < 0 else "after"
    return f"{length} from {_span(replace(offset, number=abs(offset.number)))} {side} {anchor}, last day included"


def _span(span: CalendarSpan) -> str:
    return f"{span.number} {span.unit.removesuffix('s') if span.number == 1 else span.unit}"


def _from_first_dispensing(indicator: FromFirstDispensing) -> Iterator[tuple[str, str]]:
    within = "" if indicator.first_within_days == "any" else f", within {indicator.first_within_days} days"
    first = f"first dispensing on or after day {indicator.first_from_day}{within}"
    yield "Observed", f"{indicator.follow_up_days} days from the {first}"
    if isinstance(indicator, DoseChange):
        if indicator.least_percent:
            yield "Changes of dose", f"of {indicator.least_percent} % or more"
        return
    converted = ", converted to its dose" if indicator.dosage_change else ""
    yield "Supply carried over", _listed([_CARRY_OVER[rule] for rule in indicator.carry_over]) + converted
    if isinstance(indicator, WithGaps):
        yield from _with_gaps(indicator)
    if isinstance(indicator, TimeToDiscontinuation | Restart) and indicator.competing == "death":
        yield "Death", "a competing end"


def _with_gaps(indicator: WithGaps) -> Iterator[tuple[str, str]]:
    gaps, unit = (indicator.gap_days, "days") if indicator.gap_days else (indicator.gap_percent, "% of the supply")
    appended = isinstance(indicator, TreatmentEpisodes) and indicator.append_gap
    yield "Permitted gap", f"{_listed(gaps)} {unit}" + (", part of the episode that it ends" if appended else "")
    if isinstance(indicator, WithChanges) and indicator.new_episode_on:
        yield "New episode on", _listed([change.replace("_", " ") for change in indicator.new_episode_on])
    if isinstance(indicator, TimeToDiscontinuation):
        yield "Discontinued", _listed([_CENSORING[one] for one in indicator.censoring])
    if isinstance(indicator, Switch):
        others = _listed([name.replace("_", " ") for name in indicator.to or indicator.codes])
        since = f"{indicator.before_days} days before the end of supply"
        yield "Switched", f"to another drug of {others}, first dispensed from {since} to the end of the permitted gap"
    if isinstance(indicator, AddOn):
        others = _listed([name.replace("_", " ") for name in indicator.to])
        where = "while covered, " if indicator.starts == "covered" else ""
        since = f"{indicator.together_days} days or more before the first episode ends"
        yield "Added", f"{others}, first dispensed {where}{since}"


def _drug_use(indicator: DrugUsePeriods, model: DrugUseModel) -> Iterator[tuple[str, str]]:
    if indicator.at_days:
        yield "In use on", f"day {_listed(indicator.at_days)} after the index day"
    weights = f"{model.weight_past:g}/{model.weight_current:g}/{model.weight_next:g}"
    yield "Sliding average", f"weights {weights}, {model.weight_ends:g} at both ends"
    yield (
        "Use goes on",
        f"over gaps of at most {model.gap_max:g} days, {model.days_covered:g} days beyond what is expected",
    )
    stays = "" if model.hospital == "ignore" else f", and at most {model.hospital_max:g} days in hospital"
    yield "A dispensing lasts", f"{model.duration_min:g} to {model.duration_max:g} days{stays}"
    yield "Parameters", f"of {len(model.packages)} packages and {len(model.drugs)} drugs, in the definition"
    if model.source:
        yield "Source of parameters", model.source
    yield "Reversed rows", _REVERSALS[model.reversals]


def _with_outcome(indicator: WithOutcome) -> Iterator[tuple[str, str]]:
    yield "Outcome", _outcome(indicator.outcome)
    if isinstance(indicator, OutcomeRate):
        yield "Exposed", f"from a dispensing for its days of supply and {_listed(indicator.grace_days)} days more"
    if isinstance(indicator, LandmarkOutcome):
        yield "Landmark", f"day {indicator.landmark_day} after the index day, of persons alive and observed on it"
        yield "Observed", f"{indicator.follow_up_days} days from the landmark"


def _outcome(outcome: Outcome) -> str:
    codes = f"of {outcome.codes.replace('_', ' ')} in {_listed(outcome.code_columns)}" if outcome.codes else "any row"
    return f"first {outcome.date_column} {codes}, register {outcome.register_name}"


def _sequence(indicator: SequenceSymmetry) -> Iterator[tuple[str, str]]:
    marker = _listed([name.replace("_", " ") for name in indicator.marker])
    yield "Begun first", f"of persons whose first dispensings ever lie 1 to {indicator.most_days_apart} days apart"
    yield "Marker", marker


def _codes(codes: CodeSet) -> str:
    without = f"; not {', '.join(codes.exclude)}" if codes.exclude else ""
    return f"{codes.system.upper()} {', '.join(codes.include)}{without}"


def _listed(values: list[int] | list[str]) -> str:
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
