"""Company secrecy: sums of codes that too few companies supply, by the product register's list of a month."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from linkage_client.certificate_check.dimensions import Dimension
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.rules import Flags

_ALL = ("packages", "ddd", "units", "substance_amount", "cost")


@dataclass(frozen=True, slots=True)
class Suppliers:
    """Who supplies what.

    Args:
        companies: by ATC code; a group of companies is one. None if nobody named a list.
        day: that consents must cover.
    """

    companies: Mapping[str, frozenset[str]] | None
    day: date


def read_suppliers(path: Path | None, day: date) -> Suppliers:
    """Read a list of products: CSV with the columns `atc`, `manufacturer` and perhaps `company_group`.

    Raises:
        CheckFailed: it cannot be read.
    """
    if path is None:
        return Suppliers(None, day)
    companies: dict[str, set[str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file):
                if code := row["atc"].strip():
                    name = (row.get("company_group") or "").strip() or row["manufacturer"].strip()
                    companies.setdefault(code, set()).add(_spelt(name))
    except (OSError, ValueError, KeyError, AttributeError, csv.Error):
        raise CheckFailed(f"{path}: cannot be read as a list of products and their manufacturers") from None
    return Suppliers({code: frozenset(names) for code, names in companies.items()}, day)


def company_cells(
    measure: str, kind: str, policy: Mapping[str, Any], dimensions: list[Dimension], suppliers: Suppliers
) -> Flags:
    """Cells of a measure, flat, that tell what too few companies sell, where anything is sold."""
    shape = [len(dimension.codes) for dimension in dimensions]
    marked = np.zeros(shape, dtype=np.bool_)
    rule = policy.get("company_secrecy")
    if rule is None or (kind == "count" and measure not in rule.get("measures", _ALL)):
        return marked.ravel()
    for axis, dimension in enumerate(dimensions):
        if dimension.name != "atc" and not dimension.name.startswith("atc_"):
            continue
        leaves = set(dimension.leaves)
        below: list[set[str]] = [set() for _ in dimension.codes]
        for leaf, above in enumerate(dimension.above()):
            for code in above if leaf in leaves else ():
                below[code].add(dimension.codes[leaf])
        for code, under in enumerate(below):
            if not _may_be_told(measure, under, rule, suppliers):
                np.moveaxis(marked, axis, 0)[code] = True
    return marked.ravel()


def _may_be_told(measure: str, under: set[str], rule: Mapping[str, Any], suppliers: Suppliers) -> bool:
    """Whether enough companies supply the leaves of a code, or each of the few lets it be told of all it supplies."""
    if suppliers.companies is None:
        return False
    listed = {code: names for code, names in suppliers.companies.items() if code.startswith(tuple(under))}
    companies = frozenset[str]().union(*listed.values())
    if len(companies) >= rule.get("minimum_manufacturers", 2):
        return True
    supplied = [(company, code) for code, names in listed.items() for company in names]
    return bool(companies) and all(
        any(_consents(one, measure, company, code, suppliers.day) for one in rule.get("consents", ()))
        for company, code in supplied
    )


def _consents(consent: Mapping[str, Any], measure: str, company: str, code: str, day: date) -> bool:
    measures, codes = consent.get("measures", ()), tuple(consent.get("codes", ()))
    return (
        _spelt(consent["company"]) == company
        and (not measures or measure in measures)
        and (not codes or code.startswith(codes))
        and _day(consent["first_day"]) <= day <= _day(consent["last_day"])
    )


def _day(written: date | str) -> date:
    return date.fromisoformat(written) if isinstance(written, str) else written


def _spelt(name: str) -> str:
    """A name without what two spellings of one company differ in."""
    return " ".join(name.casefold().split())
