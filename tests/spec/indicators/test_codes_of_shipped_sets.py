"""Which codes the shipped sets match, in a made-up list of ATC codes with the pitfalls of hand-written prefixes.

Names are those of substances, as a register prints them. `pytest -s` shows what each code set matches.
"""

from __future__ import annotations

import pytest

from linkage.indicator_definition import shipped_sets
from linkage_core.indicators.codes import membership

NAMES = {
    "A01AA01": "sodium fluoride",
    "A02BC01": "omeprazole",
    "A10BA02": "metformin",
    "A10BB01": "glibenclamide",
    "A10BD02": "metformin and sulfonylureas",
    "A10BD07": "metformin and sitagliptin",
    "A10BD15": "metformin and dapagliflozin",
    "A10BD20": "metformin and empagliflozin",
    "A10BJ06": "semaglutide",
    "A10BK03": "empagliflozin",
    "B01AA03": "warfarin",
    "B01AC04": "clopidogrel",
    "B01AC06": "acetylsalicylic acid",
    "B01AC24": "ticagrelor",
    "B01AC30": "combinations with acetylsalicylic acid",
    "B01AC34": "acetylsalicylic acid and clopidogrel",
    "B01AE07": "dabigatran etexilate",
    "B01AF02": "apixaban",
    "C01AA05": "digoxin",
    "C01BA03": "disopyramide",
    "C03CA01": "furosemide",
    "C03DA01": "spironolactone",
    "C03DA04": "eplerenone",
    "C07AA05": "propranolol",
    "C07AB02": "metoprolol",
    "C07AG02": "carvedilol",
    "C07FB02": "metoprolol and felodipine",
    "C09AA05": "ramipril",
    "C09CA06": "candesartan",
    "C09DA06": "candesartan and diuretics",
    "C09DX04": "valsartan and sacubitril",
    "C10AA05": "atorvastatin",
    "C10AX09": "ezetimibe",
    "C10AX13": "evolocumab",
    "C10AX15": "bempedoic acid",
    "C10BA02": "simvastatin and ezetimibe",
    "C10BA05": "atorvastatin and ezetimibe",
    "C10BA10": "bempedoic acid and ezetimibe",
    "C10BX03": "atorvastatin and amlodipine",
    "D07AA02": "hydrocortisone, for the skin",
    "G04BD08": "solifenacin",
    "G04BD12": "mirabegron",
    "H02AB06": "prednisolone",
    "J07BB02": "influenza vaccine",
    "M01AB05": "diclofenac",
    "M01AE01": "ibuprofen",
    "M01AX05": "glucosamine",
    "M02AA15": "diclofenac, for the skin",
    "N02AA59": "codeine, combinations",
    "N02AJ06": "codeine and paracetamol",
    "N02AJ13": "tramadol and paracetamol",
    "N02AX02": "tramadol",
    "N02BE01": "paracetamol",
    "N05AD01": "haloperidol",
    "N05AH02": "clozapine",
    "N05AN01": "lithium",
    "N05BA01": "diazepam",
    "N05BA04": "oxazepam",
    "N05BB01": "hydroxyzine",
    "N05CD02": "nitrazepam",
    "N05CF01": "zopiclone",
    "N05CM06": "propiomazine",
    "N06AA09": "amitriptyline",
    "N06AB04": "citalopram",
    "N06AX11": "mirtazapine",
    "R05DA04": "codeine, for cough",
    "S01ED01": "timolol, for the eye",
}

SWEDEHEART = {
    "statin": "C10AA05 C10BA02 C10BA05 C10BX03",
    "ezetimibe": "C10AX09 C10BA02 C10BA05 C10BA10",
    "pcsk9": "C10AX13",
    "bempedoic_acid": "C10AX15 C10BA10",
    "p2y12": "B01AC04 B01AC24 B01AC34",
    "asa": "B01AC06 B01AC30 B01AC34",
    "oral_anticoagulant": "B01AA03 B01AE07 B01AF02",
    "ppi": "A02BC01",
    "beta_blocker": "C07AB02 C07AG02 C07FB02",
    "acei": "C09AA05",
    "arb": "C09CA06 C09DA06",
    "arni": "C09DX04",
    "rasi": "C09AA05 C09CA06 C09DA06 C09DX04",
    "mra": "C03DA01 C03DA04",
    "sglt2i": "A10BD15 A10BD20 A10BK03",
    "glp1ra": "A10BJ06",
}
ELDERLY = {
    "long_acting_benzodiazepines": "N05BA01 N05CD02",
    "tramadol": "N02AJ13 N02AX02",
    "propiomazine": "N05CM06",
    "codeine": "N02AA59 N02AJ06 R05DA04",
    "glibenclamide": "A10BB01",
    "strong_anticholinergics": "C01BA03 G04BD08 N05AH02 N05BB01 N06AA09",
    "nsaid": "M01AB05 M01AE01",
    "antipsychotics": "N05AD01 N05AH02",
    "psychotropics": "N05AD01 N05AH02 N05AN01 N05BA01 N05BA04 N05BB01 N05CD02 N05CF01 N05CM06 N06AA09 N06AB04 N06AX11",
    "opioids": "N02AA59 N02AJ06 N02AJ13 N02AX02",
    "ppi": "A02BC01",
    "digoxin": "C01AA05",
    "loop_diuretics": "C03CA01",
    "ssri_and_related": "N06AB04 N06AX11",
    "hypnotics": "N05CD02 N05CF01 N05CM06",
    "steroids": "H02AB06",
    "with_dose_limit": "B01AC06 N02BE01 N05AD01 N05BA04 N05CF01",
}
CASES = [
    *(("swedeheart-secondary-prevention@2.0.0", name, codes) for name, codes in SWEDEHEART.items()),
    *(("elderly-drug-therapy@1.0.0", name, codes) for name, codes in ELDERLY.items()),
]


def matched(set_name: str, codes: str) -> list[str]:
    found = membership(list(NAMES), shipped_sets()[set_name].codes[codes])
    return [code for code, belongs in zip(NAMES, found, strict=True) if belongs]


@pytest.mark.parametrize(("set_name", "codes", "expected"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES])
def test_a_code_set_matches_what_it_says_and_nothing_else(set_name: str, codes: str, expected: str) -> None:
    found = matched(set_name, codes)
    print(f"{codes}: {', '.join(f'{code} {NAMES[code]}' for code in found)}")  # noqa: T201  the names are the point
    assert found == sorted(expected.split())


def test_drugs_for_local_use_and_vaccines_are_no_systemic_drugs() -> None:
    for name in ("swedeheart-secondary-prevention@2.0.0", "elderly-drug-therapy@1.0.0"):
        left_out = set(NAMES) - set(matched(name, "systemic"))
        assert left_out == {"A01AA01", "D07AA02", "J07BB02", "M02AA15", "S01ED01"}


@pytest.mark.parametrize("name", sorted(shipped_sets()))
def test_what_counts_unsigned_codes_says_so(name: str) -> None:
    definition = shipped_sets()[name]
    for indicator in definition.indicators:
        if any(definition.codes[codes].needs_review for codes in indicator.code_sets):
            assert indicator.needs_review, indicator.id


def test_the_sets_for_quality_registers_have_sixty_indicators_and_more() -> None:
    sets = shipped_sets()
    own = [sets[name].indicators for name in ("swedeheart-secondary-prevention@2.0.0", "elderly-drug-therapy@1.0.0")]
    assert sum(map(len, own)) >= 60
