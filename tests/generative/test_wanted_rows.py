"""Rows that no indicator of a run looks at may be left in the register: no value, reason or account tells of them."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.events import PersonEvents
from linkage_core.indicators import PersonValues, evaluate
from linkage_core.indicators.values import RowValues
from linkage_core.indicators.wanted_rows import wanted_rows
from linkage_core.row_filter import RowFilter
from tests.support.indicator_tables import HEADER, deaths, drawn_set, population, register

PERSONS = ["anna", "bo", "cilla"]
OBSERVE = "observe = { from = 0, to = 50 }"
SET = drawn_set(
    'id = "start"\nkind = "initiation"\ncodes = ["statin", "asa"]\nwindow = { from = 0, to = [10, 40] }\n'
    'washout = { from = -20, to = -1, effect = "stratify" }\ndenominator = ["all", "alive_at_N"]',
    'id = "both"\nkind = "initiation"\ncodes = ["asa", "statin"]\ncombine = "all"\nreversals = "net_latest"\n'
    "window = { from = 0, to = 30 }",
    'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
    "observe = { from = 0, to = [20, 50] }\nthreshold = 0.8\nlookback_days = 20",
    'id = "drugs"\nkind = "drugs_at_date"\ncodes = "asa"\nat_day = 30\nrule = "dispensed"\n'
    "dispensed_within_days = 20\nat_least = 1",
    f'id = "users"\nkind = "users"\ncodes = "statin"\n{OBSERVE}\nrow_strata = ["atc:5"]',
    'id = "monthly"\nkind = "users"\ncodes = "asa"\nrow_strata = ["atc"]\n'
    'calendar = { from = 2019-12-01, until = 2020-03-01, step = "month" }',
    f'id = "cost"\nkind = "cost"\ncodes = "asa"\n{OBSERVE}',
    'id = "episodes"\nkind = "treatment_episodes"\ncodes = ["statin", "asa"]\nsupply = "given"\ngap_days = [5, 20]\n'
    'follow_up_days = 50\nat_days = [10, 30]\nnew_episode_on = "medication_change"',
    'id = "stopped"\nkind = "time_to_discontinuation"\ncodes = "statin"\nsupply = "given"\ngap_percent = [50, 100]\n'
    'follow_up_days = 50\ncensoring = ["plain", "strict"]\ncompeting = "death"',
    'id = "available"\nkind = "medication_availability"\ncodes = ["statin", "asa"]\nsupply = "given"\nthreshold = 0.5\n'
    'measure = ["cma1", "cma2", "cma5", "cma6", "cma7", "cma8", "cma9"]\nsame_medication = true\n'
    'follow_up = { anchor = "index_date", offset = -20, length = 80 }\n'
    'observation = { anchor = "index_date", length = 50 }',
    'id = "in_windows"\nkind = "medication_availability"\ncodes = "statin"\nsupply = "given"\n'
    'measure = ["cma6", "cma7"]\n'
    'follow_up = { anchor = "first_event", length = "6 weeks" }\nsliding = { length = 20, every = 10, count = 3 }',
    'id = "in_episodes"\nkind = "medication_availability"\ncodes = "statin"\nsupply = "given"\nmeasure = "cma9"\n'
    'follow_up = { anchor = "first_event_from_index", length = 60 }\nepisodes = { gap_days = 10, count = 2 }',
    'id = "again"\nkind = "restart"\ncodes = "statin"\nsupply = "given"\ngap_days = 5\nwithin_days = 20\n'
    "follow_up_days = 50",
    'id = "changed"\nkind = "switch"\ncodes = "p2y12"\nto = "asa"\nsupply = "given"\ngap_days = 5\nfollow_up_days = 50',
    'id = "added"\nkind = "add_on"\ncodes = "statin"\nto = "asa"\nsupply = "given"\ngap_days = 20\ntogether_days = 5',
    'id = "at_hand"\nkind = "covered_on_day"\ncodes = "statin"\nsupply = "given"\nat_days = [0, 20, 40]',
)
OF_ONE_CODE_SET = drawn_set(
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [10, 40] }',
    'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
    "observe = { from = 0, to = [20, 50] }\nthreshold = 0.8\nlookback_days = 20",
    f'id = "users"\nkind = "users"\ncodes = "statin"\n{OBSERVE}\nrow_strata = ["atc:5"]',
)
"""All rows that it wants are of one code set."""
DIMENSIONS = ["atc:3", "reason"]
ROW = st.fixed_dictionaries(
    {
        "person": st.sampled_from(PERSONS),
        "day": st.integers(-30, 60),
        "atc": st.sampled_from(["C10AA05", "c10 aa01", "B01AC06", "B01AC34", "B01AC04", "N02BE01", "", None]),
        "packages": st.sampled_from([1, 1, 2, 3, -1, -2, None]),
        "days_supply": st.sampled_from([5, 20, 40, 2000, 0, None]),
        "cost_total": st.integers(-100, 500),
        "product": st.sampled_from(["x", "y", None]),
        "reason": st.sampled_from([["22298006"], ["38341003", "22298006"], [], None]),
    }
)


def only(events: PersonEvents, wanted: RowFilter) -> PersonEvents:
    """The rows that a filter keeps, as a register that reads by it would give them."""
    codes = events.rows.column(wanted.column).cast(pa.string()).to_pylist()
    keep = np.array([code is not None and wanted.wants(code) for code in codes], np.bool_)
    assert wanted.wanted(pa.array(codes, pa.string())).tolist() == keep.tolist()
    counts = np.bincount(events.person_of_row[keep], minlength=events.persons)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    rows = events.rows.filter(pa.array(keep))
    coded = rows.column(wanted.column).cast(pa.string()).dictionary_encode()
    # A text that no row has, as a register's dictionary has others than a block of persons.
    texts = pa.concat_arrays([coded.dictionary, pa.array(["Z99"])])
    column = pa.DictionaryArray.from_arrays(coded.indices, texts)
    rows = rows.set_column(rows.schema.get_field_index(wanted.column), wanted.column, column)
    kept_codes = wanted.column, wanted.wanted(texts)
    return PersonEvents(offsets=offsets, rows=rows, found=events.found, kept_codes=kept_codes)


def said(values: list[PersonValues]) -> list[dict[str, object]]:
    """Everything that values hold, in a form that can be compared."""
    return [
        {
            # What an amount is added up from says nothing but the values, which are read here.
            **{
                one.name: _plain(getattr(value, one.name))
                for one in fields(value)
                if one.name not in ("rows", "summed")
            },
            "rows": {name: _entries(rows) for name, rows in value.rows.items()},
        }
        for value in values
    ]


def _plain(part: object) -> object:
    """Arrays as lists, inside what holds them too, and what a list of episodes holds once it is asked for."""
    if callable(part):
        # NaN, which stands where an event has no interval, is not equal to itself.
        return [[None if entry != entry else entry for entry in column.tolist()] for column in part()]  # noqa: PLR0124
    if isinstance(part, dict):
        return {key: _plain(inner) for key, inner in part.items()}
    if isinstance(part, tuple):
        return [_plain(inner) for inner in part]
    if is_dataclass(part):
        return [_plain(getattr(part, one.name)) for one in fields(part)]
    return part.tolist() if isinstance(part, np.ndarray) else part


def _entries(split: RowValues) -> list[tuple[int, str, int]]:
    """Person, level and value, in the order of the values."""
    rows = split.entries()
    levels = [rows.levels[place] for place in rows.level]
    return list(zip(rows.person.tolist(), levels, rows.value.tolist(), strict=True))


@pytest.mark.parametrize("definition", [SET, OF_ONE_CODE_SET], ids=["several code sets", "one code set"])
@settings(max_examples=200, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=20), dead=st.dictionaries(st.sampled_from(PERSONS), st.integers(0, 60)))
def test_values_are_the_same_without_the_rows_that_nobody_wants(definition, rows, dead):
    who = population(PERSONS)
    rows = [*rows, {"person": "anna", "day": 500, "reason": ["1"], "product": "x", "atc": "N02", "days_supply": 1}]
    events = register(PERSONS, rows, date_column="dispensing_date")
    wanted = wanted_rows([definition], "lmed", DIMENSIONS)
    assert wanted is not None
    whole, part = (
        evaluate(
            definition,
            population=who,
            events={"lmed": read, "dors": deaths(PERSONS, dead)},
            data_until={},
            row_dimensions=DIMENSIONS,
        )
        for read in (events, only(events, wanted))
    )
    assert said(whole) == said(part)


@pytest.mark.parametrize(
    ("indicator", "header"),
    [
        (f'id = "all"\nkind = "users"\n{OBSERVE}', HEADER),
        (
            'id = "event"\nkind = "event_in_window"\nregister = "lmed"\ndate = "dispensing_date"\ncodes = "statin"\n'
            'columns = "atc"\nwindow = { from = 0, to = 30 }',
            HEADER,
        ),
        (
            f'id = "users"\nkind = "users"\ncodes = "statin"\n{OBSERVE}',
            HEADER.replace('hospital = "freeze"', 'hospital = "freeze"\nhospital_register = "lmed"'),
        ),
        (
            f'id = "users"\nkind = "users"\ncodes = "statin"\n{OBSERVE}',
            HEADER + '[exits]\nemigration = { register = "lmed", date = "dispensing_date" }\n',
        ),
    ],
)
def test_every_row_is_wanted_where_a_code_cannot_tell(indicator, header):
    assert wanted_rows([drawn_set(indicator, header=header)], "lmed", []) is None


def test_codes_are_wanted_as_the_register_writes_them():
    wanted = wanted_rows([drawn_set(f'id = "users"\nkind = "users"\ncodes = "asa"\n{OBSERVE}')], "lmed", [])
    assert wanted is not None
    assert [wanted.wants(code) for code in ("B01AC06", " b01.ac 34", "B01AC04", "")] == [True, True, False, False]
