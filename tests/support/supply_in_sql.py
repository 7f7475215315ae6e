"""Raw files as SQL sees them, and the supply of drugs in SQL that shares no code with the service."""

from __future__ import annotations

from pathlib import Path

import duckdb


def reading(**files: Path) -> duckdb.DuckDBPyConnection:
    """A connection with a view of each raw file, every column as text, rows numbered as they stand."""
    connection = duckdb.connect(":memory:")
    for name, path in files.items():
        connection.execute(
            f"CREATE TABLE {name} AS SELECT *, row_number() OVER () AS line FROM read_csv('{path}', all_varchar = true)"
        )
    return connection


def stock(rows: str, *, each: str) -> str:
    """SELECT person, drug, day, days: runs of days covered, supply carried over from package to package.

    Args:
        rows: SELECT person, drug, day, supply.
        each: "person, drug" for a stock of each drug, "person" for one stock.

    A part of a day that is left waits for the next package.
    """
    same = " AND ".join(f"n.{column} = f.{column}" for column in each.split(", "))
    return f"""
    WITH RECURSIVE numbered AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY {each} ORDER BY day) AS nth,
               lead(day) OVER (PARTITION BY {each} ORDER BY day) - day AS gap
        FROM ({rows})
    ), followed AS (
        SELECT *, supply AS stock FROM numbered WHERE nth = 1
        UNION ALL
        SELECT n.*, f.stock - least(floor(f.stock), f.gap) + n.supply
        FROM followed f JOIN numbered n ON n.nth = f.nth + 1 AND {same}
    )
    SELECT person, drug, day, least(floor(stock), coalesce(gap, 1000000))::INTEGER AS days FROM followed"""


def days_covered(runs: str, *, window: str, at_least: int = 1) -> str:
    """SELECT person, covered: days of [first, last) on which at least so many groups were covered.

    Args:
        runs: SELECT person, drug, day, days, grp.
        window: SELECT person, first, last.
    """
    return f"""
    SELECT person, count(*) AS covered FROM (
        SELECT person, on_day FROM (
            SELECT person, grp, unnest(generate_series(greatest(day, first), least(day + days, last) - 1)) AS on_day
            FROM (SELECT person, grp, day - DATE '1970-01-01' AS day, days FROM ({runs}))
            JOIN (SELECT person, first - DATE '1970-01-01' AS first, last - DATE '1970-01-01' AS last FROM ({window}))
            USING (person)
        ) GROUP BY person, on_day HAVING count(DISTINCT grp) >= {at_least}
    ) GROUP BY person"""
