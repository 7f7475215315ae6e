"""Cuts a text into pieces that mean something: numbers and ranges, units, frequencies, times of day, durations."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from linkage_core.dosage_texts.dosage import NotUnderstood
from linkage_core.dosage_texts.spelling import mended
from linkage_core.dosage_texts.vocabulary import (
    CHANGES,
    FRACTIONS,
    NUMBERS,
    ORDINALS,
    PERIOD_HOURS,
    PURPOSES,
    Kind,
    Meaning,
    known_words,
    phrases,
    without_marks,
)

LONGEST_TEXT = 400
"""Characters; the register's own field holds fewer. A longer text is not looked at."""
_MOST_TOKENS = 120
_LONGEST_PHRASE = 6

_SAME = str.maketrans({**dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"), "×": "x", "*": "x", "\u00a0": " "})
_TOKEN = re.compile(
    r"(?P<fraction>\d/\d(?!\d)|[½¼¾⅓⅔])"
    r"|(?P<clock>\d{1,2}:\d{2}(?!\d))"
    r"|(?P<ordinal>\d{1,3} ?:[a-zåäö]{1,3}(?![a-zåäö])|\d{1,3}e(?![a-zåäö]))"
    r"|(?P<number>\d{1,5}(?:[.,]\d{1,3})?(?!\d))"
    r"|(?P<abbreviation>(?:[a-zåäö]\.){2,}|[a-zåäö]\.[a-zåäö](?![a-zåäö]))"
    r"|(?P<word>[a-zåäöéàµ]+)"
    r"|(?P<sign>[-+/,.;:()!&])",
    re.ASCII,
)
_ORDINAL_ENDINGS = frozenset(("e", "a", "de", "dje", "nde", "te"))
_NUMBERS = {**NUMBERS, **{without_marks(word): number for word, number in NUMBERS.items()}}
_ORDINALS = {**ORDINALS, **{without_marks(word): number for word, number in ORDINALS.items()}}
_RANGE_WORDS = frozenset(("-", "till", "à", "a", "eller", "alt", "alternativt"))
_SEPARATORS = frozenset(",.;:()!")
_GOES_ON = (Kind.PURPOSE, Kind.NEUTRAL, Kind.AND)
_RATE_LIMIT = 366 * 24


class _Token(NamedTuple):
    sort: str
    text: str


def lexemes(text: str) -> list[Meaning]:
    """The pieces of a text, in order.

    Raises:
        NotUnderstood: it is empty, too long, or holds a sign, word or number that is not known.
    """
    if len(text) > LONGEST_TEXT:
        raise NotUnderstood
    tokens = _tokens(unicodedata.normalize("NFC", text).lower().translate(_SAME))
    if not tokens or len(tokens) > _MOST_TOKENS:
        raise NotUnderstood
    return _Cutter(tokens).meanings()


def _tokens(plain: str) -> list[_Token]:
    tokens, place = [], 0
    while place < len(plain):
        if plain[place] in " \t\r\n":
            place += 1
            continue
        match = _TOKEN.match(plain, place)
        if match is None:
            raise NotUnderstood
        sort = str(match.lastgroup)
        text = match[0].replace(".", "") if sort == "abbreviation" else match[0]
        tokens.append(_Token(sort, text))
        place = match.end()
    return tokens


class _Cutter:
    """Goes through the tokens from left to right; the longest piece that fits is taken, and none is looked at again."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._known = phrases()
        self._words = [self._known_word(token) for token in tokens]
        self._place = 0
        self._saying_why = False

    def meanings(self) -> list[Meaning]:
        """Every piece."""
        found: list[Meaning] = []
        while self._place < len(self._tokens):
            meaning = self._next()
            self._saying_why = meaning.kind is Kind.PURPOSE or (self._saying_why and meaning.kind in _GOES_ON)
            found.append(meaning)
        return found

    def _next(self) -> Meaning:
        readers: tuple[Callable[[], Meaning | None], ...] = (
            self._clock_times,
            self._schedule,
            self._duration,
            self._rate,
            self._days_of_week,
            self._weekday_range,
            self._before_a_meal,
            self._phrase,
            self._amount,
            self._separator,
            self._reason,
        )
        for read in readers:
            meaning = read()
            if meaning is not None:
                return meaning
        raise NotUnderstood

    def _known_word(self, token: _Token) -> str:
        """A token's text, with a typing error mended."""
        if token.sort != "word" or token.text in known_words() or token.text in PURPOSES:
            return token.text
        return mended(token.text) or token.text

    def _word(self, ahead: int = 0) -> str:
        place = self._place + ahead
        return self._words[place] if place < len(self._words) else ""

    def _sort(self, ahead: int = 0) -> str:
        place = self._place + ahead
        return self._tokens[place].sort if place < len(self._tokens) else ""

    # Numbers: how many tokens they take, and what they are.

    def _number(self, ahead: int = 0) -> tuple[int, Fraction] | None:
        """A number from a place on, and the place behind it: 2, 1,5, ½, 1 1/2, en och en halv."""
        whole = self._whole(ahead)
        if whole is None:
            return self._part(ahead)
        behind, number = whole
        if number.denominator == 1:
            part = self._part(behind)
            if part is not None and (number < 10 or self._sort(behind) != "fraction") and part[1] < 1:
                # "2 halva tabletter" is one tablet, or a slip of the pen: only signs and "och en halv" add up.
                if self._sort(behind) == "fraction":
                    return part[0], number + part[1]
                return part if self._word(ahead) in ("en", "ett") and number == 1 else None
            if self._word(behind) in ("och", "o", "&"):
                part = self._part(behind + 1)
                if part is not None:
                    return part[0], number + part[1]
        return whole

    def _whole(self, ahead: int) -> tuple[int, Fraction] | None:
        if self._sort(ahead) == "number":
            return ahead + 1, Fraction(self._word(ahead).replace(",", "."))
        if self._sort(ahead) == "word" and self._word(ahead) in _NUMBERS:
            return ahead + 1, Fraction(_NUMBERS[self._word(ahead)])
        return None

    def _part(self, ahead: int) -> tuple[int, Fraction] | None:
        """A half or a quarter, or "en halv"."""
        if self._word(ahead) in ("en", "ett") and self._word(ahead + 1) in FRACTIONS:
            ahead += 1
        if self._sort(ahead) == "fraction" and self._word(ahead) not in FRACTIONS:
            raise NotUnderstood
        return (ahead + 1, FRACTIONS[self._word(ahead)]) if self._word(ahead) in FRACTIONS else None

    def _numbers(self, ahead: int = 0) -> tuple[int, Fraction, Fraction] | None:
        """A number or a range from a place on: the place behind it, the lower and the upper end."""
        first = self._number(ahead)
        if first is None:
            return None
        behind, low = first
        if self._word(behind) in _RANGE_WORDS:
            second = self._number(behind + 1)
            if second is not None:
                after, high = second
                if high <= low or self._word(after) == "-":
                    raise NotUnderstood
                return after, low, high
        return behind, low, low

    def _ordinal(self, ahead: int) -> tuple[int, Fraction, Fraction] | None:
        """Every how many: 8:e, åttonde, 8, or a range of these."""
        first = self._one_ordinal(ahead)
        if first is None:
            return None
        behind, low = first
        if self._word(behind) in ("-", "till", "eller"):
            place = behind + 2 if self._word(behind + 1) == "var" else behind + 1
            second = self._one_ordinal(place)
            if second is None or second[1] <= low:
                raise NotUnderstood
            return second[0], low, second[1]
        return behind, low, low

    def _one_ordinal(self, ahead: int) -> tuple[int, Fraction] | None:
        if self._sort(ahead) == "ordinal":
            digits = re.match(r"\d+", self._tokens[self._place + ahead].text)
            ending = re.sub(r"[\d :]", "", self._tokens[self._place + ahead].text)
            if digits is None or ending not in _ORDINAL_ENDINGS:
                raise NotUnderstood
            return ahead + 1, Fraction(int(digits[0]))
        if self._sort(ahead) == "number" and "," not in self._word(ahead) and "." not in self._word(ahead):
            return ahead + 1, Fraction(self._word(ahead))
        if self._word(ahead) in _ORDINALS:
            return ahead + 1, Fraction(_ORDINALS[self._word(ahead)])
        return None

    # Pieces of a text: each takes its tokens, or none.

    def _taken(self, behind: int, meaning: Meaning) -> Meaning:
        self._place += behind
        return meaning

    def _clock_times(self) -> Meaning | None:
        """`kl 8, 14 och 20`, `08:00`: as many times of day as there are."""
        ahead = 1 if self._word() in ("kl", "klockan", "klock") else 0
        if ahead and self._word(1) == ".":
            ahead = 2
        hours: list[str] = []
        behind = ahead
        while True:
            hour = self._hour(ahead, named=behind > 0 and ahead > 0)
            if hour is None:
                break
            hours.append(hour)
            behind = ahead + 1
            ahead = behind + (self._word(behind) in (",", "och", "o", "&", "samt"))
            if self._word(ahead) in ("kl", "klockan"):
                ahead += 1 + (self._word(ahead + 1) == ".")
            if ahead == behind:
                break
        if not hours:
            return None
        if len(set(hours)) < len(hours):
            raise NotUnderstood
        return self._taken(behind, Meaning(Kind.TIME_OF_DAY, " ".join(hours)))

    def _hour(self, ahead: int, *, named: bool) -> str | None:
        """An hour of the clock; a plain number is one only behind `kl`, and where no unit follows it."""
        if self._sort(ahead) == "clock":
            text = self._word(ahead)
        elif named and self._sort(ahead) == "number" and "," not in self._word(ahead):
            following = self._known.get((self._word(ahead + 1),))
            if following is not None and following.kind in (Kind.UNIT, Kind.BY, Kind.TIMES):
                return None
            if self._word(ahead + 1) in ("kl", "klockan", "-"):
                return None
            text = self._word(ahead).replace(".", ":")
        else:
            return None
        hour, _, minutes = text.partition(":")
        if len(hour) > 2 or int(hour) > 24 or len(minutes) not in (0, 2) or int(minutes or 0) > 59:
            raise NotUnderstood
        return f"{int(hour):02}:{minutes or '00'}"

    def _duration(self) -> Meaning | None:
        """`i 7 dagar`, `under 2 veckor`, `i en vecka`, `x 10 dagar`; also `7 dagar` alone."""
        ahead = 1 if self._word() in ("i", "under", "x") else 0
        if ahead and self._word(1) == "de" and self._word(2) == "första":
            ahead = 3
        length = self._numbers(ahead)
        if length is None:
            return None
        behind, low, high = length
        period = self._word(behind)
        if period in _MONTHS:
            return self._taken(behind + 1, Meaning(Kind.DURATION, "", Fraction(0), Fraction(0))) if ahead else None
        hours = PERIOD_HOURS.get(period, 0)
        if hours < 24 or self._word(behind + 1) in ("i", "per", "/", "om"):
            return None
        if low.denominator != 1 or high.denominator != 1:
            raise NotUnderstood
        days = Fraction(hours, 24)
        return self._taken(behind + 1, Meaning(Kind.DURATION, "", low * days, high * days))

    def _rate(self) -> Meaning | None:
        """`varannan dag`, `var 8:e timme`, `med 8 timmars mellanrum`."""
        if self._word() == "med":
            return self._apart()
        if self._word() in ("varannan", "vartannat"):
            behind, low, high = 1, Fraction(2), Fraction(2)
            evening = self._known.get((self._word(1),))
            if evening is not None and evening.kind is Kind.TIME_OF_DAY:
                return self._taken(1, _rate_of(low, high, 24))
        elif self._word() in ("var", "vart", "varje"):
            every = self._ordinal(1)
            if every is None and PERIOD_HOURS.get(self._word(1)) == 1:
                every = 1, Fraction(1), Fraction(1)
            if every is None:
                return None
            behind, low, high = every
        else:
            return None
        hours = PERIOD_HOURS.get(self._word(behind))
        if hours is None or low < 1:
            raise NotUnderstood
        return self._taken(behind + 1, _rate_of(low, high, hours))

    def _apart(self) -> Meaning | None:
        gap = self._numbers(1)
        if gap is None or self._word(gap[0]) not in ("timmars", "timmar", "tim", "h"):
            return None
        if self._word(gap[0] + 1) not in ("mellanrum", "intervall"):
            return None
        return self._taken(gap[0] + 2, _rate_of(gap[1], gap[2], 1))

    def _days_of_week(self) -> Meaning | None:
        """`3 dagar i veckan`."""
        days = self._numbers()
        if days is None or self._word(days[0]) not in ("dagar", "dag", "d", "ggr"):
            return None
        behind, low, high = days
        if self._word(behind) == "ggr" or high > 7 or self._word(behind + 1) not in ("i", "per", "/", "om"):
            return None
        if self._word(behind + 2) not in ("veckan", "vecka", "v"):
            return None
        return self._taken(behind + 3, Meaning(Kind.RATE, "days of week", low / 7, high / 7))

    def _weekday_range(self) -> Meaning | None:
        """`måndag till fredag`, `mån-fre`."""
        first = self._known.get((self._word(),))
        if first is None or first.kind is not Kind.WEEKDAYS or self._word(1) not in ("-", "till", "tom", "t o m"):
            return None
        last = self._known.get((self._word(2),))
        if last is None or last.kind is not Kind.WEEKDAYS:
            return None
        if self._word(3) == "-":
            days = [first.name]
            behind = 0
            while self._word(behind + 1) == "-":
                following = self._known.get((self._word(behind + 2),))
                if following is None or following.kind is not Kind.WEEKDAYS:
                    raise NotUnderstood
                days.append(following.name)
                behind += 2
            return self._taken(behind + 1, Meaning(Kind.WEEKDAYS, " ".join(days)))
        if " " in first.name + last.name or int(first.name) >= int(last.name):
            raise NotUnderstood
        if self._word(1) == "-" and int(last.name) - int(first.name) == 1:
            return self._taken(3, Meaning(Kind.WEEKDAYS, f"{first.name} {last.name}"))
        if self._word(1) == "-" and (first.name, last.name) not in (("0", "4"), ("0", "6"), ("5", "6"), ("0", "5")):
            # "mån-tor" may be two days, or four.
            raise NotUnderstood
        names = " ".join(str(day) for day in range(int(first.name), int(last.name) + 1))
        return self._taken(3, Meaning(Kind.WEEKDAYS, names))

    def _before_a_meal(self) -> Meaning | None:
        """`30 minuter före`: what follows is the meal."""
        minutes = self._numbers()
        if minutes is None or self._word(minutes[0]) not in _SHORT_TIMES:
            return None
        if self._word(minutes[0] + 1) not in ("före", "innan", "efter", "fore"):
            return None
        behind = minutes[0] + 1
        self._place += behind
        meal = self._phrase()
        if meal is None:
            raise NotUnderstood
        return meal

    def _phrase(self) -> Meaning | None:
        words: list[str] = []
        best: tuple[int, Meaning] | None = None
        behind = 0
        while self._word(behind) and len(words) < _LONGEST_PHRASE:
            # "enl. ord.": a dot inside a phrase says that a word is cut short.
            if self._word(behind) != "." or not words:
                words.append(self._word(behind))
                meaning = self._known.get(tuple(words))
                best = best if meaning is None else (behind + 1, meaning)
            behind += 1
        return None if best is None else self._taken(*best)

    def _schedule(self) -> Meaning | None:
        """`1+0+1`, `1-0-1`: amounts of one day."""
        parts: list[tuple[Fraction, Fraction]] = []
        sign = ""
        ahead = 0
        while True:
            number = self._number(ahead) if sign == "-" or self._dashed(ahead) else self._numbers(ahead)
            if number is None:
                return None
            parts.append((number[1], number[-1]))
            following = self._word(number[0])
            if following not in ("+", "-") or (sign and following != sign):
                break
            if self._number(number[0] + 1) is None:
                break
            sign = following
            ahead = number[0] + 1
        if len(parts) < 2 or (sign == "-" and len(parts) == 2):
            return None
        ascends = all(one[0] < other[0] for one, other in pairwise(parts))
        if len(parts) > 6 or (sign == "-" and (ascends or len(parts) > 4)):
            raise NotUnderstood
        low, high = sum((one[0] for one in parts), Fraction(0)), sum((one[1] for one in parts), Fraction(0))
        return self._taken(number[0], Meaning(Kind.SCHEDULE, str(len(parts)), low, high))

    def _dashed(self, ahead: int) -> bool:
        """Two dashes between numbers: a schedule, and no range."""
        dashes = 0
        while (number := self._number(ahead)) is not None and self._word(number[0]) == "-":
            dashes += 1
            ahead = number[0] + 1
        return dashes > 1 and self._number(ahead) is not None

    def _amount(self) -> Meaning | None:
        numbers = self._numbers()
        if numbers is None:
            return None
        behind, low, high = numbers
        if self._word(behind) == "(":
            # "1 (en) tablett": the same number in words.
            again = self._number(behind + 1)
            if again is not None and again[1] == low == high and self._word(again[0]) == ")":
                behind = again[0] + 1
        return self._taken(behind, Meaning(Kind.AMOUNT, "", low, high))

    def _separator(self) -> Meaning | None:
        if self._word() == "+":
            return self._taken(1, Meaning(Kind.AND))
        return self._taken(1, Meaning(Kind.SEPARATOR)) if self._word() in _SEPARATORS else None

    def _reason(self) -> Meaning | None:
        """A word that says why: one that is known to, or any behind `mot` or `för` that changes nothing."""
        word = self._word()
        if word in PURPOSES:
            return self._taken(1, Meaning(Kind.NEUTRAL))
        if self._saying_why and self._sort() == "word" and not word.startswith(CHANGES):
            return self._taken(1, Meaning(Kind.NEUTRAL, "why"))
        return None


_MONTHS = frozenset(("månad", "månader", "mån", "manad", "manader"))
_SHORT_TIMES = frozenset(("min", "minut", "minuter", "tim", "timme", "timmar", "timma", "h"))


def _rate_of(low: Fraction, high: Fraction, hours: int) -> Meaning:
    """Times a day of what comes every `low` to `high` periods of so many hours."""
    if high * hours > _RATE_LIMIT or low <= 0:
        raise NotUnderstood
    name = "hours" if hours == 1 else "days"
    return Meaning(Kind.RATE, name, 24 / (high * hours), 24 / (low * hours))
