"""Primary non-adherence: prescriptions that were never dispensed, by a register of prescriptions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_kinds import PrimaryNonAdherence
from linkage_core.events import PersonEvents
from linkage_core.indicators.codes import CodedColumn, coded, validity
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.follow_up import FAR, days
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, Reasons, somebody, together
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import NO_TIME, Bools, Int32s, Int64s, Measure, PersonValues
from linkage_core.indicators.yes_no import yes_no

_NEVER = 1 << 40
_DAYS = 1 << 24
"""More than there are days around 1970: a drug of a person, and a day, are one number."""
_DRUG_LETTERS = 7
_YES, _NO = ("1", "true", "yes", "ja"), ("0", "false", "no", "nej", "")


def evaluate_primary_non_adherence(context: RunContext, indicator: PrimaryNonAdherence) -> list[PersonValues]:
    """For each number of days: the measures that are asked for.

    Raises:
        EventsRejected: there is no register of prescriptions, or it lacks a column.
    """
    found = _prescriptions(context, indicator)
    return [value for within in indicator.within_days for value in _values(context, indicator, found, within)]


@dataclass(frozen=True, slots=True)
class _Prescriptions:
    """Prescriptions of the codes in the window of each person, by person and day; cancelled ones are not among them.

    Args:
        person: int64; `day`: int32; `waits`: int64, days until the next dispensing of the drug.
        room: int64, days from the day of issue to the end of observation.
        undated, never: persons with one that has no date, and without any whenever.
        cancelled: how many were.
    """

    person: Int64s
    day: Int32s
    waits: Int64s
    room: Int64s
    undated: Persons
    never: Persons
    cancelled: int


def _prescriptions(context: RunContext, indicator: PrimaryNonAdherence) -> _Prescriptions:
    events = _events(context, indicator)
    issued, atc = days(_column(events, indicator, "prescribing_date")), coded(_column(events, indicator, "atc"))
    person = events.person_of_row.astype(np.int64)
    belongs = np.zeros(len(issued), np.bool_)
    for name in indicator.codes:
        first, last = validity(context.code_set(name))
        in_force = ((issued >= first) & (issued < last)) | (issued >= FAR)
        belongs |= atc.belong([context.definition.codes[name]]) & in_force
    cancelled = _cancelled(events)
    own = np.flatnonzero(belongs & ~cancelled)
    time, window = context.time, indicator.window
    start, end = time.at(Moment(window.from_day)), time.at(Moment(window.to_days[0] + 1))
    exit_day = time.exit(indicator.register_name)
    has, undated = np.zeros((2, context.persons), np.bool_)
    has[person[own]] = True
    undated[person[own[issued[own] >= FAR]]] = True
    whose, day = person[own], issued[own]
    inside = own[(day >= start[whose]) & (day < end[whose]) & (day < exit_day[whose])]
    inside = inside[np.lexsort((issued[inside], person[inside]))]
    whose, day = person[inside], issued[inside]
    return _Prescriptions(
        person=whose,
        day=day,
        waits=_waits(context, indicator, atc, person=whose, day=day, code=atc.code[inside]),
        room=exit_day[whose].astype(np.int64) - day,
        undated=somebody(undated),
        never=somebody(~has),
        cancelled=int(np.count_nonzero(belongs & cancelled)),
    )


def _events(context: RunContext, indicator: PrimaryNonAdherence) -> PersonEvents:
    name = indicator.prescriptions
    if name not in context.events:
        raise EventsRejected(
            f"indicator {indicator.id!r} needs prescriptions from the register {name!r}, which the run does not have; "
            "no register that comes with the program holds prescriptions.",
            mend="Describe and load a register with the concepts prescribing_date, atc and cancelled, or give its rows "
            "to the laboratory.",
            facts={"register": name},
        )
    return context.events[name]


def _column(events: PersonEvents, indicator: PrimaryNonAdherence, concept: str) -> pa.Array:
    if concept not in events.rows.schema.names:
        raise EventsRejected(
            f"register {indicator.prescriptions!r} has no column {concept!r}, which tells of a prescription.",
            mend="Map a column of the register to the concept.",
            facts={"register": indicator.prescriptions, "column": concept},
        )
    return events.rows.column(concept)


def _cancelled(events: PersonEvents) -> Bools:
    """bool, one a row: the flag says so; a register without one has no cancelled prescriptions."""
    if "cancelled" not in events.rows.schema.names:
        return np.zeros(events.rows.num_rows, np.bool_)
    column = events.rows.column("cancelled")
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return np.asarray(column.cast(pa.bool_()).fill_null(False).to_numpy(zero_copy_only=False), np.bool_)
    flags = coded(column)
    said = [text.strip().lower() for text in flags.texts]
    if unknown := set(said) - {*_YES, *_NO}:
        raise EventsRejected(
            f"the column 'cancelled' of a register of prescriptions has {len(unknown)} texts that say neither yes nor "
            "no.",
            mend=f"Map it as a boolean, or write {', '.join(_YES)} for prescriptions that were taken back.",
        )
    # A row without a text has -1: it finds the False that is put last.
    return np.array([*(text in _YES for text in said), False], np.bool_)[flags.code]


def _waits(
    context: RunContext, indicator: PrimaryNonAdherence, atc: CodedColumn, *, person: Int64s, day: Int32s, code: Int32s
) -> Int64s:
    """int64, one a prescription: days until the next dispensing of what was prescribed; `_NEVER` for none."""
    register = indicator.register_name
    rows, picked = context.dispensings(register), context.set_rows(register, *indicator.codes)
    left = picked.of(context.netted(register, indicator.reversals).left)
    own = np.repeat(np.arange(context.persons), np.diff(picked.offsets))
    prescribed, dispensed = _drug_numbers(indicator, atc, rows.atc)
    drugs = int(max(prescribed.max(initial=0), dispensed.max(initial=0))) + 2
    counts = np.flatnonzero((left > 0) & (picked.day < FAR))
    drug = dispensed[rows.atc.code[picked.places][counts]]
    keys = np.sort((own[counts] * drugs + drug) * _DAYS + _from_0(picked.day[counts]))
    of_prescription = person * drugs + prescribed[code]
    asked = of_prescription * _DAYS + _from_0(day)
    place = np.searchsorted(keys, asked)
    following = np.append(keys, np.int64(-1))[place]
    same = following // _DAYS == of_prescription
    return np.where(same, following - asked, _NEVER)


def _from_0(day: Int32s) -> Int64s:
    """Day numbers that are not negative."""
    return day.astype(np.int64) + _DAYS // 2


def _drug_numbers(
    indicator: PrimaryNonAdherence, prescribed: CodedColumn, dispensed: CodedColumn
) -> tuple[Int64s, Int64s]:
    """int64, one a distinct code of each register: the same number for the same drug, or for all drugs of the codes."""
    known: dict[str, int] = {}
    length = _DRUG_LETTERS if indicator.match == "atc" else 0

    def numbers(names: tuple[str, ...]) -> Int64s:
        return np.array([*(known.setdefault(name[:length], len(known)) for name in names), -1], np.int64)

    return numbers(prescribed.names), numbers(dispensed.names)


def _values(
    context: RunContext, indicator: PrimaryNonAdherence, found: _Prescriptions, within: int
) -> Iterator[PersonValues]:
    time, window = context.time, indicator.window
    register, last = indicator.register_name, window.to_days[0]
    after = Moment(last + within + 1)
    first = time.at(Moment(window.from_day))
    faulty = context.dispensings(register).without_quantity
    missing = persons_with_faulty(context, register, indicator.codes, faulty, first=first, after=time.at(after))
    late = together([time.incomplete(register, after), time.incomplete(indicator.prescriptions, Moment(last + 1))])
    rules = [
        ("error:index_date", time.without_index()),
        ("error:prescribing_date", found.undated),
        ("error:packages", missing),
        (NO_TIME, time.without_time(register, Moment(window.from_day))),
        *context.excluded_as_incomplete(late),
    ]
    account = {"cancelled_prescriptions": found.cancelled, "prescriptions": len(found.person)}
    words = f"prescribed_days={window.from_day}..{last};dispensed_within_days={within}"
    for measure in indicator.measure:
        point = joined(words, f"measure={measure}")
        if measure == "first":
            reasons, not_dispensed = _first(context, found, within, rules)
            yield yes_no(indicator, point, not_dispensed, reasons, late=late, account=account)
        else:
            yield _of_all(
                context,
                indicator,
                found,
                within=within,
                measure=measure,
                words=point,
                rules=rules,
                late=late,
                account=account,
            )


def _first(
    context: RunContext, found: _Prescriptions, within: int, rules: list[tuple[str, Persons]]
) -> tuple[Reasons, Bools]:
    """Whether a prescription of the first day with one was not dispensed."""
    persons = context.persons
    first_day = np.full(persons, int(FAR), np.int32)
    np.minimum.at(first_day, found.person, found.day)
    own = found.day == first_day[found.person]
    prescribed, seen, not_dispensed = np.zeros((3, persons), np.bool_)
    prescribed[found.person] = True
    seen[found.person[own & (found.room > within)]] = True
    not_dispensed[found.person[own & (found.waits > within)]] = True
    rules = [
        *rules,
        ("excluded:not_prescribed", somebody(~prescribed)),
        (f"excluded:not_observed_for_{within}", somebody(prescribed & ~seen)),
    ]
    return context.reasons.settle(rules, no_rows=None), not_dispensed


def _of_all(
    context: RunContext,
    indicator: PrimaryNonAdherence,
    found: _Prescriptions,
    *,
    within: int,
    measure: str,
    words: str,
    rules: list[tuple[str, Persons]],
    late: Persons,
    account: dict[str, int],
) -> PersonValues:
    """Numbers of prescriptions that are observed for long enough, or the share of them that was not dispensed."""
    persons = context.persons
    seen = found.room > within
    prescribed = np.bincount(found.person[seen], minlength=persons).astype(np.int32)
    missed = np.bincount(found.person[seen & (found.waits > within)], minlength=persons).astype(np.int32)
    is_share = measure == "share"
    if is_share:
        rules = [*rules, ("excluded:not_prescribed", somebody(prescribed == 0))]
    reasons = context.reasons.settle(rules, no_rows=None if is_share else found.never)
    counted = prescribed if measure == "prescriptions" else missed
    value = reasons.value_of_counted(counted)
    return PersonValues(
        indicator=indicator,
        parameters=words,
        measure=Measure.FRACTION if is_share else Measure.AMOUNT,
        value=value if is_share else value.astype(np.int64),
        of=reasons.value_of_counted(prescribed) if is_share else None,
        contributes=None if is_share else value > 0,
        reason=reasons.reason,
        reasons=reasons.names,
        incomplete=reasons.any_counted(late),
        account=account,
        counted=reasons.counted,
    )
