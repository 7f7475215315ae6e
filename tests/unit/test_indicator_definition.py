"""Indicator sets: what is accepted, what is refused and in which words, and what is hashed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from linkage.errors import DefinitionRejected
from linkage.indicator_definition import (
    canonical_form,
    canonical_sha256,
    load_indicator_set,
    needed_columns,
    shipped_sets,
)
from linkage.indicator_kinds import CodeSet
from linkage_core.indicators.codes import membership

EXAMPLE = """
[set]
id = "example"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA", "C10BA", "C10BX"]
atc_exclude = ["C10BA10"]
valid = { from = 2005-07-01 }
[supply.default]
steps = ["dosage_text", "units_per_day:1", "ddd:1"]
cap_days = 125
reversals = "net"
hospital = "freeze"
[[indicator]]
id = "statin_initiation_90d"
kind = "initiation"
codes = "statin"
window = { from = 0, to = 90 }
washout = { from = -180, to = -1, effect = "stratify" }
denominator = "all"
statistic = ["count", "share"]
interval = "wilson"
target = { lower = 0.90, upper = 0.95, better = "high" }
[[indicator]]
id = "statin_pdc_365"
kind = "proportion_of_days_covered"
codes = ["statin"]
combine = "all"
supply = "default"
observe = { from = 0, to = 365 }
threshold = 0.8
"""


def test_the_written_example_is_read_and_its_defaults_are_written_out():
    definition = load_indicator_set(EXAMPLE)
    text = canonical_form(definition).decode()
    for default in ('"lookback_days":180', '"stock_cap_days":180', '"carry_over":["per_drug"]', '"reversals":"net"'):
        assert default in text
    assert definition.codes["statin"].system == "atc"


def test_the_hash_follows_the_meaning_and_not_the_writing():
    spelled_out = EXAMPLE.replace("threshold = 0.8", "threshold = [0.8]\nlookback_days = 180  # the default")
    assert canonical_sha256(load_indicator_set(spelled_out)) == canonical_sha256(load_indicator_set(EXAMPLE))
    other = EXAMPLE.replace("to = 90", "to = 91")
    assert canonical_sha256(load_indicator_set(other)) != canonical_sha256(load_indicator_set(EXAMPLE))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (('kind = "initiation"', 'kind = "initation"'), "indicator[1]: unknown kind 'initation', known are: 'users'"),
        (("combine", "combne"), "combne: unknown field"),
        (('codes = "statin"', 'codes = "statins"'), "names the code set 'statins', known are: statin"),
        (('supply = "default"', 'supply = "deflt"'), "names the supply model 'deflt', known are: default"),
        (('supply = "default"\n', ""), "supply: the field is missing"),
        (("to = 90 }", "to = -1 }"), "the last day stands before the first day"),
        (("to = 365", "to = 0"), "the observation has no day"),
        (('"C10BX"', '"C10BX*"'), "write a prefix in capitals and digits"),
        (("lower = 0.90", "lower = 0.99"), "the lower target lies above the upper target"),
        (('"units_per_day:1"', '"units_per_day"'), "steps[2]"),
        (('id = "statin_pdc_365"', 'id = "statin_initiation_90d"'), "stands twice"),
        (('id = "statin_pdc_365"', 'id = "Statin"'), "id: a name has small letters a to z, digits"),
        (('version = "1.0.0"', 'version = "1"'), "set.version"),
        (("[set]", "[set"), "is not TOML"),
    ],
)
def test_a_wrong_set_is_refused_with_field_and_mend(wrong, message):
    with pytest.raises(DefinitionRejected, match=re.escape(message)) as refused:
        load_indicator_set(EXAMPLE.replace(*wrong))
    assert refused.value.mend


def test_a_file_is_named_in_its_refusal(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(DefinitionRejected, match=r"mine\.toml: is not UTF-8 text"):
        load_indicator_set(file)
    with pytest.raises(DefinitionRejected, match=r"gone\.toml: cannot be read"):
        load_indicator_set(tmp_path / "gone.toml")


def test_shipped_sets_have_titles_and_words_in_both_languages():
    sets = shipped_sets()
    assert {"swedeheart-secondary-prevention@1.0.0", "national-drug-statistics@1.0.0"} <= set(sets)
    for definition in sets.values():
        for part in (definition.header, *definition.indicators):
            for words in (part.title, part.description):
                assert words.sv, part.id
                assert words.en, part.id


@pytest.mark.parametrize(
    ("name", "belongs", "does_not"),
    [
        ("statin", ["C10AA05", "C10BA05", "C10BX03"], ["C10BA10", "C10AX09"]),
        ("p2y12", ["B01AC04", "B01AC24", "B01AC34"], ["B01AC06"]),
        ("asa", ["B01AC06", "B01AC30", "B01AC34"], ["B01AC04"]),
        ("rasi", ["C09AA02", "C09CA01", "C09DX04"], ["C07AB02"]),
        ("ezetimibe", ["C10AX09", "C10BA02", "C10BA10"], ["C10AA05", "C10BA03"]),
        ("sglt2i", ["A10BK01", "A10BD15"], ["A10BD02"]),
        ("systemic", ["C10AA05", "R03AC02"], ["D07AA02", "S01ED01", "J07BB02", "R01AD05"]),
    ],
)
def test_code_sets_of_the_swedeheart_set_hold_what_they_should(name, belongs, does_not):
    codes = shipped_sets()["swedeheart-secondary-prevention@1.0.0"].codes[name]
    assert membership([*belongs, *does_not], codes).tolist() == [1] * len(belongs) + [0] * len(does_not)


def test_indicators_of_unreviewed_codes_say_so():
    definition = shipped_sets()["swedeheart-secondary-prevention@1.0.0"]
    for indicator in definition.indicators:
        codes = [indicator.codes] if isinstance(indicator.codes, str) else indicator.codes or []
        if any(definition.codes[name].needs_review for name in codes):
            assert indicator.needs_review, indicator.id


def test_a_set_tells_which_columns_it_reads():
    needed = needed_columns(load_indicator_set(EXAMPLE))
    assert needed["par_sv"] == {"admission_date", "discharge_date"}
    assert {"dispensing_date", "atc", "packages", "dosage_text", "ddd_per_package"} <= needed["lmed"]
    assert needed["dors"] == {"death_date"}


def test_one_code_set_holds_one_system():
    with pytest.raises(ValueError, match="one system only"):
        CodeSet.model_validate({"atc_include": ["C10"], "icd10_include": ["I21"]})


@pytest.mark.parametrize(
    "fields",
    [
        'kind = "initiation"\nwindow = {{ from = 0, to = {far} }}',
        'kind = "initiation"\nwindow = {{ from = -{far}, to = 30 }}',
        'kind = "users"\nobserve = {{ from = 0, to = {far} }}',
        'kind = "prevalence"\nrule = "covered"\nsupply = "month"\nat_day = [0, {far}]',
        'kind = "covered_on_day"\nsupply = "month"\nat_days = 0\nfirst_from_day = {far}',
        'kind = "polypharmacy"\nrule = "supply"\nsupply = "month"\nobserve = {{ from = 0, to = 9 }}\nat_least = {far}',
    ],
)
@pytest.mark.parametrize("far", [50_001, 2**31 - 1, 2**63, 10**30])
def test_days_further_than_registers_reach_are_refused(fields: str, far: int) -> None:
    text = (
        '[set]\nid = "far"\nversion = "1.0.0"\n[codes.statin]\natc_include = ["C10AA"]\n'
        '[supply.month]\nsteps = ["fixed:30"]\n[[indicator]]\nid = "one"\ncodes = "statin"\n'
    )
    load_indicator_set(text + fields.format(far=2))
    with pytest.raises(DefinitionRejected, match=r"Input should be (less|greater) than or equal to"):
        load_indicator_set(text + fields.format(far=far))


@pytest.mark.parametrize("where", ['kind = "19121212-1212"', 'id = "p-191212121212"', 'atc_include = ["191212121212"]'])
def test_an_identity_number_in_a_set_is_refused_and_not_repeated(where):
    with pytest.raises(DefinitionRejected, match=r"line 3 holds what looks like a personal identity number") as refused:
        load_indicator_set('[set]\nid = "s"\n' + where)
    assert "1212" not in str(refused.value)


def test_grids_that_multiply_to_too_many_numbers_are_refused():
    days = ", ".join(map(str, range(1, 402)))
    text = (
        '[set]\nid = "s"\nversion = "1.0.0"\n[codes.c]\natc_include = ["C10"]\n[supply.s]\nsteps = ["fixed:30"]\n'
        f'[[indicator]]\nid = "e"\nkind = "treatment_episodes"\ncodes = "c"\nsupply = "s"\ngap_days = [{days}]\n'
        f"at_days = [{days}]\n"
    )
    with pytest.raises(DefinitionRejected, match=r"'e': its grids ask for .* numbers of each person, at most 10,000"):
        load_indicator_set(text)
