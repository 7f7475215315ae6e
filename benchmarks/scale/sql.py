"""The questions in SQL, for DuckDB and DataFusion.

Written with care for the peers: the population is a table that rows are joined to by its two halves of an id, only the
needed columns are named, codes are tested before the join, and no query counts distinct persons where two levels of
grouping are faster. Carry-over is a closed form: with the supplies' running sum C, the i-th supply ends on day
C(i) + max over j <= i of (d(j) - C(j-1)).
"""

from __future__ import annotations

from dataclasses import dataclass

from linkage_server.benchmark.questions import (
    COVERED,
    GROUPS,
    LOOKBACK_DAYS,
    MOST_DAYS,
    OBSERVED_DAYS,
    THRESHOLD,
    WINDOWS,
)

ENOUGH_DAYS = round(THRESHOLD * OBSERVED_DAYS)


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the two spell differently.

    Args:
        day: days from the index date to the dispensing.
        whole_quotient: `{0}` divided by `{1}`, rounded down.
    """

    day: str
    whole_quotient: str

    def quotient(self, dividend: str, divisor: int) -> str:
        """The quotient of whole numbers that are not negative, rounded down."""
        return self.whole_quotient.format(dividend, divisor)


DUCKDB = Dialect(day="dispensing_date - index_date", whole_quotient="({0}) // {1}")
DATAFUSION = Dialect(
    day="arrow_cast(dispensing_date, 'Int32') - arrow_cast(index_date, 'Int32')", whole_quotient="({0}) / {1}"
)

AMOUNT = "cast(packages as bigint) * ddd_per_package"


def queries(name: str, dialect: Dialect, *, rows: str, first_year: int) -> list[str]:
    """The queries that together answer a question; `rows` names the dispensings.

    Their columns are those that `benchmarks.scale.peer_answers` reads.
    """
    joined = f"{rows} join population using (hi, lo)"
    years = f"dispensing_date >= date '{first_year}-01-01' and dispensing_date < date '{first_year + 2}-01-01'"
    if name == "volumes":
        return [_volumes(joined, years)]
    if name == "initiation":
        return [_initiation(joined, dialect)]
    if name == "adherence":
        return [_covered(joined, dialect, by=("hospital", "sex"))]
    by = ("county", "age", "sex")
    return [_covered(joined, dialect, by=by), _prevalence(joined, years, by=by)]


def _volumes(joined: str, years: str) -> str:
    return f"""
    select atc, month, sum(is_user) as users, sum(dispensings) as dispensings, sum(ddd) as ddd
    from (select atc, date_part('year', dispensing_date) * 12 + date_part('month', dispensing_date) as month, person,
                 max(case when packages > 0 then 1 else 0 end) as is_user,
                 sum(case when packages > 0 then 1 when packages < 0 then -1 else 0 end) as dispensings,
                 sum({AMOUNT}) as ddd
          from {joined} where {years} group by 1, 2, 3) as a_person
    group by atc, month"""


def _initiation(joined: str, dialect: Dialect) -> str:
    groups = ", ".join(f"'{prefix}'" for prefix in GROUPS.values())
    within = ", ".join(f"sum(case when day <= {days} then 1 else 0 end) as within_{days}" for days in WINDOWS)
    return f"""
    select prefix, hospital, sex, {within}
    from (select person, hospital, sex, substr(atc, 1, 3) as prefix, min({dialect.day}) as day
          from {joined}
          where substr(atc, 1, 3) in ({groups}) and packages > 0
            and {dialect.day} >= 0 and {dialect.day} <= {max(WINDOWS)}
          group by 1, 2, 3, 4) as first_dispensing
    group by prefix, hospital, sex"""


def _covered(joined: str, dialect: Dialect, *, by: tuple[str, ...]) -> str:
    strata = ", ".join(by)
    earlier = "(partition by person order by day, supply rows unbounded preceding)"
    supply = f"least({dialect.quotient(AMOUNT, 10_000)}, {MOST_DAYS})"
    return f"""
    select {strata}, 1000 * sum({dialect.quotient(f"2000 * days + {OBSERVED_DAYS}", 2 * OBSERVED_DAYS)}) as covered,
           sum(case when days >= {ENOUGH_DAYS} then 1 else 0 end) as covered_well
    from (select person, {strata},
                 sum(case when ending - supply < {OBSERVED_DAYS} and ending > 0
                     then least(ending, {OBSERVED_DAYS}) - greatest(ending - supply, 0) else 0 end) as days
          from (select person, {strata}, supply, total + max(day - (total - supply)) over {earlier} as ending
                from (select person, {strata}, day, supply, sum(supply) over {earlier} as total
                      from (select person, {strata}, {dialect.day} as day, {supply} as supply
                            from {joined}
                            where starts_with(atc, '{GROUPS[COVERED]}') and packages > 0
                              and {dialect.day} >= -{LOOKBACK_DAYS} and {dialect.day} < {OBSERVED_DAYS}) as supplied
                     ) as added_up) as ended
          group by person, {strata}) as covered
    group by {strata}"""


def _prevalence(joined: str, years: str, *, by: tuple[str, ...]) -> str:
    strata = ", ".join(by)
    return f"""
    select year, {strata}, count(*) as prevalence
    from (select date_part('year', dispensing_date) as year, person, {strata}
          from {joined} where starts_with(atc, '{GROUPS[COVERED]}') and {years}
          group by 1, person, {strata} having sum(packages) > 0) as users
    group by year, {strata}"""
