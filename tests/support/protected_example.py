"""A small protected table, made by the real `protect`: statins by hospital and sex, with a small hospital."""

from __future__ import annotations

from functools import cache

import numpy as np

from linkage.disclosure_policy import shipped_policies
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic
from linkage_core.disclosure import ProtectedTable, protect

HOSPITALS = Dimension("hospital", ("Falun", "Lund", "Mora", "Visby"))
SEXES = Dimension("sex", ("man", "woman"))
PERSONS = np.array([[120, 90], [300, 210], [44, 38], [5, 3]], dtype=np.int64)
WITH_STATIN = np.array([[100, 81], [255, 160], [31, 30], [4, 2]], dtype=np.int64)


@cache
def protected_example() -> ProtectedTable:
    return protect(counted_example(), shipped_policies()["standard@1.0.0"])


@cache
def counted_example() -> CountedTable:
    dimensions = (HOSPITALS, SEXES)
    line = Line(
        indicator="statin_initiation",
        parameters="within_days=90",
        statistic=Statistic.SHARE,
        dimensions=("hospital", "sex"),
        numerator_key="statin/yes",
        denominator_key="population",
        interval="wilson",
    )
    return CountedTable(
        person_cubes=(
            PersonCube("population", dimensions, _with_margins(PERSONS)),
            PersonCube("statin/yes", dimensions, _with_margins(WITH_STATIN)),
        ),
        sum_cubes=(),
        splits=(Split("population", ("statin/yes", "statin/no")),),
        lines=(line,),
    )


def _with_margins(inner: np.ndarray) -> np.ndarray:
    rows = np.concatenate([inner, inner.sum(axis=0, keepdims=True)])
    return np.concatenate([rows, rows.sum(axis=1, keepdims=True)], axis=1)
