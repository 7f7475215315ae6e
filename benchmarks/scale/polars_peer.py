"""Polars on Parquet, lazily and with its streaming engine."""

from __future__ import annotations

import os
from datetime import date

from benchmarks.scale.peer import THREADS, Asked, Peer

os.environ.setdefault("POLARS_MAX_THREADS", str(THREADS))  # read once, when Polars is imported

import polars as pl
import pyarrow as pa

from benchmarks.scale.sql import ENOUGH_DAYS
from linkage_server.benchmark.questions import COVERED, GROUPS, LOOKBACK_DAYS, MOST_DAYS, OBSERVED_DAYS, WINDOWS

DAY, SUPPLY, TOTAL, ENDING = pl.col("day"), pl.col("supply"), pl.col("total"), pl.col("ending")
PACKAGES = pl.col("packages").cast(pl.Int64)
AMOUNT = PACKAGES * pl.col("ddd_per_package")
YEAR, MONTH = pl.col("dispensing_date").dt.year().cast(pl.Int32), pl.col("dispensing_date").dt.month()


class Polars(Peer):
    """Lazy frames; the population is a frame in memory."""

    def __init__(self, asked: Asked) -> None:
        super().__init__(asked)
        self._population = pl.read_parquet(asked.population).lazy()

    def ask(self) -> list[pa.Table]:
        name, first = self.asked.question, self.asked.first_year
        rows = pl.scan_parquet(self.asked.parquet)
        in_years = rows.filter(pl.col("dispensing_date").is_between(date(first, 1, 1), date(first + 1, 12, 31)))
        if name == "volumes":
            plans = [_volumes(self._joined(in_years))]
        elif name == "initiation":
            wanted = rows.filter(pl.col("atc").str.slice(0, 3).is_in(list(GROUPS.values())) & (pl.col("packages") > 0))
            plans = [_initiation(self._with_day(wanted))]
        else:
            by = ["hospital", "sex"] if name == "adherence" else ["county", "age", "sex"]
            of_group = pl.col("atc").str.starts_with(GROUPS[COVERED])
            plans = [_covered(self._with_day(rows.filter(of_group & (pl.col("packages") > 0))), by)]
            if name == "nation":
                plans.append(_prevalence(self._joined(in_years.filter(of_group)), by))
        return [frame.to_arrow() for frame in pl.collect_all(plans, engine="streaming")]

    def _joined(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.join(self._population, on=["hi", "lo"])

    def _with_day(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        day = pl.col("dispensing_date").cast(pl.Int32) - pl.col("index_date").cast(pl.Int32)
        return self._joined(rows).with_columns(day=day)


def _volumes(rows: pl.LazyFrame) -> pl.LazyFrame:
    return (
        rows.group_by("atc", (YEAR * 12 + MONTH).alias("month"), "person")
        .agg(
            (PACKAGES.max() > 0).alias("is_user"), PACKAGES.sign().sum().alias("dispensings"), AMOUNT.sum().alias("ddd")
        )
        .group_by("atc", "month")
        .agg(pl.col("is_user").sum().alias("users"), pl.col("dispensings").sum(), pl.col("ddd").sum())
    )


def _initiation(rows: pl.LazyFrame) -> pl.LazyFrame:
    return (
        rows.filter(DAY.is_between(0, max(WINDOWS)))
        .group_by("person", "hospital", "sex", pl.col("atc").str.slice(0, 3).alias("prefix"))
        .agg(DAY.min())
        .group_by("prefix", "hospital", "sex")
        .agg([(days >= DAY).sum().alias(f"within_{days}") for days in WINDOWS])
    )


def _covered(rows: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
    days = pl.min_horizontal(ENDING, OBSERVED_DAYS) - pl.max_horizontal(ENDING - SUPPLY, 0)
    return (
        rows.filter((DAY >= -LOOKBACK_DAYS) & (DAY < OBSERVED_DAYS))
        .select("person", *by, "day", supply=pl.min_horizontal(AMOUNT // 10_000, MOST_DAYS))
        .sort("person", "day", "supply")
        .with_columns(total=SUPPLY.cum_sum().over("person"))
        .with_columns(ending=TOTAL + (DAY - (TOTAL - SUPPLY)).cum_max().over("person"))
        .with_columns(days=days.clip(0))
        .group_by("person", *by)
        .agg(pl.col("days").sum())
        .group_by(by)
        .agg(
            ((2_000 * pl.col("days") + OBSERVED_DAYS) // (2 * OBSERVED_DAYS) * 1_000).sum().alias("covered"),
            (pl.col("days") >= ENOUGH_DAYS).sum().alias("covered_well"),
        )
    )


def _prevalence(rows: pl.LazyFrame, by: list[str]) -> pl.LazyFrame:
    return (
        rows.group_by(YEAR.alias("year"), "person", *by)
        .agg(PACKAGES.sum())
        .filter(pl.col("packages") > 0)
        .group_by("year", *by)
        .agg(pl.len().alias("prevalence"))
    )
