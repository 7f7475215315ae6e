"""What a cell counts and where it stands, in words, and the short mark by which an officer names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from linkage.errors import InputRefused, NotFound
from linkage_core.disclosure.cell_names import CellName
from linkage_core.disclosure.person_cells import POPULATION_KEY
from linkage_server.release.context import ReleaseContext, Text
from linkage_server.release.recipe import HiddenCell
from linkage_server.reviews.review_desk import OpenReview
from linkage_server.reviews.rule_words import Language

_MARK = re.compile(r"([ps])(\d{1,9})")
_ROLES: dict[str, dict[Language, str]] = {
    "numerator": {"en": "persons counted in {title}", "sv": "personer som räknas i {title}"},
    "denominator": {"en": "persons behind {title}", "sv": "personer bakom {title}"},
    "sum": {"en": "sum of {title}", "sv": "summa av {title}"},
    "person_time": {"en": "person-time of {title}", "sv": "persontid för {title}"},
    "reason": {"en": "persons without a value in {title}", "sv": "personer utan värde i {title}"},
}
_EVERYBODY: dict[Language, str] = {"en": "persons of the population", "sv": "personer i populationen"}
_TOTAL: dict[Language, str] = {"en": "in all", "sv": "totalt"}
_FURTHER: dict[Language, str] = {"en": "{what} and {more} more", "sv": "{what} och {more} till"}


@dataclass(frozen=True)
class CellWords:
    """Words for the cells of one version.

    Args:
        opened: the version.
        language: en or sv.
    """

    opened: OpenReview
    language: Language

    def mark(self, kind: str, number: int) -> str:
        """The cell's mark, such as p17; it holds for this version only."""
        return f"{kind[0]}{number}"

    def number(self, mark: str) -> tuple[str, int]:
        """Kind and number of the cell that a mark names.

        Raises:
            InputRefused: it is no mark.
            NotFound: the version has no such cell.
        """
        found = _MARK.fullmatch(mark)
        if found is None:
            raise InputRefused("a cell is named by a mark such as p17.", mend="See: linkage-server releases cells")
        kind = "persons" if found[1] == "p" else "sum"
        if int(found[2]) >= self.opened.table.side(kind).blank.size:
            raise NotFound("the table has no such cell.", mend="See: linkage-server releases cells")
        return kind, int(found[2])

    def stored(self, mark: str) -> HiddenCell:
        """The cell as a version stores it."""
        kind, number = self.number(mark)
        return HiddenCell.of(self.opened.table.side(kind).names[number])

    def what(self, name: CellName) -> str:
        """What a cell counts."""
        if name.kind == "persons" and name.key == POPULATION_KEY:
            return _EVERYBODY[self.language]
        roles = self._roles.get((name.kind, name.key), [])
        if not roles:
            return name.key
        role, title = roles[0]
        what = _ROLES[role][self.language].format(title=title)
        return _FURTHER[self.language].format(what=what, more=len(roles) - 1) if len(roles) > 1 else what

    def where(self, name: CellName) -> str:
        """Its levels."""
        context = self.opened.context
        levels = (
            f"{_stratum(context, one, self.language)}: {_level(context, one, at, self.language)}" for one, at in name.at
        )
        return ", ".join(levels) or _TOTAL[self.language]

    def words(self, name: CellName) -> str:
        """What a cell counts, and where."""
        return f"{self.what(name)} ({self.where(name)})"

    @cached_property
    def _roles(self) -> dict[tuple[str, str], list[tuple[str, str]]]:
        """By kind and key: as what it stands in which indicators, the most telling first."""
        found: dict[tuple[str, str], dict[tuple[str, str], None]] = {}
        counted = self.opened.counted
        for role, kind in (
            ("numerator", "persons"),
            ("sum", "sum"),
            ("person_time", "sum"),
            ("denominator", "persons"),
        ):
            for line in (*counted.lines, *(rate.line for rate in counted.rates)):
                if key := getattr(line, f"{role}_key"):
                    title = self._title(line.indicator, line.parameters)
                    found.setdefault((kind, key), {})[role, title] = None
        for told in counted.classes:
            title = self._title(told.indicator, told.parameters)
            found.setdefault(("persons", told.persons_key), {})["numerator", title] = None
        for indicator, _, key in counted.reasons:
            found.setdefault(("persons", key), {})["reason", self._title(indicator.partition("/")[0], "")] = None
        return {key: list(roles) for key, roles in found.items()}

    def _title(self, indicator: str, parameters: str) -> str:
        title = _in(self.opened.context.indicator(indicator).title, self.language)
        return f"{title} ({parameters})" if parameters else title


def _in(text: Text, language: Language) -> str:
    return text.sv if language == "sv" and text.sv else text.en


def _stratum(context: ReleaseContext, name: str, language: Language) -> str:
    return _in(context.strata_titles[name], language) if name in context.strata_titles else context.stratum_title(name)


def _level(context: ReleaseContext, stratum: str, level: str, language: Language) -> str:
    title = context.level_titles.get(stratum, {}).get(level)
    return _in(title, language) if title else context.level_title(stratum, level)
