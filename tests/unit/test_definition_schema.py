"""The JSON Schema of indicator sets says what is accepted: every shipped set fits it, and slips of the pen do not."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkage.definition_schema import indicator_set_schema, schema_text
from linkage.kind_words import kind_words
from linkage_server.__main__ import app
from tests.support.json_schema import complaints

DEFINITIONS = Path(str(resources.files("linkage"))) / "definitions"
SHIPPED = sorted((DEFINITIONS / "indicators").glob("*.toml"))
HEADER = '[set]\nid = "example"\nversion = "1.0.0"\n'


def as_json(text: str) -> Any:
    """TOML as an editor holds it against a schema: dates are texts."""
    return json.loads(json.dumps(tomllib.loads(text), default=date.isoformat))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return indicator_set_schema()


def test_the_committed_copy_is_fresh() -> None:
    committed = (DEFINITIONS / "indicator-set.schema.json").read_text(encoding="utf-8")
    mend = "run: linkage-server lab schema --out linkage/definitions/indicator-set.schema.json"
    assert committed == schema_text(), mend


def test_every_field_has_a_word_on_it(schema: dict[str, Any]) -> None:
    shapes = {"IndicatorSet": schema, **schema["$defs"]}
    fields = {
        f"{name}.{field}": entry for name, shape in shapes.items() for field, entry in shape["properties"].items()
    }
    assert len(fields) > 200
    assert [name for name, entry in fields.items() if not entry.get("description")] == [], "linkage/field_words.py"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.stem)
def test_shipped_sets_fit_the_schema(file: Path, schema: dict[str, Any]) -> None:
    assert complaints(as_json(file.read_text(encoding="utf-8")), schema) == []


@pytest.mark.parametrize("kind", sorted(kind_words()))
def test_the_example_of_every_kind_fits_the_schema(kind: str, schema: dict[str, Any]) -> None:
    assert complaints(as_json(HEADER + kind_words()[kind].example), schema) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('kind = "initiation"', 'kind = "initation"', "set.indicator[0].kind: unknown"),
        ("window =", "windw =", "set.indicator[0].windw: unknown"),
        ("window = { from = 0, to = [30, 90] }", "", "set.indicator[0].window: missing"),
        ('atc_include = ["C10AA"]', "", "set.codes.statin: none of its forms"),
        ('version = "1.0.0"', 'version = "1"', "set.set.version: pattern"),
        ('codes = "statin"', "codes = 3", "set.indicator[0].codes: none of its forms"),
        ('codes = "statin"', 'codes = "statin"\ninterval = "wald"', "set.indicator[0].interval: enum"),
    ],
)
def test_a_slip_of_the_pen_does_not_fit(old: str, new: str, complaint: str, schema: dict[str, Any]) -> None:
    text = HEADER + kind_words()["initiation"].example
    assert old in text
    assert complaint in complaints(as_json(text.replace(old, new, 1)), schema)


def test_what_is_accepted_on_the_way_in_fits(schema: dict[str, Any]) -> None:
    text = HEADER + kind_words()["initiation"].example.replace("[30, 90]", "90") + "[exits]\ndeath = false\n"
    assert complaints(as_json(text), schema) == []
    availability = kind_words()["medication_availability"].example.replace('"365 days"', "365")
    assert complaints(as_json(HEADER + availability), schema) == []


def test_the_laboratory_prints_or_writes_it(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["lab", "schema"]).stdout == schema_text()
    CliRunner().invoke(app, ["lab", "schema", "--out", str(tmp_path / "s.json")])
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == schema_text()
