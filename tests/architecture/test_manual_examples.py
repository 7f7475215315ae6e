"""The manual's examples are files that the programs take."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.indicator_definition import load_indicator_set
from linkage.order import load_order

ROOT = Path(__file__).resolve().parents[2]
MANUAL = ROOT / "docs" / "manual"
PAGES = sorted([*MANUAL.glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md"), ROOT / "README.md"])


def toml_of(page: str) -> str:
    """The first TOML example of a page."""
    found = re.search(r"```toml\n(.*?)```", (MANUAL / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_order_file_of_the_client_page_breaks_no_rule() -> None:
    assert load_order(toml_of("client.md")).population.strata == ("hospital",)


def test_the_set_of_the_indicator_page_is_read() -> None:
    assert load_indicator_set(toml_of("indicator-sets.md")).name == "tried@0.1.0"


def test_the_set_of_the_page_about_availability_is_read() -> None:
    assert load_indicator_set(toml_of("medication-availability.md")).name == "adherence@0.1.0"


def test_the_set_of_the_page_of_episodes_is_read() -> None:
    kinds = [indicator.kind for indicator in load_indicator_set(toml_of("treatment-episodes.md")).indicators]
    assert kinds == ["treatment_episodes", "time_to_discontinuation", "covered_on_day"]


def test_the_set_of_the_page_of_concurrent_use_is_read() -> None:
    kinds = dict.fromkeys(one.kind for one in load_indicator_set(toml_of("concurrent-use.md")).indicators)
    assert [*kinds] == [
        "drugs_at_date",
        "drug_burden",
        "dose_above_limit",
        "polypharmacy",
        "interacting_pairs",
        "duplicate_therapy",
        "drug_after_diagnosis",
        "treatment_lines",
    ]


def test_the_set_of_the_page_of_outcomes_is_read() -> None:
    kinds = [indicator.kind for indicator in load_indicator_set(toml_of("outcomes.md")).indicators]
    assert kinds == ["outcome_rate", "landmark_outcome", "sequence_symmetry"]


def test_the_set_of_the_page_of_the_start_of_treatment_is_read() -> None:
    kinds = [indicator.kind for indicator in load_indicator_set(toml_of("start-of-treatment.md")).indicators]
    assert kinds == [
        "incidence",
        "prevalence",
        "time_to_initiation",
        "new_or_continuing",
        "on_treatment",
        "combination",
        "primary_non_adherence",
        "high_intensity",
        "medication_possession_ratio",
    ]


def test_the_disclosure_page_tells_every_rule_of_the_standard_policy() -> None:
    text = (MANUAL / "disclosure.md").read_text(encoding="utf-8")
    policy = shipped_policies()["standard@1.0.0"].model_dump(
        mode="json", exclude={"id", "version", "title", "description"}
    )
    for rule, value in policy.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value).lower()
        assert f"| `{rule}` | {shown} |" in text, rule


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
