"""The layout of a table handed to `lab protect`: dimensions with hierarchies, measures, rules, what a reader knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from linkage.definition_errors import refusal
from linkage.disclosure_policy import DisclosurePolicy, Dominance
from linkage.errors import InputRefused
from linkage.perturbation_rules import RoundingMethod
from linkage_core.disclosure.cell_system import Flags

_MEND = "See the layout's description in docs/decisions/secondary-suppression.md."


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LayoutDimension(_Part):
    """A dimension: the code of its total, and one or more trees of codes below it."""

    total: str
    hierarchies: tuple[dict[str, tuple[str, ...]], ...] = Field(min_length=1)


class Measure(_Part):
    """What a column counts."""

    kind: Literal["count", "magnitude"]


class Rules(_Part):
    """Rules of one measure; they can only be stricter than the policy."""

    min_count: int = 0
    min_width: int = 0
    zero_sensitive: bool = False
    reach_threshold: bool = False
    min_contributors: int = 0
    nk: tuple[Dominance, ...] = ()
    p_percent: int = Field(default=0, ge=0, le=100)


PublishedTable = dict[str, Literal["all"] | tuple[str, ...]]
"""The codes of each dimension that one table shows; a dimension that is not named stands at its total."""


class Attacker(_Part):
    """What a reader knows.

    `absent` tells whether she takes a leaf cell without a row for 0, or cannot tell it from a blank one. `known` are
    tables, each by its name, whose numbers she has already: who sent the persons knows how many are in each stratum.
    """

    zeros_published: bool = True
    absent: Literal["zero", "unknown"] = "zero"
    multi_response: tuple[str, ...] = ()
    known: dict[str, PublishedTable] = {}


class LayoutRounding(_Part):
    """Rounding of counts, as the layout writes it."""

    kind: RoundingMethod
    base: int = Field(ge=2, le=1000)


class LayoutMechanism(_Part):
    """How counts are changed: rounded, or by noise of at most so much, as far as the policy allows it."""

    rounding: LayoutRounding | None = None
    noise_bound: int | None = None


class DerivedShare(_Part):
    """A cell's number by the one at the total of a dimension."""

    kind: Literal["share"]
    measure: str
    of: str


class DerivedMean(_Part):
    """A sum by a count."""

    kind: Literal["mean"]
    sum: str
    count: str


Derived = DerivedShare | DerivedMean


class Layout(_Part):
    """The whole layout file.

    `tables` are the tables that are published of one crossing, each by its name; without them the crossing itself is.
    `derived` are figures that are formed of what is printed.
    """

    dims: dict[str, LayoutDimension] = Field(min_length=1)
    tables: dict[str, PublishedTable] = {}
    measures: dict[str, Measure] = Field(min_length=1)
    rules: dict[str, Rules] = {}
    attacker: Attacker = Attacker()
    mechanism: LayoutMechanism = LayoutMechanism()
    derived: dict[str, Derived] = {}

    def counts_of(self, measure: str) -> list[str]:
        """The counts that a sum is divided by."""
        return [one.count for one in self.derived.values() if isinstance(one, DerivedMean) and one.sum == measure]

    @property
    def in_turn(self) -> list[tuple[str, Measure]]:
        """Measures in the order of the file, but counts first: sums follow them."""
        return sorted(self.measures.items(), key=lambda one: one[1].kind == "magnitude")

    @property
    def has_counts_only(self) -> bool:
        """Whether no measure is a sum."""
        return all(measure.kind == "count" for measure in self.measures.values())

    @property
    def is_one_count(self) -> bool:
        """Whether the table has one measure, a count."""
        return self.has_counts_only and len(self.measures) == 1

    def multi_response(self, policy: DisclosurePolicy) -> list[str]:
        """Dimensions in which a person may stand under several codes: the layout's, and those that the policy names."""
        return [name for name in self.dims if name in self.attacker.multi_response or name in policy.multi_response]

    def policy_for(self, measure: str, policy: DisclosurePolicy) -> DisclosurePolicy:
        """The policy, made stricter by the measure's own rules."""
        rules = self.rules.get(measure, Rules())
        return policy.model_copy(
            update={
                "minimum_cell": max(policy.minimum_cell, rules.min_count),
                "minimum_candidates": max(policy.minimum_candidates, rules.min_width + 1),
                "minimum_contributors": max(policy.minimum_contributors, rules.min_contributors),
                "zero_shown": policy.zero_shown and not rules.zero_sensitive and self.attacker.zeros_published,
                "reach_threshold": policy.reach_threshold or rules.reach_threshold,
                "dominance": _strictest(policy.dominance, rules.nk),
                "p_percent": max(policy.p_percent, rules.p_percent),
            }
        )


@dataclass(frozen=True, slots=True)
class Codes:
    """One dimension, its codes numbered.

    Args:
        codes: leaves first, in the order of the file, the total last.
        leaves: how many of them are leaves.
        families: (parent, children) of every tree, as numbers.
        below: leaves under each code, as numbers.
        adds_up: a person stands under one leaf. Else every code is a leaf of its own, given in the table.
    """

    codes: tuple[str, ...]
    leaves: int
    families: tuple[tuple[int, tuple[int, ...]], ...]
    below: tuple[tuple[int, ...], ...]
    adds_up: bool = True


def published_cells(layout: Layout, codes: Mapping[str, Codes], path: Path) -> Flags | None:
    """Cells that some table of the layout shows, flat; None where the crossing itself is published.

    Raises:
        InputRefused: a table shows nothing, or names a dimension or a code that is not there.
    """
    return _cells_of(layout.tables, codes, path, under="tables")


def known_cells(layout: Layout, codes: Mapping[str, Codes], path: Path) -> Flags | None:
    """Cells whose numbers a reader has already, flat; None for none. Raises as `published_cells`."""
    return _cells_of(layout.attacker.known, codes, path, under="attacker.known")


def _cells_of(
    tables: Mapping[str, PublishedTable], codes: Mapping[str, Codes], path: Path, *, under: str
) -> Flags | None:
    if not tables:
        return None
    found = np.zeros([len(own.codes) for own in codes.values()], dtype=np.bool_)
    for table, shows in tables.items():
        if strange := sorted(set(shows) - set(codes)):
            raise InputRefused(
                f"{path}: {under}.{table} names dimensions that are not there: {_some(strange)}.",
                mend="Name them under dims, or leave them out.",
            )
        places = []
        for name, own in codes.items():
            wanted = shows.get(name, own.codes[-1:])
            if wanted == "all":
                wanted = own.codes
            if strange := sorted(set(wanted) - set(own.codes)):
                raise InputRefused(
                    f"{path}: {under}.{table} shows codes that dimension {name!r} does not have: {_some(strange)}.",
                    mend="Name codes of its hierarchies.",
                )
            places.append([own.codes.index(code) for code in wanted])
        if not all(places):
            raise InputRefused(f"{path}: {under}.{table} shows no code of a dimension.", mend="Name some, or 'all'.")
        found[np.ix_(*places)] = True
    return found.ravel()


def read_layout(path: Path) -> Layout:
    """Read a layout file.

    Raises:
        InputRefused: unreadable, or a field is wrong.
    """
    try:
        layout = Layout.model_validate_json(path.read_bytes())
    except OSError:
        raise InputRefused(f"{path}: cannot be read.", mend="Check the path.") from None
    except ValidationError as problems:
        raise _refused(problems, path) from None
    missing = [name for name in layout.rules if name not in layout.measures]
    if missing:
        raise InputRefused(f"{path}: rules for measures that are not there: {missing}.", mend=_MEND)
    if strange := sorted(set(layout.attacker.multi_response) - set(layout.dims)):
        raise InputRefused(
            f"{path}: attacker.multi_response names dimensions that are not there: {strange}.", mend=_MEND
        )
    for name, rule in layout.rules.items():
        if layout.measures[name].kind == "count" and (rule.nk or rule.p_percent):
            raise InputRefused(
                f"{path}: rules.{name}: nk (dominance) and p_percent are for magnitudes; {name!r} is a count.",
                mend="Leave them out, or call the measure a magnitude.",
            )
    _refuse_other_figures(layout, path)
    return layout


def _refused(problems: ValidationError, path: Path) -> InputRefused:
    (first, *_) = problems.errors(include_input=False, include_url=False)
    if first["type"] == "json_invalid":
        return InputRefused(f"{path}: is not JSON: {first['ctx']['error']}.", mend="Mend the line that is named.")
    found = refusal(problems, source=str(path))
    return InputRefused(found.message, mend=f"{found.mend} {_MEND}")


def _refuse_other_figures(layout: Layout, path: Path) -> None:
    kinds = {name: measure.kind for name, measure in layout.measures.items()}
    for name, figure in layout.derived.items():
        if name in kinds or name in layout.dims:
            raise InputRefused(f"{path}: derived.{name} is the name of another column.", mend="Choose a new name.")
        if isinstance(figure, DerivedShare):
            if figure.measure not in kinds or figure.of not in layout.dims:
                raise InputRefused(
                    f"{path}: derived.{name} is of a measure or dimension that is not there.", mend="Name those of it."
                )
        elif (kinds.get(figure.sum), kinds.get(figure.count)) != ("magnitude", "count"):
            # One count by another is a share of persons, and its rest would be protected by nobody.
            raise InputRefused(
                f"{path}: derived.{name}: a mean is a magnitude by a count.",
                mend="For a share, make what is counted a dimension of the table: then the rest is protected too.",
            )


def _strictest(one: tuple[Dominance, ...], other: tuple[Dominance, ...]) -> tuple[Dominance, ...]:
    """All rules of both that decide: of two, the one with the greater n and the smaller k stands for the other."""
    rules = sorted({*one, *other})
    return tuple((n, k) for n, k in rules if not any((m, at) != (n, k) and m >= n and at <= k for m, at in rules))


def number_codes(name: str, dimension: LayoutDimension, *, adds_up: bool = True) -> Codes:
    """Number the codes of a dimension.

    Args:
        name: of the dimension, for refusals.
        dimension: its hierarchies.
        adds_up: whether its codes add up to their totals.

    Raises:
        InputRefused: a tree has a loop, a gap, a code under two parents, or other leaves than the first tree.
    """
    parents = list(dict.fromkeys(p for tree in dimension.hierarchies for p in tree))
    children = list(dict.fromkeys(c for tree in dimension.hierarchies for kids in tree.values() for c in kids))
    leaves = [code for code in children if code not in parents]
    inner = [code for code in parents if code != dimension.total]
    codes = (*leaves, *inner, dimension.total)
    number = {code: i for i, code in enumerate(codes)}
    below: dict[str, set[str]] = {leaf: {leaf} for leaf in leaves}
    for tree in dimension.hierarchies:
        named = [code for kids in tree.values() for code in kids]
        if twice := sorted(code for code, times in Counter(named).items() if times > 1):
            raise InputRefused(
                f"dimension {name!r}: a code stands under two parents of one hierarchy: {_some(twice)}.",
                mend="Give each code one parent, or write the second grouping as a hierarchy of its own.",
            )
        if childless := sorted(parent for parent, kids in tree.items() if not kids):
            raise InputRefused(
                f"dimension {name!r}: a parent has no children: {_some(childless)}.",
                mend="Name its children, or leave it out as a parent.",
            )
        found = _leaves_under(name, dimension.total, tree, set())
        if found != set(leaves):
            raise InputRefused(
                f"dimension {name!r}: a hierarchy does not lead from its total to all leaves: "
                f"{_some(sorted(found ^ set(leaves)))}.",
                mend="Every hierarchy starts at the total and ends at the same leaves.",
            )
        for parent in tree:
            under = _leaves_under(name, parent, tree, set())
            if below.setdefault(parent, under) != under:
                raise InputRefused(
                    f"dimension {name!r}: one code means two things in two hierarchies: {parent!r}.",
                    mend="Give the two groups two codes.",
                )
    families = [
        (number[p], tuple(number[c] for c in kids)) for tree in dimension.hierarchies for p, kids in tree.items()
    ]
    below_codes = tuple(tuple(sorted(number[c] for c in below[k])) for k in codes)
    if not adds_up:
        return Codes(codes, len(codes), tuple(dict.fromkeys(families)), tuple((i,) for i in range(len(codes))), False)
    return Codes(codes, len(leaves), tuple(dict.fromkeys(families)), below_codes)


def _some(codes: list[str]) -> str:
    """The first codes of a list, for a refusal."""
    return ", ".join(map(repr, codes[:5])) + (" and more" if len(codes) > 5 else "")


def _leaves_under(name: str, code: str, tree: dict[str, tuple[str, ...]], path: set[str]) -> set[str]:
    if code in path:
        raise InputRefused(
            f"dimension {name!r}: a hierarchy runs in a loop through {code!r}.", mend="Take the code out below itself."
        )
    if code not in tree:
        return {code}
    return set().union(*(_leaves_under(name, child, tree, path | {code}) for child in tree[code]))
