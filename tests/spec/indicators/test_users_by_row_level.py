"""Who is a user under a row level where reversed rows are only summed: a user of the set, by rows of that level."""

from __future__ import annotations

from linkage_core.aggregates import count_by
from tests.support.indicator_tables import drawn_set, evaluated, population, register

PERSONS = ["anna", "bo"]


def test_a_person_under_a_level_is_a_person_of_the_set():
    """Bo got A and returned a package of B: none is left to him, so he is no user, of A neither.

    A table by ATC code is the set of users split by their rows. Were Bo counted under A alone, a level could hold more
    persons than the set, and hiding by differences would fail. Who wants all users of A names a code set of A.
    """
    definition = drawn_set(
        'id = "u"\nkind = "users"\nreversals = "sum"\nrow_strata = ["atc"]\nobserve = { from = 0, to = 365 }'
    )
    rows = [
        {"person": person, "day": day, "atc": atc, "packages": packages}
        for person, day, atc, packages in [
            ("anna", 0, "C10AA05", 2),
            ("anna", 9, "C10AA01", -1),
            ("bo", 0, "C10AA05", 1),
            ("bo", 9, "C10AA01", -1),
        ]
    ]
    drugs = register(PERSONS, rows, date_column="dispensing_date")
    who = population(PERSONS)
    values = list(evaluated(definition, population=who, lmed=drugs).values())
    table = count_by(values, population=who, by=[()])
    cube = next(cube for cube in table.person_cubes if cube.persons_key.endswith("/yes") and len(cube.dimensions) == 1)
    assert cube.dimensions[0].levels == ("C10AA05",)
    assert cube.persons.tolist() == [1, 1]
