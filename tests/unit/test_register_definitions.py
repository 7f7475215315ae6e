"""Register definitions: what is shipped is sound, and a wrong file is refused with file, field and mend."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from linkage.errors import DefinitionRejected
from linkage.register_catalogue import (
    Role,
    arrow_schema,
    canonical_sha256,
    load_register_definition,
    load_registers,
    parse_register_definition,
    shipped_registers,
)
from tests.support.register_loading import DEFINITIONS

SMALL = """
name = "small"
version = "1.0.0"
title = { sv = "Litet", en = "Small" }
description = { sv = "Litet", en = "Small" }
holder = "A holder"
person_format = "personnummer"
event_date = "day"
coverage = { first_day = 2020-01-01 }

[[variables]]
name = "number"
title = { sv = "Nummer", en = "Number" }
source_names = ["number"]
type = "string"
role = "person"

[[variables]]
name = "day"
title = { sv = "Dag", en = "Day" }
source_names = ["day"]
type = "date"
role = "date"
"""


def with_variable(fields: str) -> str:
    header = '[[variables]]\nname = "extra"\ntitle = { sv = "a", en = "a" }\nsource_names = ["extra"]'
    return f"{SMALL}\n{header}\n{fields}\n"


def test_five_registers_are_shipped() -> None:
    assert sorted(shipped_registers()) == ["cancer", "dors", "lmed", "par_ov", "par_sv"]


@pytest.mark.parametrize("name", ["cancer", "dors", "lmed", "par_ov", "par_sv"])
def test_a_shipped_register_stores_no_person_and_has_titles_in_both_languages(name: str) -> None:
    definition = shipped_registers()[name]

    assert definition.person.column not in arrow_schema(definition).names
    assert definition.date_column in arrow_schema(definition).names
    assert all(variable.title.sv and variable.title.en for variable in definition.variables)


def test_every_file_of_the_test_definitions_is_sound() -> None:
    for path in DEFINITIONS.glob("*.toml"):
        assert load_register_definition(path).person_format == "opaque"


def test_the_engine_finds_its_words_in_the_drug_register() -> None:
    schema = arrow_schema(shipped_registers()["lmed"])

    assert schema.field("packages").type == pa.int32()
    assert schema.field("packages").metadata == {b"scale": b"100"}
    assert schema.field("cost_total").type == pa.int64()
    assert schema.field("atc").type == pa.dictionary(pa.uint32(), pa.string())


def test_company_and_prescriber_variables_are_marked_for_disclosure_control() -> None:
    roles = {variable.column: variable.role for variable in shipped_registers()["lmed"].variables}

    assert {name for name, role in roles.items() if role is Role.COMPANY} == {
        "product", "fvarunr", "nplpackid", "fnplpackid", "produkt", "lnmn",
    }  # fmt: skip
    assert roles["workplace"] is Role.PRESCRIBER


def test_layout_and_comments_do_not_change_the_hash_but_a_value_does() -> None:
    first = parse_register_definition(SMALL, file_name="a.toml")
    same = parse_register_definition("# a comment\n" + SMALL.replace("= [", "=   ["), file_name="b.toml")
    other = parse_register_definition(SMALL.replace("2020-01-01", "2021-01-01"), file_name="c.toml")

    assert canonical_sha256(first) == canonical_sha256(same) != canonical_sha256(other)


def test_a_file_of_the_holder_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(SMALL.replace('"small"', '"lmed"'), encoding="utf-8")

    registers = load_registers(tmp_path)
    assert registers["lmed"].holder == "A holder"
    assert "dors" in registers


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("not toml at all [", "not valid TOML"),
        (SMALL.replace('version = "1.0.0"', 'version = "one"'), "version"),
        (SMALL.replace("person_format", "person_fromat"), "person_fromat"),
        (SMALL.replace('event_date = "day"', 'event_date = "night"'), "night"),
        (SMALL.replace('event_date = "day"', 'event_date = "number"'), "event_date must name a date variable"),
        (SMALL.replace('role = "person"', 'role = "other"'), "exactly one variable must have role = 'person'"),
        (with_variable('type = "text"'), "type"),
        (with_variable('type = "code"\ncode_system = "icd-99"'), "code_system is not known"),
        (with_variable('type = "string"\ncode_system = "atc"'), "needs type = 'code'"),
        (with_variable('type = "integer"\nscale = 100'), "scale"),
        (with_variable('type = "decimal"\nscale = 7'), "scale"),
        (with_variable('type = "date"\nmany = true'), "many"),
        (with_variable('type = "code"\nseparator = " "'), "separator"),
        (with_variable('type = "code"\nsource_pattern = "("'), "source_pattern"),
        (with_variable('type = "date"\nconcept = "day"'), "used twice: day"),
        (
            SMALL + '\n[[rules]]\nkind = "not_after"\nvariable = "day"\nother = "x"\ntitle = { sv = "a", en = "a" }\n',
            "x",
        ),
        (SMALL + '\n[[rules]]\nkind = "script"\nvariable = "day"\n', "script"),
    ],
)
def test_a_wrong_definition_is_refused_with_file_field_and_mend(text: str, field: str) -> None:
    with pytest.raises(DefinitionRejected) as refused:
        parse_register_definition(text, file_name="wrong.toml")

    assert "wrong.toml" in refused.value.message
    assert field in refused.value.message
    assert refused.value.mend


def test_a_definition_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes("name = 'läkemedel'".encode("latin-1"))

    for name in ("nowhere.toml", "latin.toml"):
        with pytest.raises(DefinitionRejected, match=name):
            load_register_definition(tmp_path / name)
