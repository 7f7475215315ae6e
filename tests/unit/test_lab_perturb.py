"""The laboratory adds noise by cell key or rounds, as the policy says, and marks every cell by what was done to it."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkage.disclosure_policy import DisclosurePolicy, check_floor, shipped_policies
from linkage.errors import DefinitionRejected, DisclosureRefused, InputRefused, LinkageError, NotFound, StateConflict
from linkage_core.perturbation.controlled_rounding import MOST_CELLS
from linkage_server.__main__ import app
from linkage_server.keys.key_ring import KeyRing
from linkage_server.lab.protect import protect_file
from tests.support.perturbed_tables import (
    AGES,
    AMOUNTS,
    LEAVES,
    NOISE,
    REGIONS,
    home_of,
    layout_of,
    made_up_persons,
    noise_policy,
    policy_of,
    protect_persons,
    released,
    rounding_policy,
    write_table,
)

STANDARD = shipped_policies()["standard@1.0.0"]
PERSONS = made_up_persons(5)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_of(tmp_path_factory.mktemp("noise") / "home")


def true_counts() -> dict[tuple[str, str], int]:
    below = {leaf: [leaf] for leaf in LEAVES}
    below |= {name: list(kids) for name, kids in REGIONS.items()} | {"SE": list(LEAVES)}
    return {
        (r, a): sum(region in below[r] and a in (age, "all") for region, age, _ in PERSONS)
        for r in below
        for a in (*AGES, "all")
    }


def test_noise_changes_counts_within_its_bound_and_hides_none(home: Path, tmp_path: Path) -> None:
    cells = protect_persons(tmp_path / "t", PERSONS, noise_policy(), home)
    truth = true_counts()
    assert {row["n_status"] for row in cells.values()} == {"prt"}
    assert all(abs(row["n"] - truth[cell]) <= 5 for cell, row in cells.items())
    assert all(row["n"] == 0 for cell, row in cells.items() if truth[cell] == 0)
    assert not {row["n"] for row in cells.values()} & {1, 2}
    assert any(row["n"] != truth[cell] for cell, row in cells.items())


def test_noise_is_the_same_whatever_the_order_of_rows_and_tells_its_key(home: Path, tmp_path: Path) -> None:
    once = protect_persons(tmp_path / "one", PERSONS, noise_policy(), home, mechanism={"noise_bound": 5})
    again = protect_persons(tmp_path / "two", PERSONS[::-1], noise_policy(), home)
    assert once == again
    summary = json.loads((tmp_path / "one" / "out" / "summary.json").read_text())
    assert summary["n"]["noise_key_version"] == 1
    assert summary["n"]["suppressed"] == 0
    assert not (tmp_path / "one" / "out" / "ledger.parquet").exists()


def test_another_key_is_other_noise_and_an_unknown_one_is_refused(home: Path, tmp_path: Path) -> None:
    own = home_of(tmp_path / "own")
    first = protect_persons(tmp_path / "one", PERSONS, noise_policy(), own)
    assert first != protect_persons(tmp_path / "two", PERSONS, noise_policy(), home)
    with pytest.raises(NotFound, match="noise key version 2"):
        protect_persons(tmp_path / "three", PERSONS, noise_policy(key_version=2), own)
    KeyRing(own / "keys").add_noise_key()
    assert protect_persons(tmp_path / "four", PERSONS, noise_policy(), own) == first
    assert protect_persons(tmp_path / "five", PERSONS, noise_policy(key_version=2), own) != first
    KeyRing(own / "keys").rotate_pepper()
    with pytest.raises(StateConflict, match="fresh noise"):
        protect_persons(tmp_path / "six", PERSONS, noise_policy(), own)
    trail = CliRunner().invoke(app, ["audit", "show", "--home", str(own), "--json"]).output
    assert trail.count("keys.use_noise") == 5


def test_sums_get_noise_by_their_largest_contributors(home: Path, tmp_path: Path) -> None:
    policy = noise_policy(more=AMOUNTS)
    plan = layout_of(measures={"cost": {"kind": "magnitude"}})
    table, layout, who = write_table(tmp_path / "t", [], plan)
    givers = [(r, a, f"firm {r} {a} {i}", 100 + 10 * i) for r in LEAVES for a in AGES for i in range(12)]
    table.write_text("region,age,cost\n" + "".join(f"{r},{a},{12 * 100 + 660}\n" for r in LEAVES for a in AGES))
    who.write_text("region,age,contributor,cost\n" + "".join(",".join(map(str, one)) + "\n" for one in givers))
    for name in ("one", "two"):
        protect_file(policy, table, layout=layout, out=tmp_path / name, contributions=who, home=home)
    cells = released(tmp_path / "one")
    assert cells == released(tmp_path / "two")
    assert {row["cost_status"] for row in cells.values()} == {"prt"}
    # The largest gives 210 to a leaf: a step of 42 / sqrt(2), at most 5 of them, and half of that of the second.
    leaves = [cells[r, a]["cost"] for r in LEAVES for a in AGES]
    assert all(abs(one - 1860) < 5 * 42 * 1.5 / 2**0.5 for one in leaves)
    assert len(set(leaves)) > 1
    assert abs(cells["SE", "all"]["cost"] - 15 * 1860) < 5 * 42 * 1.5 / 2**0.5


def test_a_company_group_has_one_part_in_the_noise(home: Path, tmp_path: Path) -> None:
    policy = noise_policy(more=AMOUNTS, company_groups=True)
    plan = layout_of(measures={"cost": {"kind": "magnitude"}})
    table, layout, who = write_table(tmp_path / "t", [], plan)
    table.write_text("region,age,cost\n" + "".join(f"{r},{a},300\n" for r in LEAVES for a in AGES))
    results = []
    for number, firms in enumerate(
        (
            [("a", "one", 100), ("b", "one", 100), ("c", "other", 100)],
            [("d", "one", 200), ("c", "other", 100)],
            [("a", "one", 100), ("b", "third", 100), ("c", "other", 100)],
        )
    ):
        # Firms of their own in each cell, so that each draws its own noise: all of them cannot be alike by chance.
        rows = [f"{r},{a},{f} {r} {a},{g} {r} {a},{x}\n" for r in LEAVES for a in AGES for f, g, x in firms]
        who.write_text("region,age,contributor,company_group,cost\n" + "".join(rows))
        protect_file(policy, table, layout=layout, out=tmp_path / str(number), contributions=who, home=home)
        results.append(released(tmp_path / str(number)))
    assert results[0] == results[1]
    assert results[0] != results[2]
    who.write_text("region,age,contributor,cost\n" + "".join(f"{r},{a},a,300\n" for r in LEAVES for a in AGES))
    with pytest.raises(InputRefused, match="company_group"):
        protect_file(policy, table, layout=layout, out=tmp_path / "none", contributions=who, home=home)


@pytest.mark.parametrize(
    ("kind", "base", "status"), [("nearest", 5, "rnd"), ("up", 5, "rnd"), ("midpoint", 6, "rnd"), ("range", 5, "rng")]
)
def test_rounding_comes_on_top_of_suppression(kind: str, base: int, status: str, tmp_path: Path) -> None:
    hidden = protect_persons(tmp_path / "exact", PERSONS, STANDARD, None)
    by_layout = protect_persons(
        tmp_path / "layout", PERSONS, STANDARD, None, mechanism={"rounding": {"kind": kind, "base": base}}
    )
    by_policy = protect_persons(tmp_path / "policy", PERSONS, rounding_policy(kind, base), None)
    assert by_layout == by_policy
    for cell, row in by_layout.items():
        exact = hidden[cell]["n"]
        if exact is None:
            assert (row["n"], row["n_status"]) == (None, "sup")
            continue
        assert row["n_status"] == status
        if status == "rng":
            assert row["n"] is None
            assert row["n_lo"] <= exact <= row["n_hi"]
            assert row["n_hi"] - row["n_lo"] == (base - 1 if exact else 0)
        else:
            assert abs(row["n"] - exact) < base
            assert row["n"] % base == (base // 2 if kind == "midpoint" and exact else 0)


def test_controlled_rounding_adds_up_in_every_hierarchy(tmp_path: Path) -> None:
    cells = protect_persons(tmp_path / "t", PERSONS, rounding_policy("controlled", 11), None)
    number = {cell: row["n"] for cell, row in cells.items()}
    truth = true_counts()
    assert {row["n_status"] for row in cells.values()} == {"rnd"}
    assert all(abs(value - truth[cell]) < 11 and value % 11 == 0 for cell, value in number.items())
    for (region, age), value in number.items():
        if region in REGIONS:
            assert value == sum(number[kid, age] for kid in REGIONS[region])
        if age == "all":
            assert value == sum(number[region, one] for one in AGES)


@pytest.mark.parametrize(
    ("policy", "changes", "named"),
    [
        (STANDARD, {"mechanism": {"noise_bound": 5}}, "does not allow"),
        (STANDARD, {"mechanism": {"rounding": {"kind": "controlled", "base": 11}}}, "weaker"),
        (noise_policy(), {"mechanism": {"noise_bound": 4}}, "does not allow"),
        (noise_policy(), {"mechanism": {"rounding": {"kind": "up", "base": 5}}}, "weaker"),
        (noise_policy(), {"mechanism": {"rounding": {"kind": "up", "base": 5}, "noise_bound": 5}}, "both"),
        (rounding_policy("up", 5), {"mechanism": {"rounding": {"kind": "up", "base": 7}}}, "no multiple"),
        (rounding_policy("up", 5), {"mechanism": {"rounding": {"kind": "nearest", "base": 5}}}, "method"),
        (STANDARD, {"mechanism": {"rounding": {"kind": "down", "base": 5}}}, "kind"),
        (STANDARD, {"mechanism": {"rounding": {"kind": "up", "base": 1}}}, "base"),
        (noise_policy(), {"rules": {"n": {"min_count": 5}}}, "min_count"),
        (noise_policy(), {"rules": {"n": {"reach_threshold": True}}}, "reach_threshold"),
        (noise_policy(), {"rules": {"n": {"min_width": 6}}}, "min_width"),
        (noise_policy(), {"rules": {"n": {"zero_sensitive": True}}}, "zero_sensitive"),
        (noise_policy(), {"attacker": {"zeros_published": False}}, "zeros_published"),
        (
            noise_policy(more=AMOUNTS),
            {"measures": {"cost": {"kind": "magnitude"}}, "rules": {"cost": {"p_percent": 10}}},
            "p_percent",
        ),
        (rounding_policy("controlled", 11), {"rules": {"n": {"min_count": 11}}}, "min_count"),
        (noise_policy(), {"measures": {"n": {"kind": "magnitude"}}}, "no noise for the magnitude"),
        (rounding_policy("controlled", 11), {"measures": {"n": {"kind": "magnitude"}}}, "cannot be rounded"),
    ],
)
def test_a_layout_cannot_ask_for_less_or_for_what_the_mechanism_cannot_keep(
    policy: DisclosurePolicy, changes: dict[str, Any], named: str, home: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputRefused, match=named):
        protect_persons(tmp_path / "t", PERSONS, policy, home, **changes)
    assert not (tmp_path / "t" / "out").exists()


def test_noise_needs_a_key_and_everybody_who_is_counted(home: Path, tmp_path: Path) -> None:
    table, layout, who = write_table(tmp_path / "t", PERSONS, layout_of())
    with pytest.raises(InputRefused, match="--home"):
        protect_file(noise_policy(), table, layout=layout, out=tmp_path / "out", contributions=who)
    with pytest.raises(InputRefused, match="nobody said who"):
        protect_file(noise_policy(), table, layout=layout, out=tmp_path / "out", home=home)
    lines = who.read_text().splitlines(keepends=True)
    who.write_text("".join([*lines[:-1], *lines[1:5]]))
    with pytest.raises(InputRefused, match="in 1 leaf cells"):
        protect_file(noise_policy(), table, layout=layout, out=tmp_path / "out", contributions=who, home=home)


def test_noise_is_not_mixed_with_numbers_that_are_held_back(home: Path, tmp_path: Path) -> None:
    table, layout, who = write_table(tmp_path / "t", PERSONS, layout_of())
    protect_file(STANDARD, table, layout=layout, out=tmp_path / "first")
    with pytest.raises(InputRefused, match="hold numbers back"):
        protect_file(
            noise_policy(), table, layout=layout, out=tmp_path / "out", contributions=who, home=home,
            earlier=[tmp_path / "first"], moved=who,
        )  # fmt: skip


def test_too_few_persons_get_no_table(home: Path, tmp_path: Path) -> None:
    for number, policy in enumerate((noise_policy(), rounding_policy("controlled", 11))):
        with pytest.raises(DisclosureRefused, match="fewer persons"):
            protect_persons(tmp_path / str(number), PERSONS[:49], policy, home)


def test_a_table_too_large_for_controlled_rounding_is_refused(tmp_path: Path) -> None:
    plan = layout_of()
    ages = [f"a{i}" for i in range(MOST_CELLS // 5)]
    plan["dims"]["age"]["hierarchies"] = [{"all": ages}]
    table, layout, _ = write_table(tmp_path / "t", [], plan)
    table.write_text("region,age,n\n" + "".join(f"0101,{a},3\n" for a in ages))
    with pytest.raises(InputRefused, match="controlled rounding takes at most"):
        protect_file(rounding_policy("controlled", 11), table, layout=layout, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("mechanism", "named"),
    [
        ("[mechanism]\n", "one of noise, rounding"),
        ("[mechanism.noise]\nbound = 5\nvariance = 3\nkey_version = 1\n", "month_to_month"),
        (
            '[mechanism.noise]\nbound = 5\nvariance = 3\nkey_version = 1\nmonth_to_month = "protected"\n',
            "month_to_month",
        ),
        ('[mechanism.noise]\nbound = 5\nvariance = 3\nmonth_to_month = "not_protected"\n', "key_version"),
        (
            "[mechanism.noise]\n" + NOISE.replace("never_up_to = 2", "never_up_to = 3"),
            "no noise of variance 3 is possible for a count of 2",
        ),
        ('[mechanism.rounding]\nmethod = "controlled"\nbase = 10\n', "below minimum_cell 10"),
        ('[mechanism.rounding]\nmethod = "down"\nbase = 10\n', "method"),
    ],
)
def test_a_policy_that_perturbs_says_all_of_it(mechanism: str, named: str) -> None:
    with pytest.raises(DefinitionRejected, match=named):
        policy_of(mechanism)


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ({"zero_shown": False}, "zero_shown"),
        ({"class_disclosure": True}, "class_disclosure"),
        ({"p_percent": 10}, "p_percent"),
        ({"minimum_prescribers": 3}, "minimum_prescribers"),
        ({"minimum_workplaces": 3}, "minimum_workplaces"),
    ],
)
def test_rules_that_only_hiding_keeps_do_not_go_with_a_mechanism_that_hides_nothing(
    rules: dict[str, Any], named: str
) -> None:
    for perturbing in (lambda: noise_policy(**rules), lambda: rounding_policy("controlled", 11, **rules)):
        with pytest.raises(DefinitionRejected, match=f"only hiding keeps {named}"):
            perturbing()
    assert rounding_policy("up", 5, **rules).mechanism is not None


def test_releases_that_are_held_back_are_rounded_too(tmp_path: Path) -> None:
    plan = layout_of(mechanism={"rounding": {"kind": "nearest", "base": 5}})
    table, layout, _ = write_table(tmp_path / "t", PERSONS, plan)
    moved = tmp_path / "moved.csv"
    moved.write_text("region,age,person,move\n")
    protect_file(STANDARD, table, layout=layout, out=tmp_path / "one")
    protect_file(STANDARD, table, layout=layout, out=tmp_path / "two", earlier=[tmp_path / "one"], moved=moved)
    first, second = released(tmp_path / "one"), released(tmp_path / "two")
    assert {row["n_status"] for row in second.values()} == {"rnd", "sup"}
    assert {cell: row["n"] for cell, row in second.items()} == {cell: row["n"] for cell, row in first.items()}


def test_the_figures_of_the_manual_are_two_policies() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "manual" / "disclosure.md").read_text(encoding="utf-8")
    lines = page.partition("## Rounding and noise\n")[2].partition("\nNoise and controlled rounding")[0].splitlines()
    rounding, _, noise = "\n".join(line for line in lines if line.startswith("    ")).partition("    [mechanism.noise]")
    assert policy_of(textwrap.dedent(rounding)).mechanism is not None
    noisy = policy_of(textwrap.dedent("    [mechanism.noise]" + noise)).mechanism
    assert noisy is not None
    assert noisy.noise is not None
    assert set(noisy.noise.amounts) == {"cost"}


def test_a_policy_of_noise_is_below_a_floor_that_hides_and_finer_noise_below_coarser() -> None:
    with pytest.raises(DefinitionRejected, match="the floor hides"):
        check_floor(noise_policy(), floor=STANDARD)
    with pytest.raises(DefinitionRejected, match="the floor hides"):
        check_floor(rounding_policy("controlled", 11), floor=STANDARD)
    check_floor(rounding_policy("up", 5), floor=STANDARD)
    check_floor(noise_policy(), floor=noise_policy())
    with pytest.raises(DefinitionRejected, match="key_version"):
        check_floor(noise_policy(key_version=2), floor=noise_policy())
    with pytest.raises(DefinitionRejected, match="has cost, the floor hides it"):
        check_floor(noise_policy(more=AMOUNTS), floor=noise_policy())
    with pytest.raises(DefinitionRejected, match="another than the floor's"):
        check_floor(noise_policy(), floor=rounding_policy("up", 5))
    with pytest.raises(DefinitionRejected, match="absent"):
        check_floor(STANDARD, floor=rounding_policy("up", 5))
    with pytest.raises(LinkageError, match="share_small"):
        noise_policy(more=AMOUNTS.replace("share_small = 0.2", "share_small = 0.01"))


def test_the_command_takes_the_home_folder(home: Path, tmp_path: Path) -> None:
    table, layout, who = write_table(tmp_path / "t", PERSONS, layout_of())
    policy = tmp_path / "policy.toml"
    policy.write_text(
        'id = "open"\nversion = "1.0.0"\n[title]\nsv = "Brus"\nen = "Noise"\n[description]\nsv = "Brus"\nen = "Noise"\n'
        f"[mechanism.noise]\n{NOISE}"
    )
    arguments = ["lab", "protect", str(policy), str(table), "--layout", str(layout), "--contributions", str(who)]
    done = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out"), "--home", str(home), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["n"]["noise_key_version"] == 1
