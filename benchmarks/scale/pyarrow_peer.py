"""pyarrow on Parquet: its dataset reader filters and Acero groups; where it lacks window functions, numpy."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.scale.peer import THREADS, Asked, Peer
from benchmarks.scale.sql import ENOUGH_DAYS
from linkage_server.benchmark.questions import COVERED, GROUPS, LOOKBACK_DAYS, MOST_DAYS, OBSERVED_DAYS, WINDOWS

FEW = 1_000_000
"""Up to so many asked persons their ids are a filter of the scan; more would let most rows through."""


class PyArrow(Peer):
    """The scan keeps rows whose first half of the id is asked for; a search in the sorted ids matches them."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        pa.set_cpu_count(THREADS)
        population = pq.read_table(asked.population)
        self._population = population.combine_chunks()
        self._high, self._low = (population[name].to_numpy() for name in ("hi", "lo"))

    def ask(self) -> list[pa.Table]:
        name, first = self.asked.question, self.asked.first_year
        atc, day = pc.field("atc"), pc.field("dispensing_date")
        years = (day >= date(first, 1, 1)) & (day < date(first + 2, 1, 1))
        dispensed = pc.field("packages") > 0
        if name == "volumes":
            return [_volumes(self._joined(years, ["person"]))]
        if name == "initiation":
            wanted = pc.utf8_slice_codeunits(atc, 0, 3).isin(pa.array(GROUPS.values()))
            return [_initiation(self._joined(wanted & dispensed, ["person", "index_date", "hospital", "sex"]))]
        by = ["hospital", "sex"] if name == "adherence" else ["county", "age", "sex"]
        of_group = pc.starts_with(atc, GROUPS[COVERED])
        if name == "adherence":
            return [_covered(self._joined(of_group & dispensed, ["person", "index_date", *by]), by)]
        rows = self._joined(of_group, ["person", "index_date", *by])
        dispensed_rows = rows.filter(pc.field("packages") > 0)
        return [_covered(dispensed_rows, by), _prevalence(rows.filter(years), by)]

    def _joined(self, wanted: pc.Expression, columns: list[str]) -> pa.Table:
        if len(self._high) <= FEW:
            wanted = wanted & pc.field("hi").isin(pa.array(self._high))
        names = ["hi", "lo", "dispensing_date", "atc", "packages", "ddd_per_package"]
        rows = ds.dataset(self.asked.parquet).to_table(columns=names, filter=wanted)
        high, low = rows["hi"].to_numpy(), rows["lo"].to_numpy()
        place = np.minimum(np.searchsorted(self._high, high), len(self._high) - 1)
        # First halves of random ids do not repeat in any register; where one did, the whole id would decide.
        is_asked = (self._high[place] == high) & (self._low[place] == low)
        if not is_asked.all():
            rows, place = rows.filter(pa.array(is_asked)), place[is_asked]
        persons = self._population.select(columns).take(pa.array(place))
        for name in columns:
            rows = rows.append_column(name, persons[name])
        return rows.drop_columns(["hi", "lo"])


def _amount(rows: pa.Table) -> pa.ChunkedArray:
    return pc.multiply(rows["packages"].cast(pa.int64()), rows["ddd_per_package"])


def _days(rows: pa.Table) -> pa.ChunkedArray:
    return pc.subtract(rows["dispensing_date"].cast(pa.int32()), rows["index_date"].cast(pa.int32()))


def _volumes(rows: pa.Table) -> pa.Table:
    month = pc.add(pc.multiply(pc.year(rows["dispensing_date"]), 12), pc.month(rows["dispensing_date"]))
    of_person = (
        rows.select(["atc", "person", "packages"])
        .append_column("month", month)
        .append_column("dispensings", pc.sign(rows["packages"]))
        .append_column("ddd", _amount(rows))
        .group_by(["atc", "month", "person"])
        .aggregate([("packages", "max"), ("dispensings", "sum"), ("ddd", "sum")])
    )
    return (
        of_person.append_column("users", pc.greater(of_person["packages_max"], 0).cast(pa.int64()))
        .group_by(["atc", "month"])
        .aggregate([("users", "sum"), ("dispensings_sum", "sum"), ("ddd_sum", "sum")])
        .rename_columns(["atc", "month", "users", "dispensings", "ddd"])
    )


def _initiation(rows: pa.Table) -> pa.Table:
    rows = rows.append_column("day", _days(rows))
    rows = rows.filter((pc.field("day") >= 0) & (pc.field("day") <= max(WINDOWS)))
    firsts = (
        rows.append_column("prefix", pc.utf8_slice_codeunits(rows["atc"], 0, 3))
        .group_by(["person", "hospital", "sex", "prefix"])
        .aggregate([("day", "min")])
    )
    for days in WINDOWS:
        firsts = firsts.append_column(f"within_{days}", pc.less_equal(firsts["day_min"], days).cast(pa.int64()))
    names = [f"within_{days}" for days in WINDOWS]
    found = firsts.group_by(["prefix", "hospital", "sex"]).aggregate([(name, "sum") for name in names])
    return found.rename_columns(["prefix", "hospital", "sex", *names])


def _covered(rows: pa.Table, by: list[str]) -> pa.Table:
    day = _days(rows).to_numpy().astype(np.int64)
    supply = np.minimum(_amount(rows).to_numpy() // 10_000, MOST_DAYS)
    person = rows["person"].to_numpy()
    inside = np.flatnonzero((day >= -LOOKBACK_DAYS) & (day < OBSERVED_DAYS))
    inside = inside[np.lexsort((supply[inside], day[inside], person[inside]))]
    day, supply, person = day[inside], supply[inside], person[inside]
    is_first = np.ones(len(person), np.bool_)
    is_first[1:] = person[1:] != person[:-1]
    number = np.cumsum(is_first) - 1
    starts = np.flatnonzero(is_first)
    # Running sums and maxima of all persons at once: a person's start lies above all that came before.
    total = np.cumsum(supply)
    total -= (total[starts] - supply[starts])[number]
    step = np.int64(1) << 32
    ending = total + np.maximum.accumulate(day - (total - supply) + number * step) - number * step
    days = np.maximum(np.minimum(ending, OBSERVED_DAYS) - np.maximum(ending - supply, 0), 0)
    a_person = np.add.reduceat(days, starts) if len(starts) else days
    measures = {
        "covered": (2_000 * a_person + OBSERVED_DAYS) // (2 * OBSERVED_DAYS) * 1_000,
        "covered_well": (a_person >= ENOUGH_DAYS).astype(np.int64),
    }
    strata = rows.select(by).take(pa.array(inside[starts]))
    for name, numbers in measures.items():
        strata = strata.append_column(name, pa.array(numbers))
    return strata.group_by(by).aggregate([(name, "sum") for name in measures]).rename_columns([*by, *measures])


def _prevalence(rows: pa.Table, by: list[str]) -> pa.Table:
    users = (
        rows.append_column("year", pc.year(rows["dispensing_date"]))
        .group_by(["year", "person", *by])
        .aggregate([("packages", "sum")])
        .filter(pc.field("packages_sum") > 0)
    )
    found = users.group_by(["year", *by]).aggregate([([], "count_all")])
    return found.rename_columns(["year", *by, "prevalence"])
