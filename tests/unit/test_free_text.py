"""An identity number is found in free text however it is written; other numbers are let through."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from linkage.errors import InputRefused
from linkage.free_text import find_identity_number, refuse_identity_number
from linkage_server.demo.test_numbers import read_test_numbers

NUMBERS = [*read_test_numbers()[::4001], *read_test_numbers()[-3:]]
FORMS: dict[str, Callable[[str], str]] = {
    "twelve digits": lambda n: n,
    "with a hyphen": lambda n: f"{n[:8]}-{n[8:]}",
    "ten digits": lambda n: n[2:],
    "ten digits with a plus": lambda n: f"{n[2:8]}+{n[8:]}",
    "with a blank": lambda n: f"{n[:8]} {n[8:]}",
    "with a dash of typography": lambda n: f"{n[:8]}\N{EN DASH}{n[8:]}",
    "with blanks around the dash": lambda n: f"{n[:8]} \N{EM DASH} {n[8:]}",
    "as a day of ISO 8601": lambda n: f"{n[:4]}-{n[4:6]}-{n[6:8]}-{n[8:]}",
    "with the century apart": lambda n: f"{n[:2]} {n[2:8]}-{n[8:]}",
    "with points": lambda n: f"{n[:4]}.{n[4:6]}.{n[6:8]}.{n[8:]}",
    "with an underscore": lambda n: f"{n[:8]}_{n[8:]}",
    "wide digits": lambda n: n.translate({ord("0") + i: ord("\N{FULLWIDTH DIGIT ZERO}") + i for i in range(10)}),
    "Arabic digits": lambda n: n.translate({ord("0") + i: ord("\N{ARABIC-INDIC DIGIT ZERO}") + i for i in range(10)}),
    "with a hidden character": lambda n: f"{n[:5]}\N{ZERO WIDTH SPACE}{n[5:]}",
    "with a soft hyphen": lambda n: f"{n[:8]}\N{SOFT HYPHEN}{n[8:]}",
    "with a no-break space": lambda n: f"{n[:8]}\N{NO-BREAK SPACE}{n[8:]}",
    "every digit apart": " ".join,
    "in pairs": lambda n: " ".join(n[i : i + 2] for i in range(0, 12, 2)),
}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_number_is_found_in_every_written_form(form: str) -> None:
    for number in NUMBERS:
        for text in ("{}", "patient {}, ward 3", "a:{};", "line one\n({})"):
            found = find_identity_number(text.format(FORMS[form](number)))
            assert found == 1 + text.count("\n"), (form, text)


@pytest.mark.parametrize(
    "text",
    [
        "Call 08-123 45 67 or 0812345678 on 2026-11-22",
        "from 2024-01-01 to 2025-12-31",
        "2024-01-01-2025-12-31",
        "SFS 2005:363, SFS 2017:909",
        "Dnr 2024-01234-01",
        "5565682330",
        "50591000052105 195658003 20010101000012",
        "window = { from = -365, to = -1 }",
        "C10AA05 B01AC24",
    ],
)
def test_telephone_numbers_codes_and_days_are_let_through(text: str) -> None:
    assert find_identity_number(text) is None


def test_a_wrong_check_digit_is_no_identity_number() -> None:
    wrong = NUMBERS[0][:-1] + str((int(NUMBERS[0][-1]) + 1) % 10)
    assert find_identity_number(wrong) is None


def test_a_refusal_names_what_it_is_about_and_never_the_number() -> None:
    with pytest.raises(InputRefused, match="the reason holds what looks like") as caught:
        refuse_identity_number(f"about {NUMBERS[0]}", what="the reason")
    assert NUMBERS[0] not in str(caught.value)
    with pytest.raises(InputRefused, match="null character"):
        refuse_identity_number("a\x00b", what="the reason")


def test_a_long_text_is_searched_at_once() -> None:
    assert find_identity_number("2 0" * 85_000) is None
    assert find_identity_number("19" * 128_000) is None
