"""Days covered as DuckDB and Polars can be asked for them, of the same rows and with the same options as we are.

With one stock for all drugs, carried over, there is a closed form: with the running sum C of supply, the i-th supply
ends on day C(i) + max over j <= i of (d(j) - C(j-1)). With a cap on a stock there is none: what is left after a row
follows from what was left after the row before it. DuckDB follows it by a recursive query, row number by row number for
all stocks at once; Polars by a loop over row numbers whose columns have the stocks with most rows first, so that those
which have a row of that number are a slice. Hospital days are taken out of time before (the last stay before a day by
an asof join). What any stock covers is a union of intervals in order; what two groups both cover is what each covers
less what either covers. All columns that a side needs are in memory before; rows come by person and day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Asked:
    """What both peers are asked.

    Args:
        rows: person, day (from the index day), supply in days and code, all int32, by person and day: those that count.
        stays: person, admitted, discharged, int32, by person and admission; None where stays are ignored.
        last: days of observation; `cap`: days that a stock may hold, None for one stock without a cap.
        groups: code sets that must all cover, by code: 0 or 1; None for any drug.
    """

    persons: int
    rows: pa.Table
    last: int
    cap: int | None = None
    stays: pa.Table | None = None
    groups: tuple[int, ...] | None = None

    def of_all(self, person: npt.NDArray[Any], days: npt.NDArray[Any]) -> Int32s:
        """int32, one a person."""
        answer = np.zeros(self.persons, np.int32)
        answer[person] = days
        return answer


def duckdb_asked(asked: Asked) -> Callable[[], Int32s]:
    """Days covered of each person."""
    database = duckdb.connect()
    _create(database, "dispensings", asked.rows)
    if asked.stays is not None:
        _create(database, "stays", asked.stays)
    query = _closed_form(asked) if asked.cap is None else _recursive(asked)

    def ask() -> Int32s:
        found = database.execute(query).fetchnumpy()
        return asked.of_all(found["person"], found["days"])

    return ask


def _create(database: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    database.register("given", rows)
    database.execute(f"create table {name} as select * from given")
    database.unregister("given")


def _closed_form(asked: Asked) -> str:
    return f"""
    with supplied as (
        select person, day, supply, sum(supply) over earlier as total
        from dispensings window earlier as (partition by person order by day, supply rows unbounded preceding)
    ),
    ended as (
        select person, supply, total + max(day - (total - supply)) over earlier as ending
        from supplied window earlier as (partition by person order by day, supply rows unbounded preceding)
    )
    select person, sum(greatest(0, least(ending, {asked.last}) - greatest(ending - supply, 0)))::int as days
    from ended group by person
    """


def _recursive(asked: Asked) -> str:
    days = (
        f"select person, day, day as home, supply, code, 0 as origin, {asked.last} as horizon from dispensings"
        if asked.stays is None
        else f"""
        select d.person, d.day, d.day - {_hospital_days("d.day", "s")} as home, d.supply, d.code,
            coalesce(b.origin, 0) as origin, coalesce(b.horizon, {asked.last}) as horizon
        from dispensings d
        asof left join apart s on d.person = s.person and d.day > s.begins
        left join bounds b on d.person = b.person"""
    )
    unions = "select person, covered as days from (select * from united where what = 2)"
    if asked.groups is not None:
        unions = "select person, sum(if(what = 2, -covered, covered))::int as days from united group by person"
    both = ", ".join(map(str, asked.groups or ()))
    group = f"list_value({both})[code + 1]" if asked.groups else "2"
    either = "union all select person, code, home, left_over, origin, horizon, 2 as what from walk"
    return f"""
    with recursive
    {_stays_apart(asked) if asked.stays is not None else ""}
    at_home as ({days}),
    numbered as materialized (
        select person, code, home, supply, origin, horizon,
            row_number() over (partition by person, code order by day) as number
        from at_home
    ),
    walk as (
        select person, code, home, number, origin, horizon, least(supply, {asked.cap}) as left_over
        from numbered where number = 1
        union all
        select n.person, n.code, n.home, n.number, n.origin, n.horizon,
            least({asked.cap}, greatest(w.left_over - (n.home - w.home), 0) + n.supply)
        from walk w join numbered n on n.person = w.person and n.code = w.code and n.number = w.number + 1
    ),
    of_group as (
        select person, code, home, left_over, origin, horizon, {group} as what from walk
        {either if asked.groups else ""}
    ),
    intervals as (
        select person, what, home, home + left_over as until, origin, horizon,
            max(home + left_over) over (
                partition by person, what order by home rows between unbounded preceding and 1 preceding
            ) as reached
        from of_group
    ),
    united as (
        select person, what,
            sum(greatest(0, least(until, horizon) - greatest(home, coalesce(reached, origin), origin)))::int as covered
        from intervals group by person, what
    )
    {unions}
    """


def _hospital_days(day: str, stay: str) -> str:
    return f"coalesce({stay}.before + least({day}, {stay}.discharged) - {stay}.begins, 0)"


def _stays_apart(asked: Asked) -> str:
    """Stays without the days of earlier ones, the hospital days before each, and the bounds of observation at home."""
    return f"""
    seen as (
        select person, admitted, discharged,
            max(discharged) over (
                partition by person order by admitted rows between unbounded preceding and 1 preceding
            ) as reached
        from stays
    ),
    apart as (
        select person, greatest(admitted, coalesce(reached, admitted)) as begins, discharged,
            coalesce(sum(discharged - greatest(admitted, coalesce(reached, admitted))) over (
                partition by person order by admitted rows between unbounded preceding and 1 preceding
            ), 0) as before
        from seen where discharged > coalesce(reached, admitted)
    ),
    bounds as (
        select person, origin, horizon from (
            select p.person,
                0 - {_hospital_days("0", "a")} as origin,
                {asked.last} - {_hospital_days(str(asked.last), "z")} as horizon
            from (select distinct person, 0 as start, {asked.last} as last from stays) p
            asof left join apart a on p.person = a.person and p.start > a.begins
            asof left join apart z on p.person = z.person and p.last > z.begins
        )
    ),
    """


def polars_asked(asked: Asked) -> Callable[[], Int32s]:
    """Days covered of each person."""
    frame, stays = _frame(asked.rows), None if asked.stays is None else _frame(asked.stays)

    def closed_form() -> Int32s:
        total = pl.col("total")
        found = (
            frame.lazy()
            .with_columns(total=pl.col("supply").cum_sum().over("person"))
            .with_columns(ending=total + (pl.col("day") - (total - pl.col("supply"))).cum_max().over("person"))
            .with_columns(
                days=pl.min_horizontal("ending", asked.last) - pl.max_horizontal(pl.col("ending") - pl.col("supply"), 0)
            )
            .group_by("person")
            .agg(pl.col("days").clip(0).sum())
            .collect()
        )
        return asked.of_all(found["person"].to_numpy(), found["days"].to_numpy())

    def follow() -> Int32s:
        rows = frame.with_columns(origin=pl.lit(0, pl.Int32), horizon=pl.lit(asked.last, pl.Int32))
        if stays is not None:
            rows = _at_home(frame, stays, asked.last)
        rows = rows.with_columns(until=pl.col("day") + _left_over(rows, asked))
        answer = np.zeros(asked.persons, np.int32)
        if asked.groups is None:
            return answer + _united(rows, asked)
        group = pl.Series(asked.groups, dtype=pl.Int32).gather(rows["code"])
        for only in (0, 1):
            answer += _united(rows.filter(group == only), asked)
        return answer - _united(rows, asked)

    return closed_form if asked.cap is None else follow


def _frame(rows: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _left_over(rows: pl.DataFrame, asked: Asked) -> pl.Series:
    """What a row's stock has left after it, in the order of the rows."""
    stock = pl.col("stock")
    by_stock = (
        rows.lazy()
        .select(
            "day",
            "supply",
            row=pl.int_range(pl.len(), dtype=pl.UInt32),
            stock=pl.col("person").cast(pl.Int64) * 256 + pl.col("code"),
        )
        .sort("stock", maintain_order=True)
        .with_columns(place=pl.int_range(pl.len(), dtype=pl.Int64), unused=pl.col("day") - pl.col("day").shift(1))
        .with_columns(begin=pl.when(stock.ne_missing(stock.shift(1))).then("place").forward_fill())
        .with_columns(number=pl.col("place") - pl.col("begin"))
        .collect()
    )
    lengths = by_stock["stock"].rle().struct.field("len")
    # Stocks with most rows first, so that those with a row of the next number are the first of these.
    sooner = pl.repeat(1 << 20, len(lengths), dtype=pl.Int64, eager=True) - lengths.cast(pl.Int64)
    of_rows = by_stock.select(stock.rle_id()).to_series()
    order = (by_stock["number"] * (1 << 40) + sooner.gather(of_rows) * (1 << 20) + of_rows.cast(pl.Int64)).arg_sort()
    numbered = by_stock.select("supply", "unused", "row", "number")[order]
    counts = numbered["number"].rle().struct.field("len").to_list()
    cap, first = asked.cap or 0, 0
    left, parts = pl.Series([], dtype=pl.Int32), []
    for number, count in enumerate(counts):
        some = numbered.slice(first, count)
        held = some["supply"] if number == 0 else some["supply"] + (left.head(count) - some["unused"]).clip(0)
        left = held.clip(upper_bound=cap)
        parts.append(left)
        first += count
    return pl.concat(parts).gather(numbered["row"].arg_sort())


def _united(rows: pl.DataFrame, asked: Asked) -> Int32s:
    reached = pl.col("until").cum_max().shift(1).over("person")
    found = (
        rows.lazy()
        .select("person", "day", "until", "origin", "horizon")
        .with_columns(begins=pl.max_horizontal("day", "origin", reached))
        .select("person", days=(pl.min_horizontal("until", "horizon") - pl.col("begins")).clip(0))
        .group_by("person")
        .agg(pl.col("days").sum())
        .collect()
    )
    return asked.of_all(found["person"].to_numpy(), found["days"].to_numpy())


def _at_home(frame: pl.DataFrame, stays: pl.DataFrame, last: int) -> pl.DataFrame:
    """Rows on days without the hospital days before them, and the bounds of observation of each row's person."""
    reached = pl.col("discharged").cum_max().shift(1).over("person")
    apart = (
        stays.lazy()
        .with_columns(begins=pl.max_horizontal("admitted", reached))
        .filter(pl.col("discharged") > pl.col("begins"))
        .with_columns(before=(pl.col("discharged") - pl.col("begins")).cum_sum().shift(1, fill_value=0).over("person"))
        .select("person", "begins", "discharged", "before")
        .collect()
    )
    whose = apart.select("person").unique(maintain_order=True)
    origin, horizon = (
        _days_at_home(whose.with_columns(day=pl.lit(day, pl.Int32)), apart).rename({"day": name})
        for day, name in ((0, "origin"), (last, "horizon"))
    )
    return (
        _days_at_home(frame, apart)
        .join(origin, on="person", how="left", maintain_order="left")
        .join(horizon, on="person", how="left", maintain_order="left")
        .with_columns(pl.col("origin").fill_null(0), pl.col("horizon").fill_null(last))
    )


def _days_at_home(rows: pl.DataFrame, apart: pl.DataFrame) -> pl.DataFrame:
    joined = rows.join_asof(
        apart, left_on="day", right_on="begins", by="person", allow_exact_matches=False, check_sortedness=False,
        coalesce=False,
    )  # fmt: skip
    hospital = pl.col("before") + pl.min_horizontal("day", "discharged") - pl.col("begins")
    return joined.with_columns(day=pl.col("day") - hospital.fill_null(0)).drop("begins", "discharged", "before")
