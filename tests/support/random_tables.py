"""Random counted tables, skewed, linked, nested: what the attackers of tests/security are let loose on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic, SumCube

Ints = npt.NDArray[np.int64]


def with_margins(counts: Ints) -> Ints:
    for axis in range(counts.ndim):
        counts = np.concatenate([counts, counts.sum(axis=axis, keepdims=True)], axis=axis)
    return counts


def random_table(seed: int) -> CountedTable:
    """A population with 1-3 strata, a linked series over another stratum, two nested windows, a mean."""
    random = np.random.default_rng(seed)
    persons = int(random.integers(60, 1500))
    strata = int(random.integers(1, 4))
    codes = [
        random.choice(size, persons, p=random.dirichlet(np.full(size, random.choice([0.5, 1.0, 5.0]))))
        for size in random.integers(2, [7, 4, 4][:strata] if strata > 1 else [9]).tolist()
    ]
    axes = tuple(
        Dimension(name, tuple(f"{name}{i}" for i in range(int(code.max()) + 1)))
        for name, code in zip(("hospital", "sex", "age"), codes, strict=False)
    )
    months = int(random.integers(2, 9))
    month = random.integers(0, months, persons)
    series = (Dimension("index_month", tuple(f"2024-{i + 1:02}" for i in range(months))),)
    crossings = [(axes, codes), (series, [month])]
    early = random.random(persons) < random.beta(1, 2)
    late = early | (random.random(persons) < random.beta(1, 3))
    amount = random.integers(1, 5000, persons)
    everybody = np.ones(persons, dtype=bool)
    sets = {"population": everybody, "early": early, "late": late}
    cubes: list[PersonCube] = []
    sums: list[SumCube] = []
    lines: list[Line] = []
    for dimensions, own in crossings:
        names = tuple(d.name for d in dimensions)
        shape = [len(d.levels) for d in dimensions]
        for key, mask in sets.items():
            counts = np.zeros(shape, np.int64)
            np.add.at(counts, tuple(code[mask] for code in own), 1)
            cubes.append(PersonCube(key, dimensions, with_margins(counts)))
        total = np.zeros(shape, np.int64)
        np.add.at(total, tuple(code[late] for code in own), amount[late])
        sums.append(SumCube("cost", dimensions, with_margins(total), 100, "late"))
        lines += [
            Line("population", "", Statistic.PERSONS, names, numerator_key="population"),
            Line("early", "", Statistic.SHARE, names, "early", "population", interval="wilson"),
            Line("late", "", Statistic.SHARE, names, "late", "population", interval="wilson"),
            Line("cost", "", Statistic.MEAN, names, denominator_key="late", sum_key="cost"),
            Line("cost", "", Statistic.SUM, names, sum_key="cost"),
        ]
    return CountedTable(tuple(cubes), tuple(sums), (Split("late", ("early", "between")),), tuple(lines))
