"""Peers' tables as answers of the benchmark's questions: level numbers become labels, outside the measured time."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from linkage_server.benchmark.asked_persons import AGE_BANDS, COUNTIES, HOSPITALS, SEXES
from linkage_server.benchmark.questions import GROUPS, WINDOWS, Answer

_LABELS = {"hospital": HOSPITALS, "county": COUNTIES, "age": AGE_BANDS, "sex": SEXES}
_GROUP_OF = {prefix: group for group, prefix in GROUPS.items()}


def answer_of(name: str, tables: Sequence[pa.Table]) -> Answer:
    """Cells other than 0 of a question's tables.

    Args:
        name: of the question.
        tables: volumes: atc, month (year * 12 + month), users, dispensings, ddd; initiation: prefix, hospital, sex,
            within_30, within_90, within_365; adherence and nation: strata, covered (each person's rounded to
            thousandths, as orders do), covered_well; nation also: year, strata, prevalence.
    """
    answer: Answer = {}
    for table in tables:
        for row in table.to_pylist():
            if name == "volumes":
                year, month = divmod(int(row["month"]) - 1, 12)
                cells = {
                    f"{measure}|{row['atc']}|{year}-{month + 1:02}": row[measure]
                    for measure in ("users", "dispensings", "ddd")
                }
            elif name == "initiation":
                levels = _levels(row, ("hospital", "sex"))
                cells = {f"{_GROUP_OF[row['prefix']]}-{days}|{levels}": row[f"within_{days}"] for days in WINDOWS}
            else:
                levels = _levels(row, ("hospital", "sex") if name == "adherence" else ("county", "age", "sex"))
                cells = {
                    f"{measure}|{levels}": row[measure] for measure in ("covered", "covered_well") if measure in row
                }
                if "prevalence" in row:
                    cells = {f"prevalence|{levels}|{int(row['year'])}": row["prevalence"]}
            answer |= {cell: int(number) for cell, number in cells.items() if number}
    return answer


def _levels(row: dict[str, int], names: tuple[str, ...]) -> str:
    return "|".join(_LABELS[name][row[name]] for name in names)
