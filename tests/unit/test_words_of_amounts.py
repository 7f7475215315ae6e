"""Every kind of amounts says in words what it counts."""

from __future__ import annotations

import pytest

from linkage_server.release.definition_words import facts_of, unit_of
from tests.support.indicator_tables import drawn_set

CALENDAR = 'calendar = { from = 2020-01-01, until = 2021-01-01, step = "month", rolling = 12 }'


def facts(body: str) -> dict[str, str]:
    definition = drawn_set(f'id = "x"\ncodes = "statin"\n{CALENDAR}\n{body}')
    return dict(facts_of(definition.indicators[0], definition))


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        ("users", ""),
        ("dispensings", "dispensings"),
        ("packages", "packages"),
        ("units", "units"),
        ("substance_amount", "mg"),
        ("ddd", "DDD"),
        ("cost", "SEK"),
    ],
)
def test_each_kind_has_words_and_a_unit(kind, unit):
    definition = drawn_set(f'id = "x"\ncodes = "statin"\n{CALENDAR}\nkind = "{kind}"')
    assert unit_of(definition.indicators[0]) == unit
    told = dict(facts_of(definition.indicators[0], definition))
    assert told["Kind"]
    assert told["Rolling"] == "the last 12 periods, up to the end of each"


def test_strengths_substitutions_and_standards_are_told():
    assert facts('kind = "substance_amount"')["Strength"].startswith("read from the register's text; rows")
    read = facts('kind = "substance_amount"\nbare_number = "mg"\nconcentrations = true')["Strength"]
    assert "without a unit as milligrams, also per millilitre and gram" in read
    assert facts('kind = "substance_amount"\nstrength = "number"')["Strength"].startswith("milligrams as")
    told = facts('kind = "generic_substitution"\nsubstituted = "1"\nnot_substituted = ["2", "3"]')
    assert told["Substituted"] == "substitution is 1"
    assert told["Could be, but was not"] == "substitution is 2 or 3"
    standard = facts('kind = "users"\nstandard = { from_age = 40, open_age = 85 }')["Standardised by age"]
    assert standard == "the European standard population 2013, ages from 40, 85 and older as one group"
    given = facts('kind = "users"\nstandard = { weights = { "<40" = 1, "40+" = 2 } }')["Standardised by age"]
    assert given == "weights of the definition, all ages"
