"""What is counted among inhabitants, seen by a crossing: its strata in front, those it adds up behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_core.intervals import Floats
from linkage_core.rates import AGE
from linkage_core.rates.age_groups import as_band, regrouped
from linkage_server.lab.period_cells import AmongInhabitants, Axis, with_totals


@dataclass(frozen=True, slots=True)
class InhabitantCells:
    """Counts among inhabitants, with the strata of a crossing in front and the others behind.

    Args:
        kept: names of the crossing's strata; `rest` those of the others, age last.
        axes: of results: the crossing's strata and the row variable.
        counted: row levels + total x levels + 1 of each stratum; the last is of persons whom the table lacks.
        inhabitants: levels of each stratum.
        ages: age groups of `rest`; none where age is kept, or not told.
    """

    kept: tuple[str, ...]
    rest: tuple[str, ...]
    ages: tuple[str, ...]
    axes: tuple[Axis, ...]
    counted: Floats
    inhabitants: Floats

    def shaped(self, cube: Floats) -> Floats:
        """Row levels behind the strata; none where there is no row variable."""
        return cube[0] if len(self.axes) == len(self.kept) else np.moveaxis(cube, 0, len(self.kept))

    @property
    def inside(self) -> Floats:
        """Of persons whom the table has, with totals of the crossing's strata."""
        inside = self.counted[:, *([slice(None, -1)] * (len(self.kept) + len(self.rest)))]
        return with_totals(inside, first=1, after=1 + len(self.kept))

    @property
    def people(self) -> Floats:
        """Inhabitants, with totals of the crossing's strata and one row level."""
        return with_totals(self.inhabitants[np.newaxis], first=1, after=1 + len(self.kept))

    def over_rest(self, cube: Floats) -> Floats:
        """Add up what is behind the crossing's strata."""
        return np.asarray(cube.sum(axis=tuple(range(1 + len(self.kept), cube.ndim))), np.float64)

    def by_age(self, cube: Floats) -> Floats:
        """Add up what is behind the crossing's strata but age."""
        return np.asarray(cube.sum(axis=tuple(range(1 + len(self.kept), cube.ndim - 1))), np.float64)

    @property
    def outside(self) -> Floats:
        """What is counted of persons whom the table lacks."""
        everything = self.over_rest(self.counted)
        for axis in range(1, 1 + len(self.kept)):
            total = everything.sum(axis=axis, keepdims=True)
            everything = np.concatenate((np.delete(everything, -1, axis=axis), total), axis=axis)
        return everything - self.over_rest(self.inside)


def cells_of_crossing(among: AmongInhabitants, strata: Sequence[str]) -> InhabitantCells | None:
    """A crossing's view of what was counted; None where the inhabitants lack one of its strata."""
    names = [axis.name for axis in among.strata]
    counted, inhabitants = among.counted.astype(np.float64), among.inhabitants
    axes = []
    kept = []
    for spec in strata:
        name = AGE if spec.startswith(f"{AGE}:") else spec
        # A declared stratum of that name is not the table's age groups.
        if name not in names or spec == AGE:
            return None
        axis = among.strata[names.index(name)]
        if name == AGE and (bands := tuple(spec.removeprefix(f"{AGE}:").split(","))) != tuple(
            map(as_band, axis.levels)
        ):
            place = regrouped(axis.levels, bands)
            counted = _gathered(counted, 1 + names.index(name), np.append(place, -1), len(bands), others=True)
            inhabitants = _gathered(inhabitants, names.index(name), place, len(bands), others=False)
            axis = Axis(name, bands)
        kept.append(name)
        axes.append(axis)
    rest = sorted((name for name in names if name not in kept), key=lambda name: name == AGE)
    order = [names.index(name) for name in (*kept, *rest)]
    row = () if among.row is None else (among.row,)
    return InhabitantCells(
        kept=tuple(kept),
        rest=tuple(rest),
        ages=among.strata[names.index(AGE)].levels if AGE in rest else (),
        axes=(*axes, *row),
        counted=counted.transpose(0, *(1 + place for place in order)),
        inhabitants=inhabitants.transpose(order),
    )


def _gathered(cube: Floats, axis: int, place: npt.NDArray[np.int64], size: int, *, others: bool) -> Floats:
    """Add up the levels of an axis by their new place; -1 goes behind the last, or nowhere."""
    moved = np.moveaxis(cube, axis, 0)
    found = np.zeros((size + 1, *moved.shape[1:]))
    np.add.at(found, place, moved)
    return np.moveaxis(found if others else found[:-1], 0, axis)
