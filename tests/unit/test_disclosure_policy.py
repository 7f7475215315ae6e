"""Policies are data: complete, closed against typing errors, hashed, and never weaker than the holder's floor."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from linkage.disclosure_policy import (
    DisclosurePolicy,
    canonical_sha256,
    check_floor,
    load_policy,
    shipped_policies,
)
from linkage.errors import DefinitionRejected


def changed(**fields: Any) -> DisclosurePolicy:
    standard = shipped_policies()["standard@1.0.0"]
    return DisclosurePolicy.model_validate({**standard.model_dump(), **fields})


def test_the_standard_policy_is_the_published_rule() -> None:
    standard = shipped_policies()["standard@1.0.0"]
    assert (standard.minimum_cell, standard.zero_shown, standard.secondary_suppression) == (10, True, True)
    assert standard.minimum_candidates >= 3
    assert standard.title.sv
    assert standard.title.en


def test_the_hash_follows_the_rules_and_not_the_layout_of_the_file() -> None:
    text = Path("linkage/definitions/policies/standard.toml")
    original = (Path(__file__).parents[2] / text).read_text(encoding="utf-8")
    spaced = "\n\n# a remark\n" + original.replace(" = ", "  =   ")
    assert canonical_sha256(load_policy(spaced)) == canonical_sha256(load_policy(original))
    assert canonical_sha256(changed(minimum_cell=11)) != canonical_sha256(changed())


def test_the_hash_of_the_released_version_is_pinned() -> None:
    # A released policy version never changes: a delivery names it, and a reader must find the same rules.
    assert canonical_sha256(shipped_policies()["standard@1.0.0"]) == (
        "848af805215c1f44a5c755289677f8e0e2daa5a53c9d5367aba6e897796f61b9"
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("id = 'x'", "title"),
        ("not toml", "not TOML"),
        ("id = 'x'\nminimum_cel = 10", "minimum_cel"),
        ("minimum_cell = 2", "minimum_cell"),
        ("minimum_cell = '10'", "minimum_cell"),
        ("minimum_cell = 10.0", "minimum_cell"),
        ("id = 'With Space'", "id"),
        ("version = '1'", "version"),
    ],
)
def test_a_wrong_policy_names_the_field(text: str, named: str) -> None:
    with pytest.raises(DefinitionRejected, match=named):
        load_policy(text)


def test_what_is_wrong_with_a_policy_is_told_in_words_of_ours() -> None:
    shipped = (resources.files("linkage") / "definitions/policies/standard.toml").read_text(encoding="utf-8")
    with pytest.raises(DefinitionRejected) as refused:
        load_policy(shipped.replace("minimum_cell", "minimum_cel"))
    assert "minimum_cel: unknown field" in refused.value.message
    assert refused.value.mend.startswith("Remove the field or mend its spelling.")
    with pytest.raises(DefinitionRejected) as refused:
        load_policy(shipped.replace("minimum_candidates = 3", "minimum_candidates = 30"))
    assert refused.value.message == "policy text: the definition as a whole: minimum_candidates is above minimum_cell."


def test_a_policy_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionRejected, match="cannot be read"):
        load_policy(tmp_path / "absent.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DefinitionRejected, match="UTF-8"):
        load_policy(binary)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"secondary_suppression": False}, "secondary_suppression"),
        ({"minimum_population": 10, "minimum_cell": 20}, "minimum_population"),
        ({"minimum_cell": 3, "minimum_candidates": 4}, "minimum_candidates"),
        ({"match_rate_bands": (10, 50)}, "match_rate_bands"),
        ({"match_rate_bands": (0, 50, 50)}, "match_rate_bands"),
        ({"match_rate_bands": ()}, "match_rate_bands"),
    ],
)
def test_a_policy_that_contradicts_itself_is_refused(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        changed(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"minimum_cell": 9},
        {"minimum_contributors": 9},
        {"minimum_population": 49},
        {"minimum_stratum": 9},
        {"reach_threshold": False},
        {"sum_width_percent": 9},
        {"match_rate_bands": (0, 50, 80, 90, 95, 98, 99)},
    ],
)
def test_a_policy_weaker_than_the_floor_in_one_rule_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(DefinitionRejected, match=next(iter(fields))):
        check_floor(changed(**fields), floor=changed())


def test_a_policy_that_shows_zero_is_weaker_than_a_floor_that_does_not() -> None:
    with pytest.raises(DefinitionRejected, match="zero_shown"):
        check_floor(changed(), floor=changed(zero_shown=False))


def test_fewer_candidates_than_the_floor_are_refused() -> None:
    with pytest.raises(DefinitionRejected, match="minimum_candidates"):
        check_floor(changed(), floor=changed(minimum_candidates=4))


def test_a_stricter_policy_passes_the_floor() -> None:
    check_floor(changed(minimum_cell=20, zero_shown=False, match_rate_bands=(0, 50, 90)), floor=changed())
    check_floor(changed(), floor=changed())
