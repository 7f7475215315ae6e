"""Parses identity numbers from bytes, every written form, without a Python object per number.

The rules and their reasons stand in linkage/personal_identity_number.py and docs/decisions/identity-numbers.md; the
codes written to `kinds` and `problems` are those of its NumberKind and NumberProblem.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memcpy, memset

from linkage_core.kernels.arrow_loan cimport (
    BinaryLoan, FixedBinaryLoan, Int64Loan, bytes_at, fixed_bytes_at, is_valid, value_at,
)

cdef enum:
    PERSONNUMMER = 0
    COORDINATION = 1
    RESERVE = 2
    INTERIM = 3
    ORGANISATION = 4
    INVALID = 5

cdef enum:
    OK = 0
    EMPTY = 1
    WRONG_LENGTH = 2
    WRONG_CHARACTER = 3
    NO_SUCH_DATE = 4
    CHECK_DIGIT = 5
    ORGANISATION_NUMBER = 6
    BORN_AFTER_REFERENCE = 7
    NO_SUCH_BIRTH_NUMBER = 8

ctypedef struct ReferenceDate:
    int32_t year
    int32_t ordinal  # yyyymmdd

# The twelve characters of one number, as read from a written form.
ctypedef struct WrittenNumber:
    uint8_t characters[12]
    uint8_t sign  # '-', '+' or 0
    bint short_form

ctypedef struct ParsedNumber:
    uint8_t kind
    uint8_t problem
    uint8_t sex
    int32_t birth_day  # days since 1970-01-01


cdef inline bint is_digit(uint8_t character) noexcept nogil:
    return 48 <= character <= 57


cdef inline bint is_letter(uint8_t character) noexcept nogil:
    return 65 <= (character & 0xDF) <= 90 and character >= 65


cdef inline bint is_sign(uint8_t character) noexcept nogil:
    return character == 43 or character == 45


cdef inline int32_t two(const uint8_t* characters) noexcept nogil:
    return (characters[0] - 48) * 10 + (characters[1] - 48)


cdef inline int32_t days_in_month(int32_t year, int32_t month) noexcept nogil:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


cdef inline bint date_exists(int32_t year, int32_t month, int32_t day) noexcept nogil:
    return 1800 <= year <= 2099 and 1 <= month <= 12 and 1 <= day and day <= days_in_month(year, month)


# Luhn sum modulo ten; an even number of digits, the last one being the check digit.
cdef inline bint luhn_fits(const uint8_t* characters, int32_t count) noexcept nogil:
    cdef int32_t total = 0, place, doubled
    for place in range(0, count, 2):
        doubled = (characters[place] - 48) * 2
        total += doubled - 9 * (doubled > 9) + (characters[place + 1] - 48)
    return total % 10 == 0


# First day on which someone with this number can have been born, as yyyymmdd.
cdef inline int32_t first_birth(int32_t year, int32_t month, int32_t day) noexcept nogil:
    if day >= 60:
        day -= 60
    return (year * 100 + (month if month > 1 else 1)) * 100 + (day if day > 1 else 1)


# Days since 1970-01-01 of a date of the Gregorian calendar (Hinnant, days_from_civil).
cdef inline int32_t days_since_1970(int32_t year, int32_t month, int32_t day) noexcept nogil:
    cdef int32_t era, year_of_era, day_of_year
    if month <= 2:
        year -= 1
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719468


cdef inline int32_t resolve_year(const WrittenNumber* number, const ReferenceDate* reference) noexcept nogil:
    cdef int32_t in_century = two(number.characters + 2)
    cdef int32_t latest = reference.year, year
    if not number.short_form:
        return two(number.characters) * 100 + in_century
    if number.sign == 43:
        latest -= 100
    year = latest - (latest - in_century + 1000) % 100
    if number.sign == 0 and first_birth(
        year, two(number.characters + 4), two(number.characters + 6)
    ) > reference.ordinal:
        year -= 100
    return year


# 99yyyyNNNNNC; the check digit covers places 5 to 11.
cdef inline bint is_stockholm_reserve(const WrittenNumber* number) noexcept nogil:
    cdef int32_t year
    if number.short_form or number.characters[0] != 57 or number.characters[1] != 57:
        return False
    year = two(number.characters + 2) * 100 + two(number.characters + 4)
    return 1980 <= year <= 2299 and luhn_fits(number.characters + 4, 8)


cdef void judge_digits(WrittenNumber* number, const ReferenceDate* reference, ParsedNumber* parsed) noexcept nogil:
    cdef uint8_t* characters = number.characters
    cdef int32_t month = two(characters + 4), day = two(characters + 6)
    cdef int32_t year = resolve_year(number, reference)
    cdef bint year_known = 1800 <= year <= 2099
    cdef bint check_fits = luhn_fits(characters + 2, 10)
    cdef bint coordination = year_known and month <= 12 and 60 <= day <= 91
    if is_stockholm_reserve(number) or (check_fits and year_known and 1 <= month <= 12 and 32 <= day <= 59):
        parsed.kind, parsed.problem = RESERVE, OK
    elif check_fits and month >= 20 and (number.short_form or two(characters) == 16):
        parsed.kind, parsed.problem = ORGANISATION, ORGANISATION_NUMBER
    elif not coordination and not date_exists(year, month, day):
        parsed.problem = NO_SUCH_DATE
    elif characters[8] == 48 and characters[9] == 48 and characters[10] == 48:
        parsed.problem = NO_SUCH_BIRTH_NUMBER
    elif not check_fits:
        parsed.problem = CHECK_DIGIT
    elif first_birth(year, month, day) > reference.ordinal:
        parsed.problem = BORN_AFTER_REFERENCE
    else:
        parsed.kind, parsed.problem = COORDINATION if coordination else PERSONNUMMER, OK
        characters[0] = 48 + year // 1000
        characters[1] = 48 + year // 100 % 10
        if day >= 60:
            day -= 60
        month = month if month > 1 else 1
        day = min(day if day > 1 else 1, days_in_month(year, month))
        parsed.birth_day = days_since_1970(year, month, day)
        parsed.sex = 1 if characters[10] & 1 else 2


# Interim "T" numbers have one of eleven letters in the first of the last four places, counted as 1 in the check digit.
cdef bint is_interim(WrittenNumber number, const ReferenceDate* reference) noexcept nogil:
    cdef uint8_t letter = number.characters[8] & 0xDF
    if not (
        letter == 84 or letter == 82 or letter == 83 or letter == 85 or letter == 87 or letter == 88 or letter == 74
        or letter == 75 or letter == 76 or letter == 77 or letter == 78
    ) or not is_letter(number.characters[8]):
        return False
    if not (is_digit(number.characters[9]) and is_digit(number.characters[10]) and is_digit(number.characters[11])):
        return False
    number.characters[8] = 49
    return date_exists(
        resolve_year(&number, reference), two(number.characters + 4), two(number.characters + 6)
    ) and luhn_fits(number.characters + 2, 10)


cdef void judge(WrittenNumber* number, const ReferenceDate* reference, ParsedNumber* parsed) noexcept nogil:
    cdef int32_t place
    cdef bint lettered = False, told_apart = False
    cdef uint8_t character
    parsed.problem = WRONG_CHARACTER
    for place in range(8):
        if not is_digit(number.characters[place]):
            return
    for place in range(8, 12):
        character = number.characters[place]
        if is_digit(character):
            continue
        if not is_letter(character):
            return
        lettered = True
        if (character & 0xDF) != 73 and (character & 0xDF) != 79:  # I and O are most often 1 and 0, mistyped.
            told_apart = True
    if not lettered:
        judge_digits(number, reference, parsed)
    elif told_apart:
        parsed.kind = INTERIM if is_interim(number[0], reference) else RESERVE
        parsed.problem = OK


# Whether the sign's place holds a digit or letter and so do all others: then the length is wrong, not a character.
cdef bint has_no_sign_at_all(const WrittenNumber* number, uint8_t at_sign) noexcept nogil:
    cdef int32_t place
    if not (is_digit(at_sign) or is_letter(at_sign)):
        return False
    for place in range(12):
        if not (is_digit(number.characters[place]) or is_letter(number.characters[place])):
            return False
    return True


cdef void parse_text(
    const uint8_t* text, int64_t size, const ReferenceDate* reference, WrittenNumber* number, ParsedNumber* parsed
) noexcept nogil:
    cdef uint8_t compact[13]
    cdef int64_t at = 0, count = 0
    cdef int32_t date_size
    while at < size:
        if text[at] == 0x20 or text[at] == 0x09:
            at += 1
        elif text[at] == 0xC2 and at + 1 < size and text[at + 1] == 0xA0:  # U+00A0
            at += 2
        else:
            if count < 13:
                compact[count] = text[at]
            count += 1
            at += 1
    if count == 0:
        parsed.problem = EMPTY
        return
    if count < 10 or count > 13:
        parsed.problem = WRONG_LENGTH
        return
    number.short_form = count < 12
    date_size = 6 if number.short_form else 8
    number.sign = 0
    number.characters[0] = number.characters[1] = 48
    memcpy(number.characters + 8 - date_size, compact, date_size)
    memcpy(number.characters + 8, compact + count - 4, 4)
    if count & 1:
        if not is_sign(compact[date_size]):
            parsed.problem = WRONG_LENGTH if has_no_sign_at_all(number, compact[date_size]) else WRONG_CHARACTER
            return
        number.sign = compact[date_size]
    judge(number, reference, parsed)


cdef void parse_integer(
    int64_t value, const ReferenceDate* reference, WrittenNumber* number, ParsedNumber* parsed
) noexcept nogil:
    cdef int32_t place
    if value < 0:
        parsed.problem = WRONG_CHARACTER
        return
    if 10_000_000_000LL <= value < 100_000_000_000LL or value >= 1_000_000_000_000LL:
        parsed.problem = WRONG_LENGTH
        return
    number.short_form = value < 10_000_000_000LL
    number.sign = 0
    for place in range(11, -1, -1):
        number.characters[place] = 48 + value % 10
        value //= 10
    judge_digits(number, reference, parsed)


# Where the results of row 0 go; every column has as many rows as the numbers.
ctypedef struct ParsedColumns:
    uint8_t* kinds
    uint8_t* problems
    uint8_t* canonical
    int32_t* birth_days
    uint8_t* sexes


cdef inline ParsedNumber nothing_parsed() noexcept nogil:
    cdef ParsedNumber parsed
    parsed.kind, parsed.problem, parsed.sex, parsed.birth_day = INVALID, EMPTY, 0, 0
    return parsed


cdef inline void write_row(
    const ParsedColumns* columns, int64_t row, const WrittenNumber* number, const ParsedNumber* parsed
) noexcept nogil:
    columns.kinds[row] = parsed.kind
    columns.problems[row] = parsed.problem
    columns.birth_days[row] = parsed.birth_day
    columns.sexes[row] = parsed.sex
    if parsed.kind <= COORDINATION:
        memcpy(columns.canonical + row * 12, number.characters, 12)
    else:
        memset(columns.canonical + row * 12, 0, 12)


cdef ParsedColumns lend_columns(
    int64_t rows, uint8_t[::1] kinds, uint8_t[::1] problems, uint8_t[:, ::1] canonical, int32_t[::1] birth_days,
    uint8_t[::1] sexes,
) except *:
    cdef ParsedColumns columns
    memset(&columns, 0, sizeof(ParsedColumns))
    if canonical.shape[1] != 12:
        raise ValueError("canonical numbers have twelve digits")
    if not (
        kinds.shape[0] == problems.shape[0] == canonical.shape[0] == birth_days.shape[0] == sexes.shape[0] == rows
    ):
        raise ValueError("every output column must have as many rows as the numbers")
    if rows:
        columns.kinds, columns.problems, columns.sexes = &kinds[0], &problems[0], &sexes[0]
        columns.canonical, columns.birth_days = &canonical[0, 0], &birth_days[0]
    return columns


cdef ReferenceDate reference_of(reference_date) except *:
    cdef ReferenceDate reference
    reference.year = reference_date.year
    reference.ordinal = (reference_date.year * 100 + reference_date.month) * 100 + reference_date.day
    return reference


def parse_text_numbers(numbers, *, reference_date, kinds, problems, canonical, birth_days, sexes):
    """Parse a binary, string, large_binary or large_string column."""
    cdef BinaryLoan loan = BinaryLoan(numbers)
    cdef ReferenceDate reference = reference_of(reference_date)
    cdef ParsedColumns columns = lend_columns(loan.column.length, kinds, problems, canonical, birth_days, sexes)
    cdef WrittenNumber number
    cdef ParsedNumber parsed
    cdef const uint8_t* text
    cdef int64_t row, size = 0
    with nogil:
        for row in range(loan.column.length):
            parsed = nothing_parsed()
            if is_valid(&loan.column, row):
                text = bytes_at(&loan.column, row, &size)
                parse_text(text, size, &reference, &number, &parsed)
            write_row(&columns, row, &number, &parsed)


def parse_fixed_numbers(numbers, *, reference_date, kinds, problems, canonical, birth_days, sexes):
    """Parse a fixed_size_binary column."""
    cdef FixedBinaryLoan loan = FixedBinaryLoan(numbers)
    cdef ReferenceDate reference = reference_of(reference_date)
    cdef ParsedColumns columns = lend_columns(loan.column.length, kinds, problems, canonical, birth_days, sexes)
    cdef WrittenNumber number
    cdef ParsedNumber parsed
    cdef int64_t row
    with nogil:
        for row in range(loan.column.length):
            parsed = nothing_parsed()
            if is_valid(&loan.column, row):
                parse_text(fixed_bytes_at(&loan.column, row), loan.column.width, &reference, &number, &parsed)
            write_row(&columns, row, &number, &parsed)


def parse_integer_numbers(numbers, *, reference_date, kinds, problems, canonical, birth_days, sexes):
    """Parse an int64 column, whose leading zeros are lost."""
    cdef Int64Loan loan = Int64Loan(numbers)
    cdef ReferenceDate reference = reference_of(reference_date)
    cdef ParsedColumns columns = lend_columns(loan.column.length, kinds, problems, canonical, birth_days, sexes)
    cdef WrittenNumber number
    cdef ParsedNumber parsed
    cdef int64_t row
    with nogil:
        for row in range(loan.column.length):
            parsed = nothing_parsed()
            if is_valid(&loan.column, row):
                parse_integer(value_at(&loan.column, row), &reference, &number, &parsed)
            write_row(&columns, row, &number, &parsed)
