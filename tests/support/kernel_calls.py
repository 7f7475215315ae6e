"""Calls kernels with lists of plain rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from linkage_core.kernels.covered_days import covered_days
from linkage_core.kernels.days_at_home import days_at_home
from tests.reference.drug_indicators import Row


def offsets_of(lists: Sequence[Sequence[Any]]) -> np.ndarray:
    return np.concatenate(([0], np.cumsum([len(part) for part in lists]))).astype(np.int64)


def int32(values: Iterable[int]) -> np.ndarray:
    return np.array(list(values), np.int32)


def with_rows(lists: Sequence[Sequence[Any]]) -> np.ndarray:
    return int32(place for place, part in enumerate(lists) if part)


def days_covered(
    histories: Sequence[Sequence[Row]],
    groups: Sequence[set[str]],
    rule: Mapping[str, Any],
    *,
    stays: Sequence[Sequence[tuple[int, int]]],
    starts: Sequence[int],
    ends: Sequence[Sequence[int]],
    valid: tuple[int, int] = (-100, 100),
    codes: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Days observed, covered by any group and covered by all groups; ends x persons."""
    rows = [row for history in histories for row in history]
    drugs = sorted({row.drug for row in rows} | set().union(*groups))
    hospital = (
        offsets_of(stays),
        int32(stay[0] for part in stays for stay in part),
        int32(stay[1] for part in stays for stay in part),
    )
    end = np.array(ends, np.int32).reshape(len(ends), len(histories))
    observed = np.full(end.shape, 77, np.int32)
    days_at_home(hospital if any(stays) else None, int32(starts), end, observed)
    answers = []
    for all_groups in (False, True):
        covered = np.full(end.shape, 77, np.int32)
        covered_days(
            with_rows(histories),
            offsets_of(histories),
            int32(row.day for row in rows),
            int32(drugs.index(row.drug) for row in rows) if codes else None,
            np.array([sum((drug in group) << bit for bit, group in enumerate(groups)) for drug in drugs], np.uint8),
            int32(int(row.supply * 64) for row in rows),
            int32(valid[0] for _ in groups),
            int32(valid[1] for _ in groups),
            hospital if any(stays) else None,
            int32(starts),
            end,
            observed,
            covered,
            lookback_days=rule["lookback"],
            stock_cap_64ths=1 << 60 if rule["cap"] is None else int(rule["cap"] * 64),
            carry_over=rule["carry_over"],
            pooled=rule["pooled"],
            all_groups=all_groups,
        )
        answers.append(covered)
    return observed, answers[0], answers[1]
