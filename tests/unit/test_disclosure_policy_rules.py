"""Rules for contributors, companies, prescribers and exceptions: typed, hashed, each compared with the floor."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime
from typing import Any

import pytest

from linkage.disclosure_policy import (
    DisclosurePolicy,
    canonical_form,
    canonical_sha256,
    check_floor,
    load_policy,
    shipped_policies,
)
from linkage.errors import DefinitionRejected

CONSENT = {
    "company": "Nordbolaget",
    "measures": ("packages",),
    "codes": ("C10AA",),
    "first_day": date(2026, 1, 1),
    "last_day": date(2026, 12, 31),
    "reference": "4.2-1234/2026",
}
EXCEPTION = {
    "rule": "class_disclosure",
    "cell": {"indicator": "statin_users", "region": "01"},
    "officer": "Eva Strand",
    "signed_at": datetime(2026, 11, 1, 9, tzinfo=UTC),
    "reason": "The region's own report shows the same share.",
}
STRICT: dict[str, Any] = {
    "dominance": ((1, 75), (2, 90)),
    "p_percent": 10,
    "coalition": 2,
    "company_groups": True,
    "class_disclosure": True,
    "minimum_prescribers": 3,
    "minimum_workplaces": 3,
    "company_secrecy": {"minimum_manufacturers": 3, "patients_shown": False},
    "multi_response": ("atc",),
    "experimental": {"variables": ("prescribing_reason",)},
}


def policy(**fields: Any) -> DisclosurePolicy:
    standard = shipped_policies()["standard@1.0.0"]
    return DisclosurePolicy.model_validate({**standard.model_dump(), **fields})


def test_a_rule_that_is_absent_leaves_no_trace_in_the_canonical_form() -> None:
    written = canonical_form(shipped_policies()["standard@1.0.0"]).decode()
    for rule in (*STRICT, "exceptions", "exceptions_from"):
        assert rule not in written
        assert canonical_sha256(policy(**{rule: DisclosurePolicy.model_fields[rule].default})) == canonical_sha256(
            policy()
        )


@pytest.mark.parametrize("rule", [rule for rule in STRICT if rule != "coalition"])
def test_each_rule_changes_the_hash_and_survives_being_stored(rule: str) -> None:
    strict = policy(**{rule: STRICT[rule]})
    assert canonical_sha256(strict) != canonical_sha256(policy())
    assert DisclosurePolicy.model_validate_json(canonical_form(strict)) == strict


def test_consents_and_exceptions_survive_being_stored() -> None:
    one = policy(
        class_disclosure=True,
        exceptions_from=("class_disclosure",),
        exceptions=(EXCEPTION,),
        company_secrecy={"consents": (CONSENT,)},
    )
    again = DisclosurePolicy.model_validate_json(canonical_form(one))
    assert again == one
    assert again.exceptions[0].sha256() == one.exceptions[0].sha256()


def test_all_rules_can_be_written_in_toml() -> None:
    base = (
        'id = "strict"\nversion = "1.0.0"\ndominance = [[1, 75], [2, 90]]\np_percent = 10\ncompany_groups = true\n'
        "class_disclosure = true\nminimum_prescribers = 3\nminimum_workplaces = 2\nmulti_response = ['atc']\n"
        "exceptions_from = ['company_secrecy']\n[title]\nsv = 'Strikt'\nen = 'Strict'\n"
        "[description]\nsv = 'S'\nen = 'S'\n"
        "[company_secrecy]\nminimum_manufacturers = 3\nmeasures = ['packages', 'cost']\n"
        "[[company_secrecy.consents]]\ncompany = 'Nordbolaget'\nfirst_day = 2026-01-01\nlast_day = 2026-12-31\n"
        "reference = '1/2026'\n[experimental]\nvariables = ['prescribing_reason']\ntreatment = 'flagged'\n"
        "[[exceptions]]\nrule = 'company_secrecy'\ncell = { indicator = 'statin_cost' }\nofficer = 'Eva Strand'\n"
        "signed_at = 2026-11-01T09:00:00Z\nreason = 'Published by the company itself.'\n"
    )
    assert tomllib.loads(base)
    read = load_policy(base)
    assert read.dominance == ((1, 75), (2, 90))
    assert read.company_secrecy is not None
    assert read.company_secrecy.consents[0].company == "Nordbolaget"
    assert read.exceptions[0].officer == "Eva Strand"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dominance": ((1, 90), (2, 75))}, r"\(2, 75\) contradicts \(1, 90\)"),
        ({"dominance": ((2, 75), (1, 90))}, "contradicts"),
        ({"dominance": ((3, 90),), "minimum_contributors": 3}, "contradicts minimum_contributors 3"),
        ({"coalition": 2}, "p_percent is 0"),
        ({"coalition": 2, "p_percent": 10, "minimum_contributors": 3}, "coalition 2 contradicts minimum_contributors"),
        ({"exceptions": (EXCEPTION,)}, "exceptions_from does not allow"),
        ({"exceptions": (EXCEPTION,), "exceptions_from": ("class_disclosure",)}, "does not have"),
        ({"multi_response": ("atc", "atc")}, "multi_response names something twice"),
        ({"company_secrecy": {"measures": ("cost",), "consents": (CONSENT,)}}, "packages, which measures does not"),
        ({"company_secrecy": {"consents": ({**CONSENT, "last_day": date(2025, 1, 1)},)}}, "ends before it begins"),
    ],
)
def test_a_policy_that_contradicts_itself_says_what_contradicts_what(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        policy(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"dominance": ((4, 90),)},
        {"dominance": ((1, 100),)},
        {"p_percent": 101},
        {"company_secrecy": {"minimum_manufacturers": 1}},
        {"company_secrecy": {"measures": ("patients",)}},
        {"exceptions": ({**EXCEPTION, "rule": "minimum_cell"},)},
        {"exceptions": ({**EXCEPTION, "signed_at": datetime(2026, 11, 1)},)},
        {"exceptions": ({**EXCEPTION, "reason": ""},)},
        {"experimental": {"treatment": "shown"}},
    ],
)
def test_values_out_of_range_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        policy(**fields)


@pytest.mark.parametrize(
    ("weaker", "named"),
    [
        ({"dominance": ((1, 75),)}, "dominance has no rule as strict"),
        ({"dominance": ((1, 80), (2, 90))}, r"dominance has no rule as strict as the floor's \(1, 75\)"),
        ({"p_percent": 9}, "p_percent is 9"),
        ({"coalition": 1}, "coalition is 1"),
        ({"company_groups": False}, "company_groups is false"),
        ({"class_disclosure": False}, "class_disclosure is false"),
        ({"minimum_prescribers": 2}, "minimum_prescribers is 2"),
        ({"minimum_workplaces": 0}, "minimum_workplaces is 0"),
        ({"company_secrecy": None}, "company_secrecy is absent"),
        ({"company_secrecy": {"minimum_manufacturers": 2, "patients_shown": False}}, "minimum_manufacturers is 2"),
        ({"company_secrecy": {"minimum_manufacturers": 3}}, "patients_shown"),
        (
            {"company_secrecy": {"minimum_manufacturers": 3, "patients_shown": False, "measures": ("cost",)}},
            "measures lacks ddd",
        ),
        (
            {"company_secrecy": {"minimum_manufacturers": 3, "patients_shown": False, "consents": (CONSENT,)}},
            "Nordbolaget",
        ),
        ({"multi_response": ()}, "multi_response lacks atc"),
        ({"experimental": None}, "experimental.variables lacks prescribing_reason"),
        ({"experimental": {"variables": ("prescribing_reason",), "treatment": "flagged"}}, "treatment is flagged"),
        ({"exceptions_from": ("dominance",)}, "exceptions_from allows dominance"),
    ],
)
def test_each_rule_is_compared_with_the_floor(weaker: dict[str, Any], named: str) -> None:
    check_floor(policy(**STRICT), floor=policy(**STRICT))
    with pytest.raises(DefinitionRejected, match=named):
        check_floor(policy(**{**STRICT, **weaker}), floor=policy(**STRICT))


def test_a_stricter_dominance_rule_stands_for_the_floors() -> None:
    # Two contributors with more than 70 per cent are found wherever one with more than 75 is.
    check_floor(policy(dominance=((2, 70),)), floor=policy(dominance=((1, 75), (2, 90))))
    check_floor(policy(**STRICT), floor=policy())


def test_a_policy_with_an_identity_number_is_refused_before_a_word_is_repeated() -> None:
    with pytest.raises(DefinitionRejected, match="identity number") as refused:
        load_policy("id = 'x'\n# 19121212-1212\n")
    assert "1212" not in str(refused.value)
