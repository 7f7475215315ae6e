"""The reference set of 200 invented persons: its files, and a set of indicators with its definitions."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

GROUPS = ("STATIN", "P2Y12", "ASA", "BETABLOCKER", "RASI", "OTHER")
# day windows of initiation.parquet: column, indicator suffix, parameters
INITIATION_COLUMNS = (
    ("d0_14", "d0", "within_days=14"),
    ("d0_90", "d0", "within_days=90"),
    # The README says "both ends included", and every other column is so; the values of this one leave day 365 out.
    ("d0_365", "d0", "within_days=364"),
    ("d15_90", "d15", "days=15..90"),
    ("d275_365", "d275", "days=275..365"),
    ("prior_180", "prior180", "days=-180..-1"),
    ("prior_365", "prior365", "days=-365..-1"),
    ("new_user_90", "new", "within_days=90"),
)
# config of pdc_daily.parquet: supply model, codes, and what differs from the defaults
_COVERED = (
    ("p1_statin_nocarry", "given", '"statin"', 'carry_over = "none"\nstock_cap_days = "none"'),
    ("p2_statin_carry", "given", '"statin"', 'stock_cap_days = "none"'),
    ("p3_statin_carry_hosp", "frozen", '"statin"', 'stock_cap_days = "none"'),
    ("p4_statin_carry_cap180", "given", '"statin"', "stock_cap_days = 180"),
    ("p5_dapt_carry_hosp", "frozen", '["p2y12", "asa"]', 'stock_cap_days = "none"'),
)


def folder(shared_data: Path) -> Path:
    """Where the reference set lies."""
    return shared_data / "oracle" / "adherer"


def expected(shared_data: Path, name: str) -> pd.DataFrame:
    """A file of reference values."""
    return pd.read_parquet(folder(shared_data) / "expected" / f"{name}.parquet")


def files(shared_data: Path) -> dict[str, Path]:
    """Register -> file, for the laboratory."""
    given = folder(shared_data) / "input"
    return {
        "lmed": given / "dispensings.parquet",
        "par_sv": given / "hospital.parquet",
        "outcomes": given / "outcomes.parquet",
    }


def definition(shared_data: Path) -> str:
    """TOML of every indicator that the reference set has a value for; codes are read off its therapeutic groups."""
    rows = pd.read_parquet(files(shared_data)["lmed"], columns=["grp", "atc"])
    parts = ['[set]\nid = "reference"\nversion = "1.0.0"\n']
    for group in GROUPS:
        codes = sorted(rows.atc[rows.grp == group].unique())
        parts.append(f"[codes.{group.lower()}]\natc_include = {_list(codes)}\n")
    parts.append('[codes.psychotropic]\natc_include = ["N05A", "N05B", "N05C", "N06A"]\n')
    for code in ("I21", "I63", "K92", "S72"):
        parts.append(f'[codes.{code.lower()}]\nicd10_include = ["{code}"]\n')
    for name, hospital in (("given", "ignore"), ("frozen", "freeze")):
        parts.append(
            f'[supply.{name}]\nsteps = ["days_supply"]\ncap_days = 3650\nreversals = "net_latest"\n'
            f'hospital = "{hospital}"\n'
        )
    return "".join([*parts, *_covered(), *_initiations(), *_drugs(), *_outcomes(), *_amounts()])


def _list(codes: list[str]) -> str:
    return "[" + ", ".join(f'"{code}"' for code in codes) + "]"


def _covered() -> list[str]:
    return [
        f'[[indicator]]\nid = "{config}_{combine}"\nkind = "proportion_of_days_covered"\ncodes = {codes}\n'
        f'combine = "{combine}"\nsupply = "{supply}"\nobserve = {{ from = 0, to = 365 }}\nthreshold = 0.8\n{rest}\n'
        for config, supply, codes, rest in _COVERED
        for combine in ("any", "all")
    ]


def _initiations() -> list[str]:
    windows = {
        "d0": (0, "[14, 90, 364]"),
        "d15": (15, "90"),
        "d275": (275, "365"),
        "prior180": (-180, "-1"),
        "prior365": (-365, "-1"),
        "new": (0, "90"),
    }
    # The reference set counts every row of a window, also those after death that registers should not have.
    return [
        f'[[indicator]]\nid = "{group.lower()}_{name}"\nkind = "initiation"\ncodes = "{group.lower()}"\n'
        f'reversals = "net_latest"\nend_at_exit = false\nwindow = {{ from = {first}, to = {last} }}\n'
        + ('washout = { from = -365, to = -1, effect = "exclude" }\n' if name == "new" else "")
        + 'interval = "clopper-pearson"\n'
        for group in GROUPS
        for name, (first, last) in windows.items()
    ]


def _drugs() -> list[str]:
    start = '[[indicator]]\nkind = "drugs_at_date"\nat_day = 365\ndenominator = "all"\nreversals = "net_latest"\n'
    return [
        f'{start}id = "dispensed"\nrule = "dispensed"\ndispensed_within_days = [120, 365]\nat_least = [5, 10]\n',
        f'{start}id = "supplied"\nrule = "supply"\nsupply = "given"\n',
        f'{start}id = "psychotropics"\ncodes = "psychotropic"\nrule = "dispensed"\ndispensed_within_days = 120\n',
    ]


def _outcomes() -> list[str]:
    return [
        f'[[indicator]]\nid = "outcome_{code}"\nkind = "event_in_window"\nregister = "outcomes"\ndate = "date"\n'
        f'codes = "{code}"\ncolumns = ["diagnosis"]\nwindow = {{ from = 0, to = 729 }}\nstatistic = ["count", "rate"]\n'
        for code in ("i21", "i63", "k92", "s72")
    ]


def _amounts() -> list[str]:
    years = 'calendar = { from = 2018-01-01, until = 2023-01-01, step = "year" }\nend_at_exit = false\n'
    months = 'calendar = { from = 2017-01-01, until = 2024-01-01, step = "month" }\nend_at_exit = false\n'
    kinds = (
        ("users", 'kind = "users"\nreversals = "sum"\n'),
        ("dispensings", 'kind = "dispensings"\n'),
        ("ddd", 'kind = "ddd"\n'),
        ("cost", 'kind = "cost"\ncost = ["total", "patient"]\n'),
    )
    return [
        f'[[indicator]]\nid = "{group.lower()}_{name}_{step}"\ncodes = "{group.lower()}"\n{kind}{calendar}'
        for group in GROUPS
        for name, kind in kinds
        for step, calendar in (("year", years), ("month", months))
    ]
