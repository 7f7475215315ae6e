"""TOML from strangers: what would take memory, time or the program with it is refused like any other fault."""

import tomllib

import pytest

from linkage.errors import DefinitionRejected
from linkage.indicator_definition import load_indicator_set
from linkage.order import OrderFaults, load_order
from linkage.population_rules import load_population_rules
from linkage.toml_text import MOST_KEY_PARTS, parse_toml

HOSTILE = {
    "a key of many parts": ".".join(["a"] * 40_000) + " = 1",
    "a key of many quoted parts": " . ".join(['"a b"'] * 20_000) + " = 1",
    "a table of many parts": "[" + ".".join(["a"] * 40_000) + "]",
    "lists in lists": "a = " + "[" * 50_000,
    "tables in tables": "a = " + "{a=" * 5_000 + "1" + "}" * 5_000,
    "a number of many digits": "a = 1" + "0" * 5_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_no_toml(text):
    with pytest.raises(tomllib.TOMLDecodeError) as told:
        parse_toml(text)
    assert len(str(told.value)) < 100


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_order_is_refused(text):
    with pytest.raises(OrderFaults, match="is not valid TOML"):
        load_order(text)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_definitions_are_refused(text, tmp_path):
    with pytest.raises(DefinitionRejected, match="is not TOML"):
        load_indicator_set(text)
    (tmp_path / "rules.toml").write_text(text)
    with pytest.raises(DefinitionRejected, match="is not TOML"):
        load_population_rules(tmp_path / "rules.toml")


def test_a_long_text_with_dots_and_quotes_is_read():
    sentences = "En mening. " * 1_000
    assert parse_toml(f'a.b.c = "{sentences}"') == {"a": {"b": {"c": sentences}}}
    deep = ".".join(["a"] * MOST_KEY_PARTS)
    assert parse_toml(f"{deep} = 1")["a"]
