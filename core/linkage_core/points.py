"""What a table must know of an indicator at one parameter point besides its counts: names and flags, nobody's value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from linkage_core.counted_table import Statistic
from linkage_core.grids import Crossing
from linkage_core.indicators.row_dimensions import dimension_name
from linkage_core.indicators.values import OK, Measure, PersonValues, Threshold

STATISTICS = {
    "count": Statistic.PERSONS,
    "share": Statistic.SHARE,
    "per_1000": Statistic.PER_1000,
    "sum": Statistic.SUM,
    "mean": Statistic.MEAN,
    "rate": Statistic.RATE_PER_1000_PERSON_YEARS,
}
_REASON_RULES = tuple(f"{rule}_reason" for rule in ("first", "latest", "any"))
_OF_MEASURE = {
    Measure.YES_NO: ("count", "share", "per_1000", "rate"),
    Measure.AMOUNT: ("sum", "mean", "rate"),
    Measure.FRACTION: ("mean",),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One indicator at one parameter point, over all its periods.

    Args:
        name: the indicator's identifier with the parameters.
        statistics: those that the indicator asks for and its measure has.
        interval: kind of interval of a share; "" for none.
        scale: units per whole of an amount.
        has_person_time: days at risk are known, for a rate.
        dimension, periods: calendar dimension and its labels, in order; "" and none without a calendar.
        rows: row variables that its values are split by; `own_rows` are those that the definition asks for.
        overlapping: row variables of which a row may have several levels.
        reasons: why persons have no value, in the order of the rules.
        part_of: name of the point whose persons this one and others share out between them; where there is none of the
            name, each person of their denominator is counted by exactly one of them.
        parts: names of the points into which those who are counted fall apart.
        threshold: the point whose amount those who are counted have enough of, by name, and what is enough.
        denominator: name of the set of persons that have a value.
        counted: name of the set that is counted beside the denominator; "" where only a sum is formed.
        added: name of what is added up; "" where persons are only counted.
        at_risk: name of the days at risk that an amount is divided by; "" where `added` names them, or nothing does.
        reason_sets: names of the sets of persons who have each of the reasons in any period.
        is_by_reason: it is of the persons of one prescribing reason.
    """

    name: str
    indicator: str
    parameters: str
    measure: Measure
    statistics: tuple[str, ...]
    interval: str
    scale: int
    has_person_time: bool
    dimension: str
    periods: tuple[str, ...]
    rows: tuple[str, ...]
    own_rows: tuple[str, ...]
    overlapping: tuple[str, ...]
    reasons: tuple[str, ...]
    part_of: str = ""
    parts: tuple[str, ...] = ()
    threshold: Threshold | None = None
    denominator: str = field(init=False, compare=False)
    counted: str = field(init=False, compare=False)
    added: str = field(init=False, compare=False)
    at_risk: str = field(init=False, compare=False)
    reason_sets: tuple[str, ...] = field(init=False, compare=False)
    is_by_reason: bool = field(init=False, compare=False)

    def __post_init__(self) -> None:
        # Every block asks for the names, so they are put together once.
        for name, value in (
            ("denominator", f"{self.name}/denominator"),
            ("counted", self._counted()),
            ("added", self._added()),
            ("at_risk", self._at_risk()),
            ("reason_sets", tuple(f"{self.name}/reason/{reason}" for reason in self.reasons)),
            ("is_by_reason", any(part.partition("=")[0] in _REASON_RULES for part in self.parameters.split(";"))),
        ):
            object.__setattr__(self, name, value)

    def _counted(self) -> str:
        if not self.statistics or self.measure is Measure.FRACTION:
            return ""
        return f"{self.name}/yes" if self.measure is Measure.YES_NO else f"{self.name}/contributors"

    def _added(self) -> str:
        if self.measure is not Measure.YES_NO:
            return f"{self.name}/sum" if self.statistics else ""
        return f"{self.name}/person_days" if self.has_person_time and "rate" in self.statistics else ""

    def _at_risk(self) -> str:
        has_rate = self.has_person_time and "rate" in self.statistics
        return f"{self.name}/person_days" if has_rate and self.measure is Measure.AMOUNT else ""

    def row_axes(self, crossing: Crossing) -> list[str | None]:
        """Row variables to cross with: the order's, or none and each that the definition itself asks for."""
        if crossing.row is not None:
            return [crossing.row] if crossing.row in self.rows else []
        return [None, *(name for name in self.own_rows if name in self.rows)]


def point_of(values: Sequence[PersonValues]) -> Point:
    """Names and flags of one point."""
    first = values[0]
    interval = getattr(first.indicator, "interval", "none")
    own = (dimension_name(spec) for spec in getattr(first.indicator, "row_strata", ()))
    return Point(
        name=first.name,
        indicator=first.indicator.id,
        parameters=first.parameters,
        measure=first.measure,
        statistics=_statistics(first),
        interval="" if interval == "none" else interval,
        scale=first.scale,
        has_person_time=first.person_days is not None,
        dimension=first.period.dimension if first.period else "",
        periods=tuple(value.period.label for value in values if value.period is not None),
        rows=tuple(first.rows),
        own_rows=tuple(own),
        overlapping=tuple(dict.fromkeys(_overlapping(values))),
        reasons=tuple(dict.fromkeys(reason for value in values for reason in value.reasons if reason != OK)),
        part_of=first.named(first.part_of) if first.part_of else "",
        parts=tuple(map(first.named, first.parts)),
        threshold=first.threshold._replace(of=first.named(first.threshold.of)) if first.threshold else None,
    )


def _statistics(value: PersonValues) -> tuple[str, ...]:
    """Those of the indicator that the value has: a rate only where days at risk are known."""
    possible = {*_OF_MEASURE[value.measure]} - ({"rate"} if value.person_days is None else set())
    return tuple(name for name in value.indicator.statistic if name in possible)


def _overlapping(values: Sequence[PersonValues]) -> Iterator[str]:
    for value in values:
        yield from (name for name, rows in value.rows.items() if not rows.partitions_rows)
