"""Days of an observation on which drugs are at hand together, as the kernel is asked for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import AtHandTogether, TreatmentLines
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Int32s, Int64s, UInt8s
from linkage_core.kernels.supply_together import supply_together

NO_CAP = 1 << 60
_NEEDS = 3
_WHOLE_NAME = 64

Need = tuple[int, int]
"""A counter, and how many drugs it must count at least."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is asked about the drugs of a day.

    Args:
        counters_of_drug: for each drug, the counters that count it.
        needs: for each condition, at most three counters with their least numbers.
        slot: for each condition, where its days go; several conditions of a slot give the most days of any.
        slots: how many there are.
    """

    counters_of_drug: tuple[Int32s, Int32s]
    needs: Sequence[Sequence[Need]]
    slot: Int32s
    slots: int


@dataclass(frozen=True, slots=True)
class Supply:
    """Rows of drugs as the kernel reads them.

    Args:
        picked: the rows.
        drug: int32, one a picked row: number of its drug, -1 where it does not count.
        supply_64ths: int32, one a picked row.
        lookback_days: days before the observation on which stocks start empty.
        stock_cap_64ths: the most that a stock may hold.
        carry_over: each drug has a stock; else each row covers its own days.
    """

    picked: SetRows
    drug: Int32s
    supply_64ths: Int32s
    lookback_days: int
    stock_cap_64ths: int
    carry_over: bool

    @property
    def longest(self) -> int:
        """Rows of the person with most; at least 1, as scratch space must not be empty."""
        return max(int(np.diff(self.picked.offsets).max(initial=1)), 1)

    def together(self, conditions: Conditions, *, start: Int32s, end: Int32s, in_a_row: bool = False) -> Int32s:
        """int32, ends x slots x persons: days; `end` is ends x persons, ascending for each person."""
        return self._swept(conditions, start, end, in_a_row=in_a_row, drug_days=np.empty((0, len(start)), np.int64))

    def with_drug_days(self, conditions: Conditions, *, start: Int32s, end: Int32s) -> tuple[Int32s, Int64s]:
        """The same, and int64, ends x persons: days covered of each drug, added up."""
        drug_days = np.empty(end.shape, np.int64)
        return self._swept(conditions, start, end, in_a_row=False, drug_days=drug_days), drug_days

    def _swept(
        self, conditions: Conditions, start: Int32s, end: Int32s, *, in_a_row: bool, drug_days: Int64s
    ) -> Int32s:
        together = np.empty((len(end), conditions.slots, len(start)), np.int32)
        need = np.full((len(conditions.needs), _NEEDS), -1, np.int32)
        least = np.zeros((len(conditions.needs), _NEEDS), np.int32)
        for place, needs in enumerate(conditions.needs):
            need[place, : len(needs)], least[place, : len(needs)] = zip(*needs, strict=True)
        asked_by = np.nonzero(need >= 0)
        counters = int(conditions.counters_of_drug[1].max(initial=-1)) + 1
        supply_together(
            self.picked.offsets,
            self.picked.day,
            self.drug,
            self.supply_64ths,
            conditions.counters_of_drug,
            in_lists(need[asked_by], asked_by[0], lists=max(counters, int(need.max(initial=-1)) + 1)),
            need,
            least,
            conditions.slot,
            start,
            np.ascontiguousarray(end),
            together,
            drug_days,
            longest=self.longest,
            lookback_days=self.lookback_days,
            stock_cap_64ths=self.stock_cap_64ths,
            carry_over=self.carry_over,
            in_a_row=in_a_row,
        )
        return together


def drug_supply(
    context: RunContext, indicator: AtHandTogether | TreatmentLines, names: Sequence[str | None], number: Int32s
) -> Supply:
    """Rows of an indicator's code sets, on days on which any set that holds them applies.

    Args:
        names: code sets of the drugs; [None] for all rows.
        number: of the drugs, as `whole_drugs` gives them.
    """
    register, named = indicator.register_name, [name for name in names if name is not None]
    picked = context.set_rows(register, *names)
    drug = number.take(picked.of(context.dispensings(register).atc.code))
    if named and not (applies := context.in_force(register, named, picked)).all():
        drug = np.where(applies, drug, np.int32(-1))
    cap = indicator.stock_cap_days
    return Supply(
        picked,
        drug,
        context.supply(register, indicator.supply, *names).supply_64ths,
        indicator.lookback_days,
        NO_CAP if cap == "none" else cap * DAY,
        carry_over=indicator.carry_over == "per_drug",
    )


def in_lists(owner: Int32s | Int64s, entry: Int32s | Int64s, *, lists: int) -> tuple[Int32s, Int32s]:
    """Entries by their owners: where each owner's list begins, and the entries."""
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=lists)
    return np.concatenate(([0], np.cumsum(counts))).astype(np.int32), entry[order].astype(np.int32)


def whole_drugs(rows: Dispensings) -> tuple[Int32s, int]:
    """int32, one a distinct code and a last one for none: number of its drug, and how many drugs there are.

    Codes that are written in two ways are one drug.
    """
    number = rows.atc.facts.drugs(None, _WHOLE_NAME)
    return np.append(number, np.int32(-1)), int(number.max(initial=-1)) + 1


def drugs_in(member: UInt8s, number: Int32s) -> Int64s:
    """Numbers of the drugs of a code set, ascending; `member` tells its distinct codes."""
    return np.unique(number[np.flatnonzero(member)]).astype(np.int64)


def counted(groups: Sequence[Int64s], *, drugs: int) -> tuple[Int32s, Int32s]:
    """Counters of each drug, one counter a group of drugs."""
    owner = np.concatenate([np.zeros(0, np.int64), *groups])
    entry = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return in_lists(owner, entry, lists=drugs)
