"""Which persons a class holds, in words: "who discontinued on days 31 to 90"."""

from __future__ import annotations

import re

from linkage_core.class_table import ClassKind
from linkage_server.reviews.rule_words import Language

_ENDED: dict[str, dict[Language, str]] = {
    "discontinued": {"en": "discontinued", "sv": "avslutade behandlingen"},
    "initiated": {"en": "began treatment", "sv": "började behandlingen"},
    "died": {"en": "died", "sv": "avled"},
    "left": {"en": "left observation", "sv": "lämnade observationen"},
    "still_followed": {"en": "were followed to the end without the event", "sv": "följdes till slutet utan händelsen"},
}
_OR: dict[Language, str] = {"en": " or ", "sv": " eller "}
_DAYS: dict[Language, tuple[str, str]] = {
    "en": ("on days {first} to {last}", "from day {first} on"),
    "sv": ("dag {first} till {last}", "från dag {first}"),
}
_VALUES: dict[Language, tuple[str, str, str]] = {
    "en": ("with a value from {first} to below {last}", "with a value from {first} on", "with a value below {last}"),
    "sv": ("med ett värde från {first} till under {last}", "med ett värde från {first}", "med ett värde under {last}"),
}
_PATHS: dict[Language, tuple[str, str, str]] = {
    "en": ("on the path {path}", "without any line", "on a rarer path of {lines} lines"),
    "sv": ("med vägen {path}", "utan någon linje", "med en ovanligare väg av {lines} linjer"),
}
_WHO: dict[Language, str] = {"en": "who", "sv": "som"}
_LINES = re.compile(r"other of (\d+)")


def class_words(kind: ClassKind, words: str, language: Language) -> str:
    """A class as a clause that stands after "persons of an indicator".

    Args:
        words: the class as a parameter, such as "days=31..90;ended=discontinued".
    """
    told = dict(part.split("=", 1) for part in words.split(";"))
    if kind is ClassKind.PATHS:
        named, none, rest = _PATHS[language]
        if rare := _LINES.fullmatch(told["path"]):
            return none if rare[1] == "0" else rest.format(lines=rare[1])
        return none if told["path"] == "none" else named.format(path=told["path"])
    if kind is ClassKind.VALUES:
        first, _, last = told["value"].partition("..")
        both, above, below = _VALUES[language]
        return (both if first and last else above if first else below).format(first=first, last=last)
    first, _, last = told["days"].partition("..")
    between, on = _DAYS[language]
    when = (between if last else on).format(first=first, last=last)
    endings = f"{_WHO[language]} {_OR[language].join(_ended(one, language) for one in told['ended'].split('_or_'))}"
    # From the first day on is whenever it was.
    return endings if (first, last) == ("0", "") else f"{endings} {when}"


def _ended(ending: str, language: Language) -> str:
    return _ENDED[ending][language] if ending in _ENDED else ending.replace("_", " ")
