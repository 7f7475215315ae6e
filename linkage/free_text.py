"""Text that people write freely, and what must not be in it: a personal identity number.

Orders, reasons, names and group labels are stored, shown and logged. People do paste a patient's number into a title;
it is refused at the door, whatever it is written with: other dashes, spaces between its parts, wide or Arabic digits.
"""

from __future__ import annotations

import re
import unicodedata

from linkage.errors import InputRefused

_SEPARATOR = r"[-+ ./_]"
# Each place is tried (lookahead): a number that begins inside something that looks like one is found as well. A day
# may be a coordination number's (plus 60), its month unknown. A date that follows a date is no birth number.
_IDENTITY_NUMBER = re.compile(
    rf"(?<!\d)(?=(?:(?:18|19|20){_SEPARATOR}?)?(?P<year>\d\d){_SEPARATOR}{{0,2}}(?P<month>0\d|1[0-2])"
    rf"{_SEPARATOR}{{0,2}}(?P<day>[06][0-9]|[1278][0-9]|[39][01]){_SEPARATOR}{{0,3}}(?P<serial>\d{{4}})"
    rf"(?!\d|[-./]\d))"
)
# Twelve or ten digits with blanks anywhere between them.
_SPACED = re.compile(r"(?<!\d)(?<!\d )(?:\d ?){6}(?:\d ?\d ?)?[-+]?(?: ?\d){4}(?! ?\d)")


def find_identity_number(text: str) -> int | None:
    """Where in `text` a number stands that could be a person's, counted in lines from 1; None if there is none.

    What counts: ten or twelve digits that begin with a day and end with the right check digit.
    """
    plain = text.translate({ord(character): _plain(character) for character in set(text)})
    for match in _IDENTITY_NUMBER.finditer(plain):
        if _check_digit_fits(match["year"] + match["month"] + match["day"] + match["serial"]):
            return plain.count("\n", 0, match.start()) + 1
    for match in _SPACED.finditer(plain):
        digits = re.sub(r"\D", "", match.group())
        begins = _IDENTITY_NUMBER.match(digits)
        if begins is not None and _check_digit_fits(digits[-10:]):
            return plain.count("\n", 0, match.start()) + 1
    return None


def refuse_identity_number(text: str, *, what: str) -> None:
    """Return if `text` may be stored.

    Args:
        text: what somebody wrote.
        what: what it is, for the refusal: "the reason".

    Raises:
        InputRefused: it holds what looks like an identity number, or a null character.
    """
    if find_identity_number(text) is not None:
        raise InputRefused(f"{what} holds what looks like a personal identity number.", mend="Take it out.")
    if "\x00" in text:
        raise InputRefused(f"{what} holds a null character.", mend="Write plain text.")


def _plain(character: str) -> str:
    """Digits of every script as 0-9, dashes of every kind as -, blanks as a blank, and what nobody sees left out."""
    if character == "\n" or " " < character < "\x7f":
        return character
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Pd" or character in "\u2212\u00b7\u2022":
        return "-"
    if category == "Cf":
        return ""
    return " " if category == "Zs" or character == "\t" else character


def _check_digit_fits(ten: str) -> bool:
    digits = [int(digit) for digit in ten]
    return (sum(digits[1::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[0::2])) % 10 == 0
