"""Persons with drugs at hand together: interacting pairs, several drugs of one group, a drug after a diagnosis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from linkage.indicator_kinds import AtHandTogether, DrugAfterDiagnosis, DuplicateTherapy, InteractingPairs
from linkage_core.indicators.days_together import (
    Conditions,
    Supply,
    counted,
    drug_supply,
    drugs_in,
    in_lists,
    whole_drugs,
)
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import somebody
from linkage_core.indicators.register_outcome import events_of, first_event
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.supplied_observation import SuppliedObservation, after_index
from linkage_core.indicators.values import Bools, Int32s, Int64s, PersonValues
from linkage_core.indicators.yes_no import yes_no


def evaluate_interacting_pairs(context: RunContext, indicator: InteractingPairs) -> list[PersonValues]:
    """For each end of observation, number of days and denominator: any pair, each class, each pair."""
    number, drugs = whole_drugs(context.dispensings(indicator.register_name))
    sets: dict[str, Int64s] = {
        name: drugs_in(context.members(indicator.register_name, name), number) for name in indicator.own_code_sets
    }
    groups, places = list(sets.values()), {name: place for place, name in enumerate(sets)}
    # Of two different drugs: the drugs of both code sets together are two.
    groups += [np.union1d(sets[pair.first], sets[pair.second]) for pair in indicator.pairs]
    needs = [
        [(places[pair.first], 1), (places[pair.second], 1), (len(sets) + place, 2)]
        for place, pair in enumerate(indicator.pairs)
    ]
    each = np.arange(len(needs), dtype=np.int32)
    observed = after_index(context, indicator)
    supply = drug_supply(context, indicator, _names(indicator), number)
    days = _days(supply, Conditions(counted(groups, drugs=drugs), needs, each, len(needs)), observed, indicator)
    return [
        value
        for one, of_pair in zip(observed, days, strict=True)
        for value in _values(
            context,
            indicator,
            one,
            (
                (joined(words, f"together_days={least}"), of_pair[pairs].max(axis=0) >= least)
                for least in indicator.together_days
                for words, pairs in _reported(indicator)
            ),
        )
    ]


def _reported(indicator: InteractingPairs) -> Iterator[tuple[str, list[int]]]:
    """Words and pairs of what is told."""
    if "any" in indicator.measure:
        yield "pair=any", list(range(len(indicator.pairs)))
    if "class" in indicator.measure:
        for severity in sorted({pair.severity for pair in indicator.pairs if pair.severity}):
            own = [place for place, pair in enumerate(indicator.pairs) if pair.severity == severity]
            yield f"class={severity}", own
    if "pair" in indicator.measure:
        for place, pair in enumerate(indicator.pairs):
            yield f"pair={pair.id}", [place]


def evaluate_duplicate_therapy(context: RunContext, indicator: DuplicateTherapy) -> list[PersonValues]:
    """For each end of observation, number of days and denominator: several drugs of any one group."""
    rows = context.dispensings(indicator.register_name)
    number, drugs = whole_drugs(rows)
    group_of_code = rows.atc.facts.drugs(context.code_set(indicator.codes), indicator.group_length)
    member = np.flatnonzero(group_of_code >= 0)
    group = np.full(drugs, -1, np.int32)
    group[number[member]] = group_of_code[member]
    held = np.flatnonzero(group >= 0)
    groups = int(group.max(initial=-1)) + 1
    needs = [[(place, indicator.least_drugs)] for place in range(groups)]
    one_slot = np.zeros(len(needs), np.int32)
    observed = after_index(context, indicator)
    days = _days(
        drug_supply(context, indicator, _names(indicator), number),
        Conditions(in_lists(held, group[held], lists=drugs), needs, one_slot, 1),
        observed,
        indicator,
    )
    return [
        value
        for one, (most,) in zip(observed, days, strict=True)
        for value in _values(
            context, indicator, one, ((f"together_days={least}", most >= least) for least in indicator.together_days)
        )
    ]


def evaluate_drug_after_diagnosis(context: RunContext, indicator: DrugAfterDiagnosis) -> list[PersonValues]:
    """For each end of observation, number of days and denominator: covered after the first diagnosis."""
    register = indicator.register_name
    number, drugs = whole_drugs(context.dispensings(register))
    own = [drugs_in(context.members(register, name), number) for name in indicator.codes]
    all_of_them = np.unique(np.concatenate(own))
    conditions = Conditions(counted([all_of_them], drugs=drugs), [[(0, 1)]], np.zeros(1, np.int32), 1)
    observed = _after_diagnosis(context, indicator)
    days = _days(drug_supply(context, indicator, _names(indicator), number), conditions, observed, indicator)
    return [
        value
        for one, (covered,) in zip(observed, days, strict=True)
        for value in _values(
            context, indicator, one, ((f"covered_days={least}", covered >= least) for least in indicator.covered_days)
        )
    ]


def _names(indicator: AtHandTogether) -> list[str | None]:
    """Code sets of the drugs; [None] for all."""
    return [*indicator.own_code_sets] or [None]


def _days(
    supply: Supply, conditions: Conditions, observed: Sequence[SuppliedObservation], indicator: AtHandTogether
) -> list[Int32s]:
    """int32, slots x persons, for each observation: one sweep for all of them."""
    ascending = sorted(range(len(observed)), key=lambda place: indicator.observe.to_days[place])
    end = np.stack([observed[place].end for place in ascending])
    days = supply.together(conditions, start=observed[0].start, end=end, in_a_row=indicator.consecutive)
    found = dict(zip(ascending, days, strict=True))
    return [found[place] for place in range(len(observed))]


def _after_diagnosis(context: RunContext, indicator: DrugAfterDiagnosis) -> list[SuppliedObservation]:
    register, time, observe = indicator.register_name, context.time, indicator.observe
    window, diagnosis = indicator.diagnosis.window, indicator.diagnosis
    first = first_event(
        context,
        diagnosis,
        events_of(context, diagnosis),
        start=time.at(Moment(window.from_day)),
        end=time.window_end(diagnosis.register_name, Moment(window.to_days[0] + 1)),
    )
    # A diagnosis may still be missing where its register does not hold the whole window.
    unseen = time.incomplete(diagnosis.register_name, Moment(window.to_days[0] + 1))
    has = np.asarray(first < FAR, np.bool_)
    start = np.where(has, first + np.int32(observe.from_day), FAR).astype(np.int32)
    left_out = [("excluded:no_diagnosis", somebody(~has))]
    found = []
    for last in observe.to_days:
        planned = np.where(has, first + np.int32(last), FAR).astype(np.int32)
        watched = np.minimum(planned, time.exit("", death_ends=True))
        late = np.asarray(has & (watched > context.follow_up.register_end(register)), np.bool_)
        if unseen is not None:
            late |= unseen
        found.append(
            SuppliedObservation(
                words=f"observe_days={last - observe.from_day}",
                start=start,
                end=np.where(has, np.minimum(planned, time.exit(register)), FAR).astype(np.int32),
                late=somebody(late),
                left_out=left_out,
                planned_end=planned,
            )
        )
    return found


def _values(
    context: RunContext,
    indicator: AtHandTogether,
    observed: SuppliedObservation,
    answers: Iterable[tuple[str, Bools]],
) -> Iterator[PersonValues]:
    """Each answer, by its words, for each denominator."""
    register, names = indicator.register_name, _names(indicator)
    account = context.supply(register, indicator.supply, *names).account
    reasons = [(one, observed.reasons(context, indicator, names, one)) for one in indicator.denominator]
    for words, yes in answers:
        for denominator, settled in reasons:
            parameters = joined(observed.words, words, denominator_words(denominator))
            answer = np.asarray(yes, np.bool_)
            yield yes_no(indicator, parameters, answer, settled, late=observed.late, account=account)
