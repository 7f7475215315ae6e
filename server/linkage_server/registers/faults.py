"""What can be wrong with a row or a delivery, in words that name no value."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Rules a row can break; the value is the name that reports and quarantine files use."""

    DAMAGED_ROW = "damaged_row"
    NO_PERSON = "no_person"
    WRONG_NUMBER = "wrong_identity_number"
    RESERVE_NUMBER = "reserve_number"
    INTERIM_NUMBER = "interim_number"
    ORGANISATION_NUMBER = "organisation_number"
    MISSING_VALUE = "missing_value"
    NOT_A_NUMBER = "not_a_number"
    NOT_WHOLE = "not_a_whole_number"
    NOT_EXACT = "too_many_decimals"
    TOO_LARGE = "number_too_large"
    OUT_OF_RANGE = "out_of_range"
    NOT_A_DATE = "not_a_date"
    NO_SUCH_DATE = "no_such_date"
    TOO_EARLY = "date_too_early"
    IN_THE_FUTURE = "date_in_the_future"
    NOT_A_TRUTH_VALUE = "not_true_or_false"
    BAD_CODE = "bad_code"
    TOO_MANY_VALUES = "too_many_values"
    NOT_READABLE = "not_readable"
    HOLDS_IDENTITY = "holds_identity_number"

    @property
    def mend(self) -> str:
        """What whoever makes the delivery can do about it."""
        return _MENDS[self]


_MENDS = {
    Fault.DAMAGED_ROW: "Give the row as many fields as the header; quote text that holds the delimiter.",
    Fault.NO_PERSON: "Fill in the person's number.",
    Fault.WRONG_NUMBER: "Correct the number at the source: its form, date or check digit is wrong.",
    Fault.RESERVE_NUMBER: "Nobody can link a reserve number; give the personal identity number where there is one.",
    Fault.INTERIM_NUMBER: "Nobody can link an interim number; give the personal identity number where there is one.",
    Fault.ORGANISATION_NUMBER: "The number belongs to an organisation; give the person's.",
    Fault.MISSING_VALUE: "Fill in the value; the register's definition says that every row has one.",
    Fault.NOT_A_NUMBER: "Write digits with at most one decimal sign.",
    Fault.NOT_WHOLE: "Write a whole number.",
    Fault.NOT_EXACT: "Write no more decimals than the definition keeps, or let the definition round.",
    Fault.TOO_LARGE: "Write the number as text, or correct it: it is larger than the column or the format can hold.",
    Fault.OUT_OF_RANGE: "Correct the value, or the range in the definition.",
    Fault.NOT_A_DATE: "Write the date as YYYY-MM-DD or YYYYMMDD.",
    Fault.NO_SUCH_DATE: "Correct the date: the calendar has no such day.",
    Fault.TOO_EARLY: "Correct the date, or the first day in the definition.",
    Fault.IN_THE_FUTURE: "Correct the date: it lies after the day of loading.",
    Fault.NOT_A_TRUTH_VALUE: "Write 0 or 1.",
    Fault.BAD_CODE: "Write the code as its code system does.",
    Fault.TOO_MANY_VALUES: "Give no more values than the definition allows.",
    Fault.NOT_READABLE: "Give the column as text, a number or a date.",
    Fault.HOLDS_IDENTITY: "Remove the identity number: only the person column may hold one.",
}
