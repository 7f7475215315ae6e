"""One question, three ways: initiation, adherence and volumes of four drug groups, by hospital and sex.

    python -m benchmarks.order_question SIDE FOLDER

answers it several times in this process alone and prints seconds, peak memory and the answer as JSON. Each side finds
the same persons and rows in FOLDER: Linkage its home folder, DuckDB its own file, Polars Parquet files.

The carry-over of days covered is a closed form for the peers: with the supplies' running sum C, the i-th supply ends on
day C(i) + max over j <= i of (d(j) - C(j-1)). Every supply is of whole days, so all answers are exact whole numbers.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GROUPS = {"statin": ("C10AA",), "p2y12": ("B01AC04", "B01AC24"), "beta_blocker": ("C07AB",), "rasi": ("C09A", "C09C")}
COVERED = "statin"
ROUNDS = 3
MEASURES = ("initiated", "users", "dispensings", "ddd")

Answer = dict[str, int]
"""`measure|group|hospital|sex` to a whole number: persons, dispensings, 1/10,000 DDD, millionths of covered time.

The covered time of a person is rounded to thousandths, as orders do, before it is added up."""


def indicator_set() -> str:
    """The question as an indicator set, in TOML."""
    parts = [
        '[set]\nid = "benchmark"\nversion = "1.0.0"\n[exits]\ndeath = false',
        '[supply.one_ddd_a_day]\nsteps = ["ddd:1"]\ncap_days = 3650\nreversals = "drop_negative"',
        f'[[indicator]]\nid = "{COVERED}-covered"\nkind = "proportion_of_days_covered"\nregister = "dispensings"\n'
        f'codes = "{COVERED}"\nsupply = "one_ddd_a_day"\nobserve = {{ from = 0, to = 365 }}\nlookback_days = 180\n'
        'carry_over = "pooled"\nstock_cap_days = "none"\nthreshold = 0.8\nstatistic = ["mean", "count", "share"]',
    ]
    for group, prefixes in GROUPS.items():
        parts.append(f"[codes.{group}]\natc_include = {json.dumps(prefixes)}")
        asked = f'\nregister = "dispensings"\ncodes = "{group}"\n'
        window, observe = "window = { from = 0, to = 90 }", "observe = { from = 0, to = 365 }"
        parts += [
            f'[[indicator]]\nid = "{group}-initiated"\nkind = "initiation"{asked}{window}\nreversals = "drop_negative"',
            f'[[indicator]]\nid = "{group}-users"\nkind = "users"{asked}{observe}\nreversals = "drop_negative"',
            f'[[indicator]]\nid = "{group}-dispensings"\nkind = "dispensings"{asked}{observe}',
            f'[[indicator]]\nid = "{group}-ddd"\nkind = "ddd"{asked}{observe}',
        ]
    return "\n\n".join(parts)


def linkage_side(folder: Path) -> Callable[[], Answer]:
    """The stages of the service's own run, from the population's file to counted cells, by the plan that it stored."""
    from linkage_core.compute import compute
    from linkage_server.registers.store import RegisterStore
    from linkage_server.runs.linkage_run import Sources, question_of
    from linkage_server.runs.plan import RunPlan

    plan = RunPlan.from_json(json.loads((folder / "plan.json").read_text()))
    home = folder / "home"

    def ask() -> Answer:
        sources = Sources(home=home, store=RegisterStore(home / "store"), history=None, threads=2)
        population = sources.population(plan).population
        registers = {one.name: sources.register(plan, one, asked=population.persons) for one in plan.registers}
        computed = compute(
            question_of(plan),
            population=population,
            registers=registers,
            threads=sources.threads,
            memory_bytes=sources.memory_bytes,
        )
        return _from_cubes(computed.counted)

    return ask


def _from_cubes(counted: Any) -> Answer:
    answer: Answer = {}
    wanted = {
        r"(\w+)-initiated/.*/yes": "initiated",
        r"(\w+)-users/.*/yes": "users",
        r"(\w+)-covered/.*at_least=0.8/yes": "covered_well",
        r"(\w+)-dispensings/.*/sum": "dispensings",
        r"(\w+)-ddd/.*/sum": "ddd",
        r"(\w+)-covered/[^/;]*/sum": "covered",
    }
    cubes = [(cube.persons_key, cube.dimensions, cube.persons) for cube in counted.person_cubes]
    cubes += [(cube.sum_key, cube.dimensions, cube.sums) for cube in counted.sum_cubes]
    for key, dimensions, cells in (cube for cube in cubes if len(cube[1]) == 2):
        for pattern, measure in wanted.items():
            if found := re.fullmatch(pattern, key):
                for row, hospital in enumerate(dimensions[0].levels):
                    for column, sex in enumerate(dimensions[1].levels):
                        answer[f"{measure}|{found[1]}|{hospital}|{sex}"] = int(cells[row, column])
    return {cell: number for cell, number in answer.items() if number}


def _starts_with_any(column: str, prefixes: tuple[str, ...]) -> str:
    return "(" + " or ".join(f"starts_with({column}, '{prefix}')" for prefix in prefixes) + ")"


CASES = " ".join(f"when {_starts_with_any('atc', codes)} then '{name}'" for name, codes in GROUPS.items())

DUCKDB = f"""
with asked as (
    select person, hospital, sex, dispensing_date - index_date as day, packages, ddd_per_package,
           case {CASES} end as drug
    from dispensings join population using (hi, lo)
    where drug is not null and day >= -180 and day < 365
),
a_person as (
    select person, drug, any_value(hospital) as hospital, any_value(sex) as sex,
           max(packages > 0 and day between 0 and 90)::int as initiated, max(packages > 0 and day >= 0)::int as users,
           sum(case when day >= 0 then sign(packages) else 0 end)::bigint as dispensings,
           sum(case when day >= 0 then packages::bigint * ddd_per_package else 0 end)::bigint as ddd
    from asked group by person, drug
),
supplied as (
    select person, hospital, sex, day, packages::bigint * ddd_per_package // 10000 as supply,
           sum(supply) over earlier as total
    from asked where drug = '{COVERED}' and packages > 0
    window earlier as (partition by person order by day, supply rows unbounded preceding)
),
ended as (
    select person, hospital, sex, supply,
           total + max(day - (total - supply)) over (partition by person order by day, supply rows unbounded preceding)
               as ending
    from supplied
),
covered as (
    select person, any_value(hospital) as hospital, any_value(sex) as sex,
           sum(greatest(0, least(ending, 365) - greatest(ending - supply, 0)))::bigint as days
    from ended group by person
)
select drug, hospital, sex, sum(initiated)::bigint, sum(users)::bigint, sum(dispensings)::bigint, sum(ddd)::bigint
from a_person group by all
union all
select 'covered', hospital, sex, 1000 * sum((2000 * days + 365) // 730)::bigint, sum((days >= 292)::int)::bigint, 0, 0
from covered group by all
"""


def duckdb_side(folder: Path) -> Callable[[], Answer]:
    """One SQL query on DuckDB's own file, on all cores."""
    import duckdb

    def ask() -> Answer:
        with duckdb.connect(str(folder / "peers.duckdb"), read_only=True) as database:
            return _from_lines(database.execute(DUCKDB).fetchall())

    return ask


def polars_side(folder: Path) -> Callable[[], Answer]:
    """Lazy frames on Parquet, on all cores."""
    import polars as pl

    by, day, packages = ["drug", "hospital", "sex"], pl.col("day"), pl.col("packages").cast(pl.Int64)
    drug = pl.lit(None, pl.String)
    for name, prefixes in GROUPS.items():
        matches = pl.any_horizontal(*(pl.col("atc").str.starts_with(prefix) for prefix in prefixes))
        drug = pl.when(matches).then(pl.lit(name)).otherwise(drug)
    during, supply, total = day >= 0, pl.col("supply"), pl.col("total")
    amount = packages * pl.col("ddd_per_package")

    def ask() -> Answer:
        asked = (
            pl.scan_parquet(folder / "dispensings.parquet")
            .with_columns(drug=drug)
            .filter(pl.col("drug").is_not_null())
            .join(pl.scan_parquet(folder / "population.parquet"), on=["hi", "lo"])
            .with_columns(day=(pl.col("dispensing_date") - pl.col("index_date")).dt.total_days())
            .filter((day >= -180) & (day < 365))
        )
        persons = (
            asked.group_by("person", *by)
            .agg(
                ((packages > 0) & day.is_between(0, 90)).any().alias("initiated"),
                ((packages > 0) & during).any().alias("users"),
                packages.filter(during).sign().sum().alias("dispensings"),
                amount.filter(during).sum().alias("ddd"),
            )
            .group_by(by)
            .agg(pl.col(MEASURES).sum())
        )
        covered = (
            asked.filter((pl.col("drug") == COVERED) & (packages > 0))
            .with_columns(supply=amount // 10_000)
            .sort("person", "day", "supply")
            .with_columns(total=supply.cum_sum().over("person"))
            .with_columns(ending=total + (day - (total - supply)).cum_max().over("person"))
            .with_columns(days=pl.min_horizontal("ending", 365) - pl.max_horizontal(pl.col("ending") - supply, 0))
            .group_by("person", "hospital", "sex")
            .agg(pl.col("days").clip(0).sum())
            .group_by("hospital", "sex")
            .agg(((2_000 * pl.col("days") + 365) // 730 * 1_000).sum().alias("mean"), (pl.col("days") >= 292).sum())
            .select(pl.lit("covered").alias("drug"), "hospital", "sex", "mean", "days")
        )
        lines = [frame.rows() for frame in pl.collect_all([persons.select(*by, *MEASURES), covered])]
        return _from_lines([*lines[0], *lines[1]])

    return ask


def _from_lines(lines: list[tuple[Any, ...]]) -> Answer:
    answer: Answer = {}
    for drug, hospital, sex, *numbers in lines:
        group, measures = (COVERED, ("covered", "covered_well")) if drug == "covered" else (drug, MEASURES)
        for measure, number in zip(measures, numbers, strict=False):
            answer[f"{measure}|{group}|{hospital}|{sex}"] = int(number)
    return {cell: number for cell, number in answer.items() if number}


SIDES = {"Linkage": linkage_side, "DuckDB": duckdb_side, "Polars": polars_side}


def peak_bytes() -> int:
    """Most memory this process has held; `getrusage` would count what its parent held before this program began."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    return int(peak[1]) * 1024


def main() -> None:
    """Answer and print."""
    side, folder = sys.argv[1], Path(sys.argv[2])
    ask, seconds, answer = SIDES[side](folder), [], {}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        answer = ask()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes(), "answer": answer}))


if __name__ == "__main__":
    main()
