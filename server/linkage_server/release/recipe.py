"""How a version of a table is made from the counts of its run: what is made coarser, then what is hidden besides."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from linkage_core.disclosure.cell_names import CellName, Kind
from linkage_core.table_review.coarsening import Coarsening


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Frozen):
    """One step of coarsening, as `linkage_core.table_review.coarsening.Coarsening`."""

    dimension: str
    levels: tuple[tuple[str, str], ...] = ()
    name: str = ""

    @classmethod
    def of(cls, step: Coarsening) -> Step:
        """The step as it is stored."""
        return cls(dimension=step.dimension, levels=step.levels, name=step.name)

    def coarsening(self) -> Coarsening:
        """The step as the core reads it."""
        return Coarsening(self.dimension, self.levels, self.name)

    @property
    def joined(self) -> dict[str, tuple[str, ...]]:
        """Levels that stand for several now, or for one of another name: new level -> old levels."""
        found: dict[str, list[str]] = {}
        for old, new in self.levels:
            found.setdefault(new, []).append(old)
        return {new: tuple(old) for new, old in found.items() if old != [new]}

    def in_words(self) -> str:
        """For the manifest and the officer, in English."""
        if not self.levels:
            return f"{self.dimension}: left out"
        parts = "; ".join(f"{' + '.join(old)} as {new}" for new, old in self.joined.items())
        called = f" (now {self.name})" if self.name and self.name != self.dimension else ""
        return f"{self.dimension}{called}: {parts}"


class HiddenCell(_Frozen):
    """A cell that an officer hides, by what it counts and its levels; strata that are not named are at their total."""

    kind: Kind
    key: str
    at: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, name: CellName) -> HiddenCell:
        """The cell as it is stored."""
        return cls(kind=name.kind, key=name.key, at=name.at)

    def name(self) -> CellName:
        """The cell as the core reads it."""
        return CellName(self.kind, self.key, self.at)

    def in_words(self) -> str:
        """For the officer."""
        return ", ".join([self.key, *(f"{stratum} {level}" for stratum, level in self.at)])


class Recipe(_Frozen):
    """One version; an empty one is the run's own table."""

    steps: tuple[Step, ...] = ()
    hidden: tuple[HiddenCell, ...] = ()

    @property
    def names(self) -> tuple[CellName, ...]:
        """The cells that are hidden by hand."""
        return tuple(cell.name() for cell in self.hidden)

    def in_words(self) -> list[str]:
        """Each step and each cell, for the officer."""
        return [step.in_words() for step in self.steps] + [f"hidden: {cell.in_words()}" for cell in self.hidden]
