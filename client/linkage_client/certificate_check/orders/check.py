"""The whole check of an order: its lines against the true cells, its blanks against the policy, the proof of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.fault import CheckFailed, NotAllProved, other_forms_refused
from linkage_client.certificate_check.orders.delivery import check_delivery
from linkage_client.certificate_check.orders.evidence import STATEMENT, Evidence, Side, read_evidence
from linkage_client.certificate_check.orders.lines import check_lines, check_reasons
from linkage_client.certificate_check.orders.lines_again import check_lines_again, check_remarks_again
from linkage_client.certificate_check.orders.over_time import (
    CheckedSeries,
    check_amounts,
    check_series,
    check_sums,
    demands_beside_others,
    demands_over_time,
)
from linkage_client.certificate_check.orders.person_rules import Demands, everybody_is_hidden, few, person_demands
from linkage_client.certificate_check.orders.proofs import unproved_cells
from linkage_client.certificate_check.orders.relations import Relations, relations_of_persons, relations_of_sums
from linkage_client.certificate_check.orders.sum_rules import sum_demands

_METADATA = b"linkage_dimensions"


@dataclass(frozen=True, slots=True)
class CheckedOrder:
    """An order that passed.

    Args:
        order: its name.
        lines, lines_blank: of the table, and those that are kept back.
        cells, sensitive, blank: by kind (persons, sum): cells that lines print, those that had to be blank by
            themselves, and all blanks, each of them proved.
        rests: by kind: small rests beside printed cells, each of them proved to be uncertain.
        moves: by kind: moves checked.
        earlier: releases that it was checked beside.
        lines_anew: lines that count the persons of this release.
        compared: files of the delivery that say the same, number for number.
        not_checked: what nothing is said about, in words.
    """

    order: str
    lines: int
    lines_blank: int
    cells: dict[str, int]
    sensitive: dict[str, int]
    blank: dict[str, int]
    rests: dict[str, int]
    moves: dict[str, int]
    earlier: list[str]
    lines_anew: int
    compared: list[str]
    not_checked: list[str]


def is_order_evidence(folder: Path) -> bool:
    """Whether a folder holds the evidence of an order."""
    return (folder / STATEMENT).exists()


@other_forms_refused()
def check_order(folder: Path, *, delivery: Path | None = None) -> CheckedOrder:
    """Check the evidence of an order, and that a delivery is what it proves.

    Args:
        folder: that `linkage-server releases evidence` wrote.
        delivery: the delivered files; None where nothing is released yet.

    Raises:
        CheckFailed: the first thing that does not fit.
        NotAllProved: nothing is at fault, and some blanks are not proved; names them.
        NotCheckedHere: the evidence is of another format.
    """
    evidence = read_evidence(folder)
    plan, series = evidence.plan, evidence.series
    told = check_series(series, evidence.persons, plan["policy"]) if series else None
    remarks = _remarks(evidence.table)
    if series and told and series.before is not None:
        found = check_lines_again(evidence, series, series.before, told.said[-1])
        check_remarks_again(series, remarks, _remarks(series.before))
    else:
        found = check_lines(evidence)
        check_reasons(evidence, remarks.get("missing", []))
    if sum(int(evidence.persons.values[block]) for (key, names), block in evidence.persons.blocks.items()
           if key == "population" and not names) < _smallest(evidence, plan):  # fmt: skip
        raise CheckFailed("cells.parquet: the population is smaller than the policy allows")
    ties = relations_of_persons(evidence.persons, plan, few(plan["policy"]))
    asked = person_demands(evidence.persons, ties, plan)
    of_sums = relations_of_sums(evidence.sums, plan)
    amounts = sum_demands(evidence.sums, of_sums, plan, persons=evidence.persons, asked=asked)
    if series and told:
        check_sums(told, series, ties, plan["policy"])
        if series.before is not None:
            asked = demands_over_time(told, series, evidence.persons, asked, plan["policy"])
        else:
            asked = demands_beside_others(told, evidence.persons, asked, plan["policy"])
            check_amounts(told, series, evidence)
    sides = {"persons": (evidence.persons, ties, asked), "sum": (evidence.sums, of_sums, amounts)}
    unproved = []
    if told is None or not told.nothing_new or not plan["says_again"]:
        unproved = [word for kind in sides for word in _check_side(evidence, kind, *sides[kind])]
    compared, beside = check_delivery(delivery, evidence, remarks) if delivery else ([], [])
    if unproved:
        raise NotAllProved(f"{len(unproved)} blanks or rests are not proved: {'; '.join(unproved)}")
    return CheckedOrder(
        order=plan["order"],
        lines=found.lines,
        lines_blank=found.blank,
        cells={kind: int(np.count_nonzero(own.printed)) for kind, (_, _, own) in sides.items()},
        sensitive={kind: int(np.count_nonzero(own.sensitive & own.printed)) for kind, (_, _, own) in sides.items()},
        blank={kind: int(np.count_nonzero(side.blank & own.printed)) for kind, (side, _, own) in sides.items()},
        rests={kind: int(np.count_nonzero(own.rests)) for kind, (_, _, own) in sides.items()},
        moves={kind: evidence.moves[kind].num_rows for kind in sides},
        earlier=list(series.releases[:-1]) if series else [],
        lines_anew=found.anew,
        compared=compared,
        not_checked=[
            *_not_checked(plan, remarks, found.not_worked_out),
            *_over_time(evidence, remarks, told, unnamed=found.unnamed),
            *beside,
        ],
    )


def _remarks(table: pa.Table) -> Any:
    return json.loads((table.schema.metadata or {}).get(_METADATA, b"{}"))


def _smallest(evidence: Evidence, plan: Mapping[str, Any]) -> int:
    """The smallest population that the policy allows, where the population is counted."""
    return int(plan["policy"]["minimum_population"]) if ("population", ()) in evidence.persons.blocks else 0


def _check_side(evidence: Evidence, kind: str, side: Side, ties: Relations, asked: Demands) -> list[str]:
    """Check the cells of one kind; what is not proved although the statement says so too, by name."""
    shown = np.flatnonzero(asked.sensitive & asked.printed & ~side.blank)
    # Of a series what was told before may stand; what is counted anew was looked at.
    if shown.size and (evidence.series is None or evidence.series.before is None):
        raise CheckFailed(f"{side.in_words(int(shown[0]))}: may not be known by the policy, and is open")
    cells, rests = unproved_cells(side, ties, asked, evidence.moves[kind])
    said = {(int(one["row"]), bool(one["rest"])): one for one in evidence.plan["unproved"]}
    lacking = [(cell, False) for cell in np.flatnonzero(cells).tolist()]
    found = []
    for cell, rest in (*lacking, *((whole, True) for whole in ties.whole[rests].tolist())):
        one = said.get((side.first + cell, rest))
        if one is None:
            what = "the rest beside its parts is small" if rest else "is blank"
            raise CheckFailed(f"{side.in_words(cell)}: {what} without enough values that fit")
        found.append(f"{one['cell']} ({one['reason']})")
    return list(dict.fromkeys(found))


def _not_checked(plan: Mapping[str, Any], remarks: Mapping[str, Any], lines: Mapping[str, int]) -> list[str]:
    """What the check says nothing about."""
    words = [f"{many} lines of {statistic}: their values are not worked out again" for statistic, many in lines.items()]
    if remarks.get("row_shares"):
        words.append("shares of rows (rows.csv): not worked out again")
    words += [
        f"{len(rows)} cells: that rule {rule!r} is about them is taken from the service"
        for rule, rows in plan["listed"].items()
        if rows
    ]
    return words


def _over_time(
    evidence: Evidence, remarks: Mapping[str, Any], told: CheckedSeries | None, *, unnamed: Sequence[str]
) -> list[str]:
    """What of earlier releases the check says nothing about."""
    plan, series = evidence.plan, evidence.series
    words = [
        f"the earlier release {name}: that it need not be looked at is taken from the service"
        for name in plan.get("not_beside", ())
    ]
    if plan["persons_known"] and (
        (told is not None and plan["says_again"]) or everybody_is_hidden(evidence.persons, plan)
    ):
        words.append("what counts tell beside the number of all persons, which their sender knows")
    if told is not None and plan["says_again"] and remarks.get("missing"):
        words.append("who had no value: told as before, and not counted again")
    if told is not None and told.older:
        words.append(f"{told.older} numbers of earlier releases: they are of releases that the evidence does not name")
    apart = ~evidence.persons.blank & (series.true[:-1] < 0).all(axis=0) if series else np.zeros(0, np.bool_)
    if np.any(apart):
        words.append(
            f"{np.count_nonzero(apart)} open cells: that no earlier release has them is taken from the service"
        )
    return words + [f"lines of {name}, which the evidence does not name" for name in unnamed]
