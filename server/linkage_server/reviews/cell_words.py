"""What a cell counts and where it stands, in words, and the short mark by which an officer names it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from linkage.errors import InputRefused, NotFound
from linkage_core.class_table import ClassTable
from linkage_core.disclosure.cell_names import CellName
from linkage_core.disclosure.person_cells import POPULATION_KEY
from linkage_server.release.context import ReleaseContext, Text
from linkage_server.release.recipe import HiddenCell
from linkage_server.release.wording import parameters_title
from linkage_server.reviews.class_words import class_words
from linkage_server.reviews.point_words import point_in_swedish
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
_OF_CLASS: dict[Language, str] = {"en": "persons in {title} {those}", "sv": "personer i {title} {those}"}
_CLASSES: dict[Language, str] = {"en": "classes of {title}", "sv": "klasser av {title}"}
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
        """What a cell counts; where it is told by class, the class with it."""
        if told := self._class_of(name):
            table, words = told
            those = class_words(table.kind, words, self.language)
            title = self._title(table.indicator, table.parameters)
            return _OF_CLASS[self.language].format(title=title, those=those)
        if name.kind == "persons" and name.key == POPULATION_KEY:
            return _EVERYBODY[self.language]
        roles = self._roles.get((name.kind, name.key), [])
        if not roles:
            return self._unprinted(name.key)
        role, indicator, parameters = roles[0]
        of_same = [other for _, one, other in roles if one == indicator]
        # Several points of one indicator: what they share, instead of the first of them.
        shared = [part for part in parameters.split(";") if all(part in other.split(";") for other in of_same)]
        what = _ROLES[role][self.language].format(title=self._title(indicator, ";".join(shared)))
        more = len({one for _, one, _ in roles}) - 1
        return _FURTHER[self.language].format(what=what, more=more) if more else what

    def where(self, name: CellName) -> str:
        """Its levels, but the class that persons are told by."""
        levels = (f"{self.stratum(one)}: {self.level(one, at)}" for one, at in name.at if one not in self._class_axes)
        return ", ".join(levels) or _TOTAL[self.language]

    def stratum(self, name: str) -> str:
        """Title of a stratum, or of the classes that persons are told by."""
        if told := self._class_axes.get(name):
            title = self._title(told.indicator, told.parameters)
            return _CLASSES[self.language].format(title=title)
        return _stratum(self.opened.context, name, self.language)

    def level(self, stratum: str, level: str) -> str:
        """Title of a level, or which persons a class holds."""
        if told := self._class_axes.get(stratum):
            return class_words(told.kind, level, self.language)
        return _level(self.opened.context, stratum, level, self.language)

    def words(self, name: CellName) -> str:
        """What a cell counts, and where."""
        return f"{self.what(name)} ({self.where(name)})"

    @cached_property
    def _class_axes(self) -> dict[str, ClassTable]:
        """The strata that are classes of persons, each with what is told by it."""
        return {told.axis: told for told in self.opened.counted.classes}

    def _class_of(self, name: CellName) -> tuple[ClassTable, str] | None:
        return next(((self._class_axes[one], at) for one, at in name.at if one in self._class_axes), None)

    def _unprinted(self, key: str) -> str:
        """A set of persons that no line prints by itself: indicator, point and role."""
        indicator, _, rest = key.partition("/")
        parameters, _, role = rest.rpartition("/")
        if role not in _ROLES or all(one.id != indicator for one in self.opened.context.indicators):
            return key
        return _ROLES[role][self.language].format(title=self._title(indicator, parameters))

    @cached_property
    def _roles(self) -> dict[tuple[str, str], list[tuple[str, str, str]]]:
        """By kind and key: role, indicator and parameters wherever it stands, the most telling first."""
        found: dict[tuple[str, str], dict[tuple[str, str, str], None]] = {}
        counted = self.opened.counted
        for role, kind in (
            ("numerator", "persons"),
            ("sum", "sum"),
            ("person_time", "sum"),
            ("denominator", "persons"),
        ):
            for line in (*counted.lines, *(rate.line for rate in counted.rates)):
                if key := getattr(line, f"{role}_key"):
                    found.setdefault((kind, key), {})[role, line.indicator, line.parameters] = None
        for told in counted.classes:
            found.setdefault(("persons", told.persons_key), {})["denominator", told.indicator, told.parameters] = None
        for indicator, _, key in counted.reasons:
            found.setdefault(("persons", key), {})["reason", indicator.partition("/")[0], ""] = None
        return {key: list(roles) for key, roles in found.items()}

    def _title(self, indicator: str, parameters: str) -> str:
        title = _in(self.opened.context.indicator(indicator).title, self.language)
        return f"{title} ({self._point(parameters)})" if parameters else title

    def _point(self, parameters: str) -> str:
        """A point of a grid."""
        return parameters_title(parameters) if self.language == "en" else point_in_swedish(parameters)


def _in(text: Text, language: Language) -> str:
    return text.sv if language == "sv" and text.sv else text.en


def _stratum(context: ReleaseContext, name: str, language: Language) -> str:
    return _in(context.strata_titles[name], language) if name in context.strata_titles else context.stratum_title(name)


def _level(context: ReleaseContext, stratum: str, level: str, language: Language) -> str:
    title = context.level_titles.get(stratum, {}).get(level)
    return _in(title, language) if title else context.level_title(stratum, level)
