"""Reads a dosage text: pieces become clauses (an amount and when it is taken), clauses become parts of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from linkage_core.dosage_texts.dosage import COUNTED_UNITS, Dosage, DoseStep, NotUnderstood
from linkage_core.dosage_texts.lexemes import lexemes
from linkage_core.dosage_texts.vocabulary import STRENGTH_UNITS, Kind, Meaning

_MOST_A_DAY = {"ml": 500, "drop": 300, "unit": 500, "mg": 20_000, "microgram": 20_000, "g": 100, "mmol": 500}
_MOST_COUNTED_A_DAY = 40
"""More tablets a day are a slip of the pen."""
_WHEN = frozenset({Kind.DAILY, Kind.RATE, Kind.WEEKDAYS, Kind.TIME_OF_DAY, Kind.OTHER_DAYS})
_ENDS_WHY = frozenset({Kind.SEPARATOR, Kind.AMOUNT, Kind.SCHEDULE, Kind.MAXIMUM, Kind.AS_NEEDED, Kind.THEN})
_NOTHING = Meaning(Kind.SEPARATOR)


def read_dosage(text: str) -> Dosage | None:
    """What a dosage text states; None where it leaves any doubt.

    Texts of more than `LONGEST_TEXT` characters are not looked at; the time for others grows with their length.

    >>> read_dosage("1 tablett 2 gånger dagligen").units_per_day()
    Fraction(2, 1)
    """
    try:
        return _Reader(lexemes(text)).dosage()
    except NotUnderstood:
        return None


@dataclass(slots=True)
class _Clause:
    """An amount, and what the text says about when it is taken."""

    dose: tuple[Fraction, Fraction] | None = None
    parts: int = 1
    unit: str = ""
    factor: Fraction = Fraction(1)
    count: tuple[Fraction, Fraction] | None = None
    by: bool = False
    daily: bool = False
    share_of_day: bool = False
    daily_came_first: bool = False
    rate: Meaning | None = None
    times: list[str] = field(default_factory=list)
    weekdays: list[str] = field(default_factory=list)
    other_days: bool = False
    alternates: bool = False
    began_with_when: bool = False
    joined: bool = False

    @property
    def has_when(self) -> bool:
        """It says when, or how often."""
        return bool(self.count or self.daily or self.rate or self.times or self.weekdays or self.other_days)

    @property
    def complete(self) -> bool:
        """It says how much, and when; the amounts of a day say both."""
        return self.dose is not None and (self.has_when or self.parts > 1)

    def a_day(self) -> tuple[Fraction, Fraction]:
        """Units a day, lower and upper.

        Raises:
            NotUnderstood: what it says does not fit together.
        """
        if self.dose is None or not self.complete:
            raise NotUnderstood
        low, high = self._a_day_of_treatment()
        low, high = low * self.factor, high * self.factor
        if self.weekdays:
            if self.rate is not None and self.rate.name not in ("week",):
                raise NotUnderstood
            share = Fraction(len(self.weekdays), 7)
            return low * share, high * share
        if self.rate is not None:
            return low * self.rate.low, high * self.rate.high
        return low, high

    def _a_day_of_treatment(self) -> tuple[Fraction, Fraction]:
        """Units on a day on which it is taken, or in the period of its rate."""
        assert self.dose is not None
        low, high = self.dose
        if self.parts > 1:
            if self.count is not None or (self.times and len(self.times) != self.parts):
                raise NotUnderstood
            return low, high
        hourly = self.rate is not None and self.rate.name == "hours"
        if hourly and (self.times or self.count):
            raise NotUnderstood
        if self.count is not None:
            fewest, most = self.count
            if fewest.denominator != 1 or most.denominator != 1 or not 0 < most <= 24:
                raise NotUnderstood
            if self.times and not fewest == most == len(self.times):
                raise NotUnderstood
            if not self.by and not (self.daily or self.rate or self.weekdays or self.times):
                # "3 gånger": in what time?
                raise NotUnderstood
            return low * fewest, high * most
        if len(self.times) > 1:
            if self.share_of_day or self.daily_came_first:
                # "2 tabletter per dag morgon och kväll": two or four.
                raise NotUnderstood
            return low * len(self.times), high * len(self.times)
        return low, high


@dataclass(slots=True)
class _Step:
    """Clauses that hold at the same time."""

    clauses: list[_Clause] = field(default_factory=lambda: [_Clause()])
    days: int | None = None
    has_duration: bool = False

    @property
    def last(self) -> _Clause:
        """The clause that is being read."""
        return self.clauses[-1]


class _Reader:
    """Goes through the pieces once, from left to right."""

    def __init__(self, pieces: Sequence[Meaning]) -> None:
        self._pieces = pieces
        self._place = 0
        self._steps = [_Step()]
        self._as_needed = False
        self._has_maximum = False
        self._maximum: Fraction | None = None
        self._most_times: Fraction | None = None
        self._saying_why = False
        self._alternately = False
        self._sides = 1
        self._units: set[str] = set()

    def dosage(self) -> Dosage:
        """What the pieces say.

        Raises:
            NotUnderstood: they leave a doubt.
        """
        while self._place < len(self._pieces):
            self._read(self._pieces[self._place])
        return self._result()

    def _ahead(self, by: int) -> Meaning:
        """A piece further on, or before where `by` is negative, or nothing."""
        place = self._place + by
        return self._pieces[place] if 0 <= place < len(self._pieces) else _NOTHING

    @property
    def _clause(self) -> _Clause:
        return self._steps[-1].last

    def _read(self, piece: Meaning) -> None:
        if piece.kind in _WHEN and self._saying_why and self._clause.has_when:
            # "mot kramp på natten" says why, or when.
            raise NotUnderstood
        if piece.kind in _ENDS_WHY:
            self._saying_why = False
        taken = 1
        match piece.kind:
            case Kind.NEUTRAL | Kind.SEPARATOR:
                pass
            case Kind.PURPOSE:
                self._saying_why = True
            case Kind.AND:
                self._and()
            case Kind.AMOUNT:
                taken = self._amount(piece)
            case Kind.SCHEDULE:
                self._dose(piece, parts=int(piece.name))
            case Kind.UNIT:
                self._unit(piece)
            case Kind.BY:
                taken = self._by()
            case Kind.AS_NEEDED:
                self._as_needed = True
            case Kind.MAXIMUM:
                taken = self._most()
            case Kind.ALTERNATELY:
                self._alternately = True
            case Kind.EACH_SIDE:
                self._sides = 2
            case Kind.DURATION:
                self._duration(piece)
            case Kind.THEN:
                if not self._clause.complete and not self._steps[-1].has_duration:
                    raise NotUnderstood
                self._steps.append(_Step())
            case _ if piece.kind in _WHEN:
                self._when(piece)
            case _:
                raise NotUnderstood
        self._place += taken

    def _and(self) -> None:
        before, following = self._ahead(-1), self._ahead(1)
        if before.kind is Kind.AMOUNT or (before.kind is Kind.DAILY and following.kind in _WHEN):
            # "1 och tabletter"; "dagligen och kväll" may be once or twice.
            raise NotUnderstood

    def _amount(self, piece: Meaning) -> int:
        following, behind = self._ahead(1), self._ahead(2)
        if following.kind is Kind.TIMES:
            if self._clause.count is not None:
                self._next_clause()
            self._starts_with_when()
            self._clause.count = piece.low, piece.high
            return 2
        if (
            following.kind is Kind.BY
            and behind.kind is not Kind.AMOUNT
            and self._clause.dose
            and not self._clause.has_when
        ):
            self._clause.count, self._clause.by = (piece.low, piece.high), True
            return 2
        takes_turns = following.kind is Kind.RESPECTIVELY or (following.kind is Kind.AND and self._alternately)
        if takes_turns and behind.kind is Kind.AMOUNT:
            return self._alternating(piece, behind)
        self._dose(piece)
        return 1

    def _alternating(self, first: Meaning, second: Meaning) -> int:
        """`omväxlande 1 och 2 tabletter dagligen`, `1 resp 2 tabletter varannan dag`: the mean of both."""
        if first.low != first.high or second.low != second.high or len(self._steps) > 1 or self._clause.dose:
            raise NotUnderstood
        mean = (first.low + second.low) / 2
        self._dose(Meaning(Kind.AMOUNT, "", mean, mean))
        self._clause.alternates = True
        return 3

    def _dose(self, piece: Meaning, *, parts: int = 1) -> None:
        strength = self._ahead(1).name in STRENGTH_UNITS and self._ahead(1).kind is Kind.UNIT
        if self._clause.dose is not None:
            if strength and self._clause.unit and self._clause.unit not in STRENGTH_UNITS:
                # What one tablet holds. Its unit is read over with the next piece.
                return
            if self._clause.unit in STRENGTH_UNITS and not self._clause.has_when and not strength:
                self._clause.dose = None
                self._clause.unit = ""
            else:
                self._next_clause()
        elif self._steps[-1].has_duration and len(self._steps[-1].clauses) > 1:
            raise NotUnderstood
        self._clause.dose, self._clause.parts = (piece.low, piece.high), parts

    def _next_clause(self) -> None:
        if not self._clause.complete and not (self._steps[-1].days == 1 and self._clause.dose):
            raise NotUnderstood
        joined = self._ahead(-1).kind is Kind.AND
        if self._steps[-1].has_duration:
            self._steps.append(_Step())
        else:
            self._steps[-1].clauses.append(_Clause(joined=joined))

    def _unit(self, piece: Meaning) -> None:
        if piece.name in STRENGTH_UNITS and self._clause.unit and self._clause.unit not in STRENGTH_UNITS:
            if self._ahead(-1).kind is not Kind.AMOUNT:
                raise NotUnderstood
            return
        if self._clause.unit and piece.name != self._clause.unit:
            raise NotUnderstood
        self._clause.unit, self._clause.factor = piece.name, piece.low

    def _by(self) -> int:
        following = self._ahead(1)
        clause = self._clause
        if clause.dose is None or clause.has_when or following.kind is not Kind.AMOUNT or clause.parts > 1:
            raise NotUnderstood
        clause.count, clause.by = (following.low, following.high), True
        return 3 if self._ahead(2).kind is Kind.TIMES else 2

    def _starts_with_when(self) -> None:
        if self._clause.dose is None:
            self._clause.began_with_when = True

    def _when(self, piece: Meaning) -> None:
        clause = self._clause
        again = {
            Kind.TIME_OF_DAY: bool(clause.times),
            Kind.WEEKDAYS: bool(clause.weekdays),
            Kind.RATE: clause.rate is not None,
        }
        if clause.began_with_when and clause.complete and again.get(piece.kind, False):
            self._next_clause()
            clause = self._clause
        self._starts_with_when()
        if piece.kind is Kind.DAILY:
            if clause.rate is not None or (clause.weekdays and clause.count is None):
                raise NotUnderstood
            if piece.name == "share" and clause.times:
                # "natt/dag", "morgon och kväll per dag".
                raise NotUnderstood
            clause.daily = True
            clause.share_of_day = clause.share_of_day or piece.name == "share"
            clause.daily_came_first = clause.daily_came_first or not clause.times
        elif piece.kind is Kind.TIME_OF_DAY:
            clause.times += piece.name.split()
            if len(set(clause.times)) < len(clause.times):
                raise NotUnderstood
        elif piece.kind is Kind.WEEKDAYS:
            clause.weekdays += piece.name.split()
            if len(set(clause.weekdays)) < len(clause.weekdays) or (clause.daily and clause.count is None):
                raise NotUnderstood
        elif piece.kind is Kind.OTHER_DAYS:
            clause.other_days = True
        else:
            if clause.rate is not None or (clause.daily and piece.name != "hours"):
                raise NotUnderstood
            clause.rate = piece

    def _most(self) -> int:
        """`högst 3 per dygn`, `max 4 g/dygn`, `högst 2 gånger dagligen`."""
        if self._has_maximum:
            raise NotUnderstood
        place = 1
        while self._ahead(place).kind in (Kind.SEPARATOR, Kind.NEUTRAL) and place < 3:
            place += 1
        amount = self._ahead(place)
        if amount.kind is not Kind.AMOUNT or amount.low != amount.high:
            raise NotUnderstood
        place += 1
        unit, times = "", False
        if self._ahead(place).kind is Kind.UNIT:
            unit = self._ahead(place).name
            amount = amount._replace(low=amount.low * self._ahead(place).low)
            place += 1
        elif self._ahead(place).kind is Kind.TIMES or self._ahead(place).kind is Kind.BY:
            times = True
            place += 1
        period = self._ahead(place)
        self._has_maximum = True
        if period.kind is not Kind.DAILY:
            raise NotUnderstood
        if times:
            self._most_times = amount.low
        elif unit in STRENGTH_UNITS:
            pass
        else:
            self._maximum = amount.low
            self._units.add(unit)
        return place + 1

    def _duration(self, piece: Meaning) -> None:
        step = self._steps[-1]
        if step.has_duration:
            if not self._clause.complete:
                raise NotUnderstood
            self._steps.append(_Step())
            step = self._steps[-1]
        step.has_duration = True
        step.days = int(piece.low) if piece.low == piece.high and piece.low else None

    # The clauses together.

    def _result(self) -> Dosage:
        if len(self._steps) > 1:
            return self._changing()
        step = self._steps[0]
        clause = self._clause
        single = clause.dose is not None and not clause.complete and len(step.clauses) == 1
        low: Fraction | None = None
        high: Fraction | None = None
        if single or (clause.dose is None and len(step.clauses) == 1):
            # How much at a time, or at most; not how much a day.
            if not (self._as_needed or (self._has_maximum and (single or self._maximum is not None))):
                raise NotUnderstood
            if clause.count or clause.daily or clause.rate or clause.times or clause.weekdays:
                raise NotUnderstood
            if single and clause.dose is not None and self._most_times is not None:
                self._maximum = clause.dose[1] * self._most_times
        else:
            low, high = self._together(step)
        unit = self._unit_of_all()
        return self._within_bounds(
            Dosage(
                low=low,
                high=high,
                unit=unit,
                as_needed=self._as_needed,
                has_maximum=self._has_maximum,
                maximum=self._maximum,
                course_days=step.days,
            )
        )

    def _changing(self) -> Dosage:
        steps = []
        for step in self._steps:
            if step.days == 1 and len(step.clauses) == 1 and step.last.dose is not None and not step.last.has_when:
                low, high = step.last.dose
            else:
                low, high = self._together(step)
            steps.append(DoseStep(low * self._sides, high * self._sides, step.days))
        if any(not step.has_duration for step in self._steps[:-1]):
            raise NotUnderstood
        return self._within_bounds(
            Dosage(
                low=None,
                high=None,
                unit=self._unit_of_all(),
                as_needed=self._as_needed,
                has_maximum=self._has_maximum,
                maximum=self._maximum,
                steps=tuple(steps),
            )
        )

    def _together(self, step: _Step) -> tuple[Fraction, Fraction]:
        """Units a day of clauses that hold at the same time."""
        clauses = step.clauses
        if len(clauses) > 1:
            _fits_together(clauses)
        low = high = Fraction(0)
        for clause in clauses:
            if clause.alternates and not (clause.daily or (clause.rate and clause.rate.low == Fraction(1, 2))):
                raise NotUnderstood
            if clause.alternates and clause.rate is not None:
                clause.rate = None
                clause.daily = True
            if clause.other_days:
                taken = sum(len(other.weekdays) for other in clauses)
                clause.weekdays = [f"other {number}" for number in range(7 - taken)]
            fewest, most = clause.a_day()
            low, high = low + fewest, high + most
        sides = 1 if step is not self._steps[0] or len(self._steps) > 1 else self._sides
        return low * sides, high * sides

    def _unit_of_all(self) -> str:
        units = self._units | {clause.unit for step in self._steps for clause in step.clauses}
        units.discard("")
        if len(units) == 2:
            # "1 tablett vid behov, max 8 st per dygn": pieces are what the text counts in.
            units.discard("piece")
        if len(units) > 1:
            raise NotUnderstood
        return next(iter(units), "")

    def _within_bounds(self, dosage: Dosage) -> Dosage:
        most = _MOST_A_DAY.get(dosage.unit, _MOST_COUNTED_A_DAY)
        assert dosage.unit in COUNTED_UNITS or dosage.unit in _MOST_A_DAY
        amounts = [(step.low, step.high) for step in dosage.steps]
        if dosage.low is not None and dosage.high is not None:
            amounts.append((dosage.low, dosage.high))
        if any(high <= 0 or high > most for _, high in amounts):
            raise NotUnderstood
        if dosage.low == 0 or (dosage.maximum is not None and dosage.maximum > most):
            raise NotUnderstood
        if dosage.maximum is None or dosage.low is None or dosage.high is None:
            return dosage
        if dosage.maximum < dosage.low:
            raise NotUnderstood
        return _cut_at_maximum(dosage, dosage.maximum, dosage.high)


def _cut_at_maximum(dosage: Dosage, maximum: Fraction, high: Fraction) -> Dosage:
    return (
        dosage
        if high <= maximum
        else Dosage(dosage.low, maximum, dosage.unit, dosage.as_needed, True, maximum, dosage.course_days, dosage.steps)
    )


def _fits_together(clauses: list[_Clause]) -> None:
    """Refuse clauses of which it is not clear that they add up.

    They do where each names its own times of day, or its own days of the week, where they share out every other day
    among themselves, and where "and" joins what has its own number of times.
    """
    days = [day for clause in clauses for day in clause.weekdays]
    if all(clause.weekdays or clause.other_days for clause in clauses):
        if (
            len(set(days)) < len(days)
            or sum(clause.other_days for clause in clauses) > 1
            or len(days) > 6 + (not any(clause.other_days for clause in clauses))
        ):
            raise NotUnderstood
        return
    if any(clause.weekdays or clause.other_days for clause in clauses):
        raise NotUnderstood
    if all(clause.rate is not None for clause in clauses):
        rates = {(clause.rate.low, clause.rate.high) for clause in clauses if clause.rate is not None}
        if len(clauses) != 2 or rates != {(Fraction(1, 2), Fraction(1, 2))} or any(clause.times for clause in clauses):
            raise NotUnderstood
        return
    times = [time for clause in clauses for time in clause.times]
    if any(clause.rate is not None for clause in clauses) or len(set(times)) < len(times):
        raise NotUnderstood
    for clause in clauses:
        if clause.times:
            continue
        beside = [other for other in clauses if other is not clause]
        if not clause.count or clause.parts > 1 or not any(other.joined for other in [*beside, clause]):
            raise NotUnderstood
        if any(not other.times for other in beside):
            raise NotUnderstood
