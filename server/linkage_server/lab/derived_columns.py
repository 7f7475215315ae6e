"""Shares and means of a laboratory table, formed of what is printed of it and of nothing else.

Whoever has the table can form them too, so they tell nothing more: a figure is blank where one of its two numbers is,
and of rounded numbers where these are rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_core.disclosure.cell_system import Floats
from linkage_server.lab.layout import Derived, DerivedShare

_CHANGED = ("rnd", "prt")

Words = npt.NDArray[np.object_]
_Kind = TypeVar("_Kind", np.float64, np.object_)


def derived_columns(
    derived: Mapping[str, Derived], columns: Mapping[str, pa.Array], dimensions: Sequence[str], shape: tuple[int, ...]
) -> dict[str, pa.Array]:
    """Value and status of each figure.

    Args:
        derived: the figures, by name.
        columns: what is printed: of each measure its numbers and statuses, cell by cell.
        dimensions: names of the table's axes.
        shape: codes of each; a total is the last.
    """
    found: dict[str, pa.Array] = {}
    for name, figure in derived.items():
        if isinstance(figure, DerivedShare):
            above, axis = _printed(columns, figure.measure), dimensions.index(figure.of)
            below = _at_total(above[0], axis, shape), _at_total(above[1], axis, shape)
        else:
            above, below = _printed(columns, figure.sum), _printed(columns, figure.count)
        value, status = _quotient(*above, *below)
        found |= {name: pa.array(value, from_pandas=True), f"{name}_status": pa.array(status.tolist(), pa.string())}
    return found


def _printed(columns: Mapping[str, pa.Array], measure: str) -> tuple[Floats, Words]:
    """Numbers, NaN where there is none, and statuses."""
    numbers = columns[measure].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return numbers, np.array(columns[f"{measure}_status"].to_pylist(), dtype=object)


def _at_total(part: npt.NDArray[_Kind], axis: int, shape: tuple[int, ...]) -> npt.NDArray[_Kind]:
    """For each cell what stands at the total of one dimension."""
    return np.broadcast_to(part.reshape(shape).take([-1], axis=axis), shape).ravel()


def _quotient(above: Floats, above_status: Words, below: Floats, below_status: Words) -> tuple[Floats, Words]:
    """Values and statuses: of the number that is not there, `und` over zero, else whether one was changed."""
    value = np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0)
    status = np.where(np.isin(below_status, _CHANGED), below_status, above_status)
    status = np.where(below == 0, "und", status)
    for numbers, own in ((below, below_status), (above, above_status)):
        status = np.where(np.isnan(numbers), own, status)
    return value, status
