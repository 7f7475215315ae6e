"""`lab protect` marks sums that a contributor dominates, full classes and cells of few prescribers, and hides them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest
from scipy.optimize import linprog

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import InputRefused
from linkage_server.lab.protect import protect_file
from tests.reference.primary_rules import marks_of_cell
from tests.support.manufacturers import write_table

PARTNERS = {"", "protects_small_cell", "union_of_blanks", "insider"}
REGIONS = ["north", "south", "west"]
DRUGS = ["a", "b", "c", "d"]
Giving = dict[tuple[str, str], list[tuple[str, int]]]


def policy(**fields: Any) -> DisclosurePolicy:
    standard = shipped_policies()["standard@1.0.0"].model_dump()
    return DisclosurePolicy.model_validate({**standard, "minimum_contributors": 3, **fields})


def layout(folder: Path, **changes: Any) -> Path:
    plan = {
        "dims": {
            "region": {"total": "all", "hierarchies": [{"all": REGIONS}]},
            "drug": {"total": "sum", "hierarchies": [{"sum": DRUGS}]},
        },
        "measures": {"cost": {"kind": "magnitude"}},
        **changes,
    }
    path = folder / "layout.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    return path


def write(folder: Path, giving: Giving) -> tuple[Path, Path]:
    """Table and contributions, amounts in hundredths."""
    table, contributions = folder / "table.csv", folder / "contributions.csv"
    rows = [(*cell, sum(amount for _, amount in given)) for cell, given in giving.items()]
    table.write_text("region,drug,cost\n" + "".join(f"{r},{d},{n / 100:.2f}\n" for r, d, n in rows))
    lines = [(*cell, who, amount) for cell, given in giving.items() for who, amount in given]
    contributions.write_text(
        "region,drug,contributor,cost\n" + "".join(f"{r},{d},{w},{n / 100:.2f}\n" for r, d, w, n in lines)
    )
    return table, contributions


def even(firms: int = 8, amount: int = 100_00) -> Giving:
    return {(r, d): [(f"f{i}", amount) for i in range(firms)] for r in REGIONS for d in DRUGS}


def protect(folder: Path, giving: Giving, own: DisclosurePolicy, **changes: Any) -> dict[tuple[str, str], str]:
    """Reason of each cell, for the officer."""
    table, contributions = write(folder, giving)
    protect_file(own, table, layout=layout(folder, **changes), out=folder / "out", contributions=contributions)
    rows = pyarrow.csv.read_csv(folder / "out" / "officer.csv").to_pylist()
    return {(row["region"], row["drug"]): row["cost_reason"] or "" for row in rows}


def totals(giving: Giving) -> Giving:
    """Contributions of every published cell."""
    found: Giving = defaultdict(list)
    for (region, drug), given in giving.items():
        for cell in ((region, drug), (region, "sum"), ("all", drug), ("all", "sum")):
            found[cell] += given
    return found


def test_a_dominated_sum_is_hidden_with_its_reason_and_partners(tmp_path: Path) -> None:
    giving = even()
    giving["north", "a"] = [("f0", 900_00), ("f1", 50_00), ("f2", 30_00)]
    reasons = protect(tmp_path, giving, policy(dominance=((1, 75),)))
    assert reasons["north", "a"] == "dominance"
    assert list(reasons.values()).count("dominance") == 1
    assert sum(reason == "protects_small_cell" for reason in reasons.values()) >= 3
    assert reasons["all", "sum"] == ""


def test_the_rules_of_the_layout_make_the_policy_stricter_and_never_weaker(tmp_path: Path) -> None:
    giving = even()
    giving["north", "a"] = [("f0", 80_00), ("f1", 10_00), ("f2", 10_00)]
    weaker = {"cost": {"nk": [[1, 90]], "min_contributors": 3}}
    assert protect(tmp_path, giving, policy(dominance=((1, 75),)), rules=weaker)["north", "a"] == "dominance"
    stricter = {"cost": {"nk": [[1, 75]], "p_percent": 10}}
    assert protect(tmp_path, giving, policy(dominance=((1, 90),)), rules=stricter)["north", "a"] == "dominance"


def test_contributors_of_one_company_group_count_as_one(tmp_path: Path) -> None:
    giving = even()
    table, contributions = write(tmp_path, giving)
    rows = contributions.read_text().splitlines()
    # Seven of the eight firms of one cell belong together.
    joined = [
        f"{row},{'holding' if row.startswith('north,a') and row.split(',')[2] != 'f7' else ''}" for row in rows[1:]
    ]
    contributions.write_text("\n".join([rows[0] + ",company_group", *joined]) + "\n")
    own = policy(dominance=((1, 75),), company_groups=True)
    protect_file(own, table, layout=layout(tmp_path), out=tmp_path / "out", contributions=contributions)
    officer = pyarrow.csv.read_csv(tmp_path / "out" / "officer.csv").to_pylist()
    assert officer[0]["cost_reason"] == "few_contributors+dominance"


def test_groups_that_the_policy_asks_for_and_nobody_tells_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="company_group"):
        protect(tmp_path, even(), policy(company_groups=True))


def test_contributions_that_do_not_add_up_to_the_table_are_refused(tmp_path: Path) -> None:
    table, contributions = write(tmp_path, even())
    contributions.write_text(contributions.read_text().replace("north,a,f0,100.00", "north,a,f0,100.01"))
    with pytest.raises(InputRefused, match="do not add up to the table in 4 cells"):
        protect_file(
            policy(p_percent=10), table, layout=layout(tmp_path), out=tmp_path / "out", contributions=contributions
        )


def test_a_sum_of_decimals_that_floats_cannot_hold_is_compared_exactly(tmp_path: Path) -> None:
    giving = even()
    giving["north", "a"] = [(f"f{i}", 10) for i in range(3)]  # 0.1 + 0.1 + 0.1
    assert protect(tmp_path, giving, policy(dominance=((1, 75),)))["north", "a"] == ""


@pytest.mark.parametrize("seed", range(15))
def test_a_reader_with_a_linear_programme_does_not_come_as_close_as_the_rules_forbid(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    giving: Giving = {}
    for cell in even():
        firms = random.choice(12, size=int(random.integers(1, 9)), replace=False)
        giving[cell] = [(f"f{i}", int(10 ** random.uniform(2, 6))) for i in firms]
    own = policy(dominance=((1, 80), (2, 95)), p_percent=10)
    reasons = protect(tmp_path, giving, own)
    all_cells = totals(giving)
    rules = {"minimum_contributors": 3, "dominance": own.dominance, "p_percent": 10, "coalition": 1}
    for cell, given in all_cells.items():
        expected = marks_of_cell(given, **rules)  # type: ignore[arg-type]
        assert {*reasons[cell].split("+")} - PARTNERS == expected
    highest = highest_possible(all_cells, hidden={cell for cell, reason in reasons.items() if reason})
    for cell, high in highest.items():
        sizes: dict[str, int] = defaultdict(int)
        for who, amount in all_cells[cell]:
            sizes[who] += amount
        ordered = sorted(sizes.values(), reverse=True)
        if "p_percent" in reasons[cell]:
            # What the second largest can be sure that the largest does not exceed.
            assert high - sum(ordered[1:2]) >= 1.1 * ordered[0] - 1e-3
        if "dominance" in reasons[cell] and ordered[0] > 0.8 * sum(ordered):
            assert ordered[0] <= 0.8 * high + 1e-3


@pytest.mark.parametrize("coalition", [1, 2])
@pytest.mark.parametrize("seed", range(10))
def test_no_union_of_blanks_and_no_insider_gives_a_contributor_away(seed: int, coalition: int, tmp_path: Path) -> None:
    random = np.random.default_rng(100 + seed)
    giving: Giving = {}
    for cell in even():
        firms = random.choice(9, size=int(random.integers(1, 7)), replace=False)
        giving[cell] = [(f"f{i}", int(10 ** random.uniform(3, 6))) for i in firms]
    own = policy(minimum_contributors=4, p_percent=10, coalition=coalition)
    reasons = protect(tmp_path, giving, own)
    all_cells = totals(giving)
    hidden = {cell for cell, reason in reasons.items() if reason}
    rules: Any = {"minimum_contributors": 4, "dominance": (), "p_percent": 10, "coalition": coalition}
    for whole, parts in SUMS:
        blanks = [part for part in parts if part in hidden]
        if whole not in hidden and len(blanks) > 1:
            assert not marks_of_cell([given for part in blanks for given in all_cells[part]], **rules), (whole, blanks)
    for insiders in combinations([f"f{i}" for i in range(9)], coalition):
        highest = highest_possible(all_cells, hidden=hidden, insiders=insiders)
        for cell, high in highest.items():
            sizes: dict[str, int] = defaultdict(int)
            for who, amount in all_cells[cell]:
                sizes[who] += amount
            others = {who: size for who, size in sizes.items() if who not in insiders}
            if {"p_percent", "few_contributors"} & {*reasons[cell].split("+")} and others:
                theirs = sum(sizes.get(who, 0) for who in insiders)
                assert high - theirs >= 1.1 * max(others.values()) - 1e-3, (insiders, cell)


SUMS = [(("all", d), [(r, d) for r in REGIONS]) for d in [*DRUGS, "sum"]]
SUMS += [((r, "sum"), [(r, d) for d in DRUGS]) for r in [*REGIONS, "all"]]


def highest_possible(
    cells: Giving, hidden: set[tuple[str, str]], insiders: tuple[str, ...] = ()
) -> dict[tuple[str, str], float]:
    """The highest value of each hidden cell that fits all that is printed and all that insiders know.

    Sums are known not to be negative, and not to be less than what insiders give themselves; they know exactly what
    nobody else gives to.
    """
    blanks = sorted(hidden)
    values = {cell: sum(amount for _, amount in given) for cell, given in cells.items()}
    bounds = []
    for cell in blanks:
        theirs = sum(amount for who, amount in cells[cell] if who in insiders)
        known = theirs > 0 and {who for who, _ in cells[cell]} <= {*insiders}
        bounds.append((theirs, theirs if known else 1e12))
    matrix, right = np.zeros((len(SUMS), len(blanks))), np.zeros(len(SUMS))
    for row, (whole, parts) in enumerate(SUMS):
        for cell, sign in [(whole, 1), *((part, -1) for part in parts)]:
            if cell in hidden:
                matrix[row, blanks.index(cell)] = sign
            else:
                right[row] -= sign * values[cell]
    found = {}
    for place, cell in enumerate(blanks):
        cost = np.zeros(len(blanks))
        cost[place] = -1
        best = linprog(cost, A_eq=matrix, b_eq=right, bounds=bounds)
        assert best.status == 0
        found[cell] = -best.fun
    return found


def count_table(folder: Path, counts: dict[tuple[str, str], int]) -> Path:
    table = folder / "counts.csv"
    table.write_text("region,drug,n\n" + "".join(f"{r},{d},{n}\n" for (r, d), n in counts.items()))
    return table


COUNTS = {(r, d): 40 + 7 * i for i, (r, d) in enumerate(even())}


def count_reasons(
    folder: Path, own: DisclosurePolicy, counts: dict[tuple[str, str], int], contributions: Path | None = None
) -> dict[tuple[str, str], str]:
    plan = layout(folder, measures={"n": {"kind": "count"}})
    protect_file(own, count_table(folder, counts), layout=plan, out=folder / "out", contributions=contributions)
    rows = pyarrow.csv.read_csv(folder / "out" / "officer.csv").to_pylist()
    return {(row["region"], row["drug"]): row["n_reason"] or "" for row in rows}


def test_a_class_that_holds_everybody_is_hidden_with_the_zeros_beside_it(tmp_path: Path) -> None:
    counts = COUNTS | {("north", d): 0 for d in DRUGS} | {("north", "a"): 60}
    assert set(count_reasons(tmp_path, policy(), counts).values()) == {""}
    reasons = count_reasons(tmp_path, policy(class_disclosure=True), counts)
    assert {reasons["north", d] for d in DRUGS} == {"class_disclosure"}
    assert reasons["north", "sum"] == ""


def test_an_exception_shows_one_full_class_and_no_other(tmp_path: Path) -> None:
    counts = COUNTS | {(r, d): 0 for r in ("north", "south") for d in DRUGS} | {("north", "a"): 60, ("south", "b"): 50}
    signed = {"officer": "Eva Strand", "signed_at": "2026-11-01T09:00:00Z", "reason": "Published elsewhere."}
    cells = [{"measure": "n", "region": "north", "drug": d} for d in DRUGS]
    own = DisclosurePolicy.model_validate_json(
        json.dumps(
            policy(class_disclosure=True).model_dump(mode="json")
            | {
                "exceptions_from": ["class_disclosure"],
                "exceptions": [{"rule": "class_disclosure", "cell": cell, **signed} for cell in cells],
            }
        )
    )
    reasons = count_reasons(tmp_path, own, counts)
    assert not [d for d in DRUGS if reasons["north", d] == "class_disclosure"]
    assert {reasons["south", d] for d in DRUGS} == {"class_disclosure"}
    with pytest.raises(InputRefused, match="'east'"):
        moved = own.exceptions[0].model_copy(update={"cell": {"region": "east"}})
        count_reasons(tmp_path, own.model_copy(update={"exceptions": (moved,)}), counts)


def test_a_cell_of_few_prescribers_or_one_workplace_is_hidden(tmp_path: Path) -> None:
    behind = tmp_path / "behind.csv"
    rows = [
        (r, d, f"p{i}" if (r, d) != ("north", "a") else "p0", f"w{i}" if (r, d) != ("west", "d") else "w0")
        for r, d in COUNTS
        for i in range(5)
    ]
    behind.write_text("region,drug,prescriber,workplace\n" + "".join(",".join(row) + "\n" for row in rows))
    own = policy(minimum_prescribers=3, minimum_workplaces=2)
    reasons = count_reasons(tmp_path, own, COUNTS, contributions=behind)
    assert reasons["north", "a"] == "few_prescribers"
    assert reasons["west", "d"] == "few_workplaces"
    assert reasons["all", "a"] in ("", "protects_small_cell")


def test_a_rule_for_prescribers_without_a_word_of_them_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="does not tell them"):
        count_reasons(tmp_path, policy(minimum_prescribers=3), COUNTS)
    behind = tmp_path / "behind.csv"
    behind.write_text("region,drug,workplace\nnorth,a,w\n")
    with pytest.raises(InputRefused, match="no column 'prescriber'"):
        count_reasons(tmp_path, policy(minimum_prescribers=3), COUNTS, contributions=behind)


ATC = ["C10AA05", "C10AA07", "C10BA02", "N02BE01"]
SUPPLIED = {"C10AA05": ["Nord", "Syd"], "C10AA07": ["Nord"], "C10BA02": ["Ost", "Syd"]}


def sales_reasons(
    folder: Path, *, companies: dict[str, list[str]] | None = SUPPLIED, month: str = "", **rule: Any
) -> dict[tuple[str, str], str]:
    """Costs by region and ATC code of many contributors, under a company rule."""
    giving = {(r, code): [(f"p{i}", 100_00) for i in range(12)] for r in REGIONS for code in ATC}
    table, contributions = write(folder, giving)
    for file in (table, contributions):
        file.write_text(file.read_text().replace("drug", "atc"))
    dims = {
        "region": {"total": "all", "hierarchies": [{"all": REGIONS}]},
        "atc": {"total": "sum", "hierarchies": [{"sum": ["C10AA", "C10BA02", "N02BE01"], "C10AA": ATC[:2]}]},
    }
    listed = write_table(folder / "npl.csv", companies) if companies is not None else None
    protect_file(
        DisclosurePolicy.model_validate_json(json.dumps(policy().model_dump(mode="json") | {"company_secrecy": rule})),
        table,
        layout=layout(folder, dims=dims),
        out=folder / "out",
        contributions=contributions,
        manufacturers=listed,
        month=month,
        today=date(2026, 11, 22),
    )
    rows = pyarrow.csv.read_csv(folder / "out" / "officer.csv").to_pylist()
    return {(row["region"], row["atc"]): row["cost_reason"] or "" for row in rows}


def test_sums_of_a_code_that_one_company_supplies_are_hidden(tmp_path: Path) -> None:
    reasons = sales_reasons(tmp_path)
    assert {reasons[r, "C10AA07"] for r in [*REGIONS, "all"]} == {"company_secrecy"}
    # A code that the table does not have is nobody's, and kept back.
    assert {reasons[r, "N02BE01"] for r in [*REGIONS, "all"]} == {"company_secrecy"}
    assert {reasons[r, "C10AA"] for r in [*REGIONS, "all"]} <= {"", "protects_small_cell"}
    assert reasons["all", "sum"] == ""


def test_a_consent_opens_a_code_and_no_table_closes_all(tmp_path: Path) -> None:
    consent = {"company": "Nord", "first_day": "2026-01-01", "last_day": "2026-12-31", "reference": "1/2026"}
    assert sales_reasons(tmp_path, consents=[consent])["all", "C10AA07"] in ("", "protects_small_cell")
    assert set(sales_reasons(tmp_path, companies=None).values()) == {"company_secrecy"}


def test_manufacturers_of_another_month_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="of 2024-12, and 2026-10 was asked for"):
        sales_reasons(tmp_path, month="2026-10")
