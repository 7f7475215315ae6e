"""A small laboratory table of persons by region and age, policies that perturb, and a home folder with a noise key."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from typer.testing import CliRunner

from linkage.disclosure_policy import DisclosurePolicy, load_policy
from linkage_server.__main__ import app
from linkage_server.lab.protect import protect_file

REGIONS = {"SE": ["north", "south"], "north": ["0101", "0102", "0103"], "south": ["0201", "0202"]}
LEAVES = ("0101", "0102", "0103", "0201", "0202")
AGES = ("young", "middle", "old")
NOISE = 'bound = 5\nvariance = 3\nnever_up_to = 2\nkey_version = 1\nmonth_to_month = "not_protected"\n'
AMOUNTS = (
    "[mechanism.noise.amounts.cost]\nbound = 5\nvariance = 2\nparts = 2\nshare_small = 0.2\nshare_large = 0.05\n"
    "flex_point = 1000.0\nweights = [1.0, 0.5]\n"
)
Person = tuple[str, str, str]
"""Region, age, and a hashed id as 32 hexadecimal digits."""


def policy_of(mechanism: str, **rules: object) -> DisclosurePolicy:
    settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in rules.items())
    return load_policy(
        f'id = "perturbing"\nversion = "1.0.0"\n{settings}'
        '[title]\nsv = "Brus"\nen = "Noise"\n[description]\nsv = "Brus"\nen = "Noise"\n' + mechanism
    )


def noise_policy(*, more: str = "", key_version: int = 1, **rules: object) -> DisclosurePolicy:
    noise = NOISE.replace("key_version = 1", f"key_version = {key_version}")
    return policy_of(f"[mechanism.noise]\n{noise}{more}", **rules)


def rounding_policy(method: str, base: int, **rules: object) -> DisclosurePolicy:
    return policy_of(f'[mechanism.rounding]\nmethod = "{method}"\nbase = {base}\n', **rules)


def layout_of(**changes: Any) -> dict[str, Any]:
    return {
        "dims": {
            "region": {"total": "SE", "hierarchies": [REGIONS]},
            "age": {"total": "all", "hierarchies": [{"all": list(AGES)}]},
        },
        "measures": {"n": {"kind": "count"}},
        **changes,
    }


def made_up_persons(seed: int, *, about: int = 40) -> list[Person]:
    random = np.random.default_rng(seed)
    return [
        (region, age, random.bytes(16).hex())
        for region in LEAVES
        for age in AGES
        for _ in range(int(random.negative_binomial(0.8, 0.8 / (0.8 + about))))
    ]


def home_of(folder: Path) -> Path:
    assert CliRunner().invoke(app, ["init", str(folder)]).exit_code == 0
    return folder


def write_table(folder: Path, persons: Iterable[Person], plan: dict[str, Any]) -> tuple[Path, Path, Path]:
    """Table, layout and contributions of a folder."""
    folder.mkdir(exist_ok=True)
    people = list(persons)
    counts = {(r, a): 0 for r in LEAVES for a in AGES}
    for region, age, _ in people:
        counts[region, age] += 1
    table, layout, who = folder / "table.csv", folder / "layout.json", folder / "who.csv"
    table.write_text("region,age,n\n" + "".join(f"{r},{a},{n}\n" for (r, a), n in counts.items()))
    layout.write_text(json.dumps(plan))
    who.write_text("region,age,contributor\n" + "".join(f"{r},{a},{p}\n" for r, a, p in people))
    return table, layout, who


def released(out: Path) -> dict[tuple[str, str], dict[str, Any]]:
    as_text = pyarrow.csv.ConvertOptions(column_types={"region": pa.string()})
    rows = pyarrow.csv.read_csv(out / "released.csv", convert_options=as_text).to_pylist()
    return {(row["region"], row["age"]): row for row in rows}


def protect_persons(
    folder: Path, persons: Iterable[Person], policy: DisclosurePolicy, home: Path | None, **changes: Any
) -> dict[tuple[str, str], dict[str, Any]]:
    table, layout, who = write_table(folder, persons, layout_of(**changes))
    protect_file(policy, table, layout=layout, out=folder / "out", contributions=who, home=home)
    return released(folder / "out")
