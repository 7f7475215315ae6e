"""Dosage texts that are composed of a dosage say it, however they are written; no text at all is an error."""

from __future__ import annotations

from fractions import Fraction

import hypothesis.strategies as st
from hypothesis import given

from linkage_core.dosage_texts import read_dosage

AMOUNTS = {"1": 1, "en": 1, "2": 2, "två": 2, "1,5": Fraction(3, 2), "½": Fraction(1, 2), "1/2": Fraction(1, 2), "3": 3}
UNITS = {
    "tablett": "tablet",
    "tabl.": "tablet",
    "kapslar": "capsule",
    "puffar": "dose",
    "ml": "ml",
    "dospåse": "sachet",
}
COUNTS = {"en gång": 1, "1 ggr": 1, "2 gånger": 2, "tre gånger": 3, "4 ggr": 4}
PERIODS = {"dagligen": Fraction(1), "per dygn": Fraction(1), "varannan dag": Fraction(1, 2), "i veckan": Fraction(1, 7)}
TIMES = ["på morgonen", "till lunch", "till kvällen", "till natten"]
BESIDE = ["", "tills vidare", "enl ordination", "mot högt blodtryck", "med mat", ". Sväljes hela."]


WAYS = [str, str.upper, str.title, lambda text: text.replace(" ", "  ")]


@given(
    st.tuples(*(st.sampled_from(sorted(words)) for words in (AMOUNTS, UNITS, COUNTS, PERIODS, BESIDE))),
    st.sampled_from(WAYS),
)
def test_amount_times_and_period_multiply(words, way):
    dosage = read_dosage(way(" ".join(words)))
    assert dosage is not None
    amount, unit, count, period, _ = words
    assert dosage.units_per_day() == AMOUNTS[amount] * COUNTS[count] * PERIODS[period]
    assert dosage.unit == UNITS[unit]


@given(
    st.lists(st.tuples(st.sampled_from(sorted(AMOUNTS)), st.sampled_from(TIMES)), min_size=1, unique_by=lambda p: p[1])
)
def test_amounts_of_times_of_day_add_up(parts):
    text = " och ".join(f"{amount} tablett {time}" for amount, time in parts)
    dosage = read_dosage(text)
    assert dosage is not None
    assert dosage.units_per_day() == sum(AMOUNTS[amount] for amount, _ in parts)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=4).filter(any))
def test_sums_are_those_of_their_parts(parts):
    dosage = read_dosage("+".join(map(str, parts)))
    assert dosage is not None
    assert dosage.units_per_day() == sum(parts)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
def test_a_range_has_its_ends(low, more, count):
    dosage = read_dosage(f"{low}-{low + more} tabletter {count} ggr dagligen")
    assert dosage is not None
    assert (dosage.low, dosage.high) == (low * count, (low + more) * count)
    assert dosage.units_per_day() is None
    assert dosage.units_per_day("mid") == Fraction(2 * low + more, 2) * count


@given(st.sampled_from(sorted(COUNTS)), st.sampled_from(["vid behov", "vb", "v.b."]))
def test_what_is_taken_when_needed_states_no_daily_number(count, needed):
    dosage = read_dosage(f"1 tablett {count} dagligen {needed}")
    assert dosage is not None
    assert dosage.as_needed
    assert dosage.units_per_day("high") is None


@given(st.text())
def test_no_text_is_an_error(text):
    read_dosage(text)


@given(st.text(alphabet="0123456789½¼/+-.,: xkldagtbmornvåäö()", max_size=60))
def test_no_text_of_the_signs_of_dosages_is_an_error(text):
    dosage = read_dosage(text)
    if dosage is not None and dosage.low is not None and dosage.high is not None:
        assert 0 < dosage.low <= dosage.high
