"""The type of what may leave: nothing in a kept-back line, no line twice, and back from Parquet as it was."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from linkage.errors import DisclosureRefused, InputRefused
from linkage.released_table import NUMBER_COLUMNS, QUANTILE, RELEASED_COLUMNS, LineStatus, ReleasedTable
from tests.support.released_example import DIMENSIONS, example_table


def changed(column: str, value: object, *, status: LineStatus) -> pa.Table:
    """The example with one number set in its first line of that status."""
    rows = example_table().table.to_pylist()
    next(row for row in rows if row["status"] == status)[column] = value
    return pa.Table.from_pylist(rows, schema=example_table().table.schema)


def test_columns_are_those_of_the_contract_with_the_strata_between() -> None:
    names = example_table().table.column_names
    strata = [dimension.name for dimension in DIMENSIONS]
    assert [name for name in names if name not in strata] == list(RELEASED_COLUMNS)
    assert names[3:7] == strata


@pytest.mark.parametrize("column", NUMBER_COLUMNS)
@pytest.mark.parametrize("number", [0, 7])
def test_a_number_in_a_kept_back_line_is_refused(column: str, number: int) -> None:
    with pytest.raises(DisclosureRefused, match=column):
        ReleasedTable(changed(column, number, status=LineStatus.SUPPRESSED), DIMENSIONS)


def test_a_line_that_stands_twice_is_refused() -> None:
    table = example_table().table
    with pytest.raises(InputRefused, match="same thing"):
        ReleasedTable(pa.concat_tables([table, table.slice(3, 1)]), DIMENSIONS)


def test_a_status_nobody_agreed_on_is_refused() -> None:
    with pytest.raises(InputRefused, match="status"):
        ReleasedTable(changed("status", "almost", status=LineStatus.OK), DIMENSIONS)


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(InputRefused, match="columns"):
        ReleasedTable(example_table().table.drop_columns(["reason"]), DIMENSIONS)


def test_parquet_gives_back_the_same_table_with_strata_and_reasons() -> None:
    released = example_table()
    again = ReleasedTable.from_parquet(released.to_parquet(metadata={"title": "Å"}))
    assert again.table.equals(released.table)
    assert (again.dimensions, again.notes, again.missing) == (released.dimensions, released.notes, released.missing)


def test_a_foreign_file_is_no_released_table() -> None:
    with pytest.raises(InputRefused, match="not a released table"):
        ReleasedTable.from_parquet(b"PAR1 but not really PAR1")


def test_crossings_are_the_largest_sets_of_strata_that_lines_are_broken_down_by() -> None:
    assert example_table().crossings() == [("hospital",), ("sex", "age"), ("index_month",)]


def test_the_example_holds_every_kind_of_line_that_these_tests_speak_of() -> None:
    statuses = set(pc.unique(example_table().table["status"]).to_pylist())
    assert {LineStatus.OK, LineStatus.SUPPRESSED, LineStatus.INCOMPLETE} <= statuses


def test_an_undefined_line_has_no_limits_but_a_quantile_may_have_the_end_of_its_bin() -> None:
    """A quantile in the last bin, 300 and more, has no value; from where on its bin reaches is told."""
    rows = example_table().table.to_pylist()
    line = next(row for row in rows if row["status"] == LineStatus.OK)
    line.update(status=LineStatus.UNDEFINED, value=None, lower=300.0, upper=None)
    with pytest.raises(DisclosureRefused, match="lower"):
        ReleasedTable(pa.Table.from_pylist(rows, schema=example_table().table.schema), DIMENSIONS)
    line["statistic"] = QUANTILE
    ReleasedTable(pa.Table.from_pylist(rows, schema=example_table().table.schema), DIMENSIONS)
    line["value"] = 310.0
    with pytest.raises(DisclosureRefused, match="value"):
        ReleasedTable(pa.Table.from_pylist(rows, schema=example_table().table.schema), DIMENSIONS)
