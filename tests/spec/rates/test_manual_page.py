"""The tables of docs/manual/rates.md are what the laboratory computes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from linkage_core.indicators.strength_text import milligrams
from linkage_server.lab.evaluate import evaluate_files

PAGE = (Path(__file__).parents[3] / "docs" / "manual" / "rates.md").read_text(encoding="utf-8")


def tables() -> Iterator[pd.DataFrame]:
    for block in re.findall(r"(?:^\|.*\|\n)+", PAGE, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines()]
        yield pd.DataFrame(rows, columns=head)


def table(*columns: str) -> pd.DataFrame:
    return next(one for one in tables() if list(one.columns[: len(columns)]) == list(columns))


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    table("person_id", "birth_date").to_csv(folder / "people.csv", index=False)
    table("person_id", "date").to_csv(folder / "lmed.csv", index=False)
    table("year", "sex").to_csv(folder / "inhabitants.csv", index=False)
    (folder / "set.toml").write_text(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    evaluate_files(
        folder / "set.toml",
        population=folder / "people.csv",
        events={"lmed": folder / "lmed.csv"},
        out=folder,
        by=[["sex", "age"]],
        inhabitants=folder / "inhabitants.csv",
    )
    return folder


def test_rates_are_those_of_the_page(out):
    told = table("indicator", "sex", "age", "statistic")
    keys = ["indicator", "sex", "age", "statistic", "interval"]
    rates = pd.read_csv(out / "rates.csv", keep_default_na=False)
    rates = rates[rates.period == 2021].set_index(keys)
    assert len(told) == 9
    for row in told.to_dict("records"):
        ours = rates.loc[tuple(row[key] for key in keys)]
        for name in ("numerator", "denominator", "value", "lower", "upper", "outside"):
            if row[name] == "":
                assert ours[name] == "", (row, name)
            else:
                assert float(ours[name]) == pytest.approx(float(row[name]), abs=6e-5), (row, name)


def test_strengths_are_read_as_the_page_says():
    for row in table("text", "milligrams").to_dict("records"):
        for column, concentrations in (("milligrams", False), ("with `concentrations`", True)):
            found = milligrams(row["text"], concentrations=concentrations)
            assert found == (None if row[column] == "not read" else pytest.approx(float(row[column]))), row["text"]
