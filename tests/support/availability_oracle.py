"""Sets of indicators that say in this house's words what the reference values of adherence were computed with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from tests.support.adherer_oracle import folder

MEASURES = [f"cma{number}" for number in range(1, 10)]
_ANCHORS = {"fu_start": "follow_up_start"}


def configs(shared_data: Path) -> list[dict[str, Any]]:
    """The configurations of the reference values."""
    return json.loads((folder(shared_data) / "configs.json").read_text(encoding="utf-8"))


def population(shared_data: Path) -> pd.DataFrame:
    """The persons, with the lengths of their windows where observation ends at death or emigration."""
    persons = pd.read_parquet(folder(shared_data) / "input" / "persons.parquet")
    index, death, emigration = (pd.to_datetime(persons[f"{name}_date"]) for name in ("index", "death", "emigration"))
    observed = (pd.concat([death, emigration], axis=1).min(axis=1) - index).dt.days
    persons["ow_days"] = observed.fillna(365).clip(upper=365).astype(int)
    persons["fu_days"] = persons.ow_days + 180
    return persons.drop(columns=["death_date", "emigration_date"])


def header(shared_data: Path) -> str:
    """Set, code sets by therapeutic group, and supply as a column tells it."""
    rows = pd.read_parquet(folder(shared_data) / "input" / "dispensings.parquet", columns=["grp", "atc"])
    codes = {group: sorted(rows.atc[rows.grp == group].unique()) for group in ("STATIN", "P2Y12")}
    return (
        '[set]\nid = "availability"\nversion = "1.0.0"\n[exits]\ndeath = false\n'
        + "".join(f"[codes.{name.lower()}]\natc_include = {json.dumps(found)}\n" for name, found in codes.items())
        + '[supply.given]\nsteps = ["days_supply"]\ncap_days = 3650\nreversals = "net_latest"\n'
    )


def indicator(config: dict[str, Any]) -> str:
    """One configuration, all nine measures."""
    return (
        f'[[indicator]]\nid = "{config["id"]}"\nkind = "medication_availability"\nmeasure = {json.dumps(MEASURES)}\n'
        f'codes = "{config["group"].lower()}"\nsupply = "given"\nmode = "compat"\nend_at_exit = false\n'
        f"follow_up = {_window(config, 'fu')}\nobservation = {_window(config, 'ow')}\n"
        f"same_medication = {str(config['same_med']).lower()}\ndosage_change = {str(config['dosage']).lower()}\n"
    )


def _window(config: dict[str, Any], name: str) -> str:
    start, length, unit = config[f"{name}_start"], config[f"{name}_days"], config["unit"]
    anchor = _ANCHORS.get(start["anchor"], start["anchor"])
    length = length if isinstance(length, str) else f"{length} {unit}"
    return f'{{ anchor = "{anchor}", offset = "{start["days"]} {unit}", length = "{length}" }}'
