"""The checker accepts what orders of every shape leave, and nothing that differs in one cell, blank or proof."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused
from linkage_client.certificate_check import CheckFailed, NotAllProved
from linkage_client.certificate_check.orders import CheckedOrder, check_order
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic, SumCube
from tests.security import test_orders_of_every_shape_hold as shapes
from tests.security import test_sums_give_no_threshold_away as thresholds
from tests.security.test_counts_by_class_hold import KINDS
from tests.security.test_counts_by_class_hold import ordered as ordered_by_class
from tests.security.test_rates_in_orders_hold import ordered as ordered_rates
from tests.support.indicator_tables import drawn_set
from tests.support.order_evidence import altered, write_files
from tests.support.protected_example import counted_example
from tests.support.random_tables import random_table, with_margins

STANDARD = shipped_policies()["standard@1.0.0"]
POLICIES = [
    STANDARD,
    STANDARD.model_copy(update={"id": "no-zeros", "zero_shown": False}),
    STANDARD.model_copy(update={"id": "classes", "class_disclosure": True}),
    STANDARD.model_copy(update={"id": "strata", "minimum_stratum": 25}),
]
MONTHS = (
    'id = "users"\nkind = "users"\nstatistic = ["count", "per_1000"]\n'
    'calendar = { from = 2020-01-01, until = 2021-01-01, step = "month" }'
)
ORDERS: dict[str, Callable[[], CountedTable]] = {
    "shares and sums": lambda: shapes.ordered(
        drawn_set(shapes.STARTED, shapes.AMOUNT), [["hospital"], ["region", "sex"]], seed=0
    )[0],
    "months": lambda: shapes.ordered(drawn_set(MONTHS), [["sex"], ["index:quarter"]], seed=5)[0],
    "several reasons a person": lambda: shapes.ordered(
        drawn_set(shapes.STARTED, shapes.AMOUNT),
        [["sex", "row:prescribing_reason"]],
        seed=1,
        rows=("prescribing_reason",),
    )[0],
    "means with thresholds": lambda: thresholds.counted_and_protected(drawn_set(thresholds.COMPLETE), 1)[0],
    "rates": lambda: ordered_rates([["sex", "age_group"], ["region"]], seed=1)[0],
    "curve": lambda: ordered_by_class(KINDS["curve"], [["hospital"]], seed=0)[0],
    "bins": lambda: ordered_by_class(KINDS["covered"], [["sex"]], seed=0)[0],
    "paths": lambda: ordered_by_class(KINDS["paths"], [["sex"]], seed=0)[0],
}
NOT_WORKED_OUT = {"curve": "survival", "bins": "quantile", "rates": "standardised_per_1000_inhabitants"}


@pytest.mark.parametrize("order", ORDERS)
def test_what_an_order_leaves_is_accepted_and_what_is_not_worked_out_is_named(order: str, tmp_path: Path) -> None:
    evidence = write_files(ORDERS[order](), STANDARD, tmp_path / "evidence")
    assert not evidence.unproved
    checked = check_order(tmp_path / "evidence")
    assert checked.blank["persons"] >= checked.sensitive["persons"] > 0
    assert checked.moves["persons"] > 0
    named = " ".join(checked.not_checked)
    assert NOT_WORKED_OUT.get(order, "") in named
    assert (order in NOT_WORKED_OUT) == ("their values are not worked out again" in named)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.id)
def test_random_orders_are_accepted_under_every_rule(policy: Any, tmp_path: Path) -> None:
    blank = 0
    for seed in (0, 1, 3, 6, 11, 16):
        folder = tmp_path / str(seed)
        try:
            evidence = write_files(random_table(seed), policy, folder)
        except DisclosureRefused:
            continue
        assert not evidence.unproved
        blank += sum(check_order(folder).blank.values())
    assert blank > 50


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shares of statins by hospital and sex."""
    folder = tmp_path_factory.mktemp("small") / "evidence"
    write_files(counted_example(), STANDARD, folder)
    return folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shares, sums and means by two crossings."""
    folder = tmp_path_factory.mktemp("mixed") / "evidence"
    write_files(random_table(11), STANDARD, folder)
    return folder


def rejected(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    with altered(folder, name, rows), pytest.raises(CheckFailed):
        check_order(folder)


@pytest.mark.parametrize("order", ["small", "mixed"])
def test_every_altered_cell_of_the_table_is_rejected(order: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(order)
    rows = pq.read_table(folder / "table.parquet").to_pylist()
    empty = dict.fromkeys(("value", "lower", "upper", "numerator", "denominator", "person_time"))
    altered_cells = 0
    for place, row in enumerate(rows):
        others: list[dict[str, Any]] = []
        if row["status"] == "suppressed":
            others += [{"status": "ok", "reason": ""}, {"status": "ok", "reason": "", "value": 12.0, "numerator": 12.0}]
            others += [{"numerator": 12.0}, {"reason": ""}]
        else:
            others += [
                {name: row[name] + (1 if name == "denominator" else 0.01)} for name in empty if row[name] is not None
            ]
            others += [{name: None} for name in empty if row[name] is not None]
            others += [empty | {"status": "suppressed", "reason": "small_cell_protection"}, {"status": "incomplete"}]
        for other in others:
            rejected(folder, "table.parquet", [*rows[:place], row | other, *rows[place + 1 :]])
            altered_cells += 1
    assert altered_cells > 3 * len(rows)
    for lines in (rows[1:], [*rows, rows[0]], [*rows, rows[0] | {"indicator": "other"}]):
        rejected(folder, "table.parquet", lines)
    assert isinstance(check_order(folder), CheckedOrder)


def test_every_altered_true_cell_is_rejected(small: Path) -> None:
    rows = pq.read_table(small / "cells.parquet").to_pylist()
    for place, row in enumerate(rows):
        for other in ({"value": row["value"] + 1}, {"blank": not row["blank"]}):
            rejected(small, "cells.parquet", [*rows[:place], row | other, *rows[place + 1 :]])


def test_every_altered_or_missing_move_is_rejected(small: Path) -> None:
    moves = pq.read_table(small / "certificates.parquet").to_pylist()
    assert moves
    for place, move in enumerate(moves):
        changes = [move["changes"][0] + 1, *move["changes"][1:]]
        for other in ({"changes": changes}, {"highest": 10_000}, {"lowest": -10_000}, {"cells": move["cells"][::-1]}):
            if other.get("cells") != move["cells"]:
                rejected(small, "certificates.parquet", [*moves[:place], move | other, *moves[place + 1 :]])
    rejected(small, "certificates.parquet", [])


def test_a_table_that_blanks_small_cells_alone_is_rejected(tmp_path: Path) -> None:
    """What partners hide is opened: a reader would compute the small cells, and no moves are left."""
    folder = tmp_path / "evidence"
    write_files(counted_example(), STANDARD, folder)
    cells = pq.read_table(folder / "cells.parquet").to_pylist()
    shown = [cell | {"blank": 0 < cell["value"] < STANDARD.minimum_cell} for cell in cells]
    assert shown != cells
    rejected(folder, "cells.parquet", shown)


@pytest.mark.parametrize("known", [True, False])
def test_who_sent_the_persons_does_not_learn_how_few_are_not_among_a_denominator(known: bool, tmp_path: Path) -> None:
    """Of 900 sent persons 897 are looked at: the sender would subtract. Nobody else knows of the 900."""
    sexes = (Dimension("sex", ("man", "woman")),)
    counts = {"population": [500, 400], "alive": [498, 399], "user": [200, 150]}
    counted = CountedTable(
        tuple(PersonCube(key, sexes, with_margins(np.array(persons))) for key, persons in counts.items()),
        (),
        (Split("population", ("alive", "population without alive")),),
        (Line("users", "", Statistic.SHARE, ("sex",), "user", "alive"),),
        persons_known=known,
    )
    write_files(counted, STANDARD, tmp_path / "evidence")
    assert not check_order(tmp_path / "evidence").not_checked
    lines = {
        line["sex"]: line["denominator"] for line in pq.read_table(tmp_path / "evidence/table.parquet").to_pylist()
    }
    assert (lines["total"] is None) == known
    # Were the population taken for unknown, its moves would prove nothing to the sender.
    statement = tmp_path / "evidence" / "evidence.json"
    told = json.loads(statement.read_text())
    statement.write_text(json.dumps(told | {"persons_known": True}))
    if not known:
        with pytest.raises(CheckFailed):
            check_order(tmp_path / "evidence")


def test_amounts_that_were_taken_back_have_no_least(tmp_path: Path) -> None:
    """Of four men of one region 50 was taken back: what hides it may be less than nothing, too."""
    strata = (Dimension("region", ("a", "b", "c")), Dimension("sex", ("man", "woman")))
    users = PersonCube("users", strata, with_margins(np.array([[4, 30], [40, 50], [60, 70]])))
    amounts = with_margins(np.array([[-50, 300], [400, 500], [600, -20]]))
    line = Line("cost", "", Statistic.SUM, ("region", "sex"), sum_key="cost")
    counted = CountedTable((users,), (SumCube("cost", strata, amounts, 1, "users"),), (), (line,))
    write_files(counted, STANDARD, tmp_path / "evidence")
    checked = check_order(tmp_path / "evidence")
    assert (checked.sensitive["sum"], checked.blank["sum"]) == (1, 4)


def test_a_file_that_the_statement_does_not_name_is_rejected(small: Path) -> None:
    path = small / "table.parquet"
    content = path.read_bytes()
    try:
        path.write_bytes(content + b"\n")
        with pytest.raises(CheckFailed, match="not the file"):
            check_order(small)
    finally:
        path.write_bytes(content)


def test_what_is_not_proved_is_named_and_never_accepted(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    write_files(counted_example(), STANDARD, folder)
    moves = pq.read_table(folder / "certificates.parquet").to_pylist()
    cells = pq.read_table(folder / "cells.parquet").to_pylist()
    told = json.loads((folder / "evidence.json").read_text())
    told["unproved"] = [
        {"row": row, "rest": rest, "cell": f"cell {row}", "reason": "none were found"}
        for row in range(len(cells))
        for rest in (False, True)
    ]
    with altered(folder, "certificates.parquet", moves[:1]):
        path = folder / "certificates.parquet"
        told["files"]["certificates.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / "evidence.json").write_text(json.dumps(told))
        with pytest.raises(NotAllProved, match=r"cell \d+ \(none were found\)"):
            check_order(folder)


def test_the_same_table_gives_the_same_evidence(tmp_path: Path) -> None:
    one = write_files(random_table(11), STANDARD, tmp_path / "one")
    assert one.files == write_files(random_table(11), STANDARD, tmp_path / "other").files
