# cython: freethreading_compatible = True
"""First day in a window of each person's own on which a row of a code set has something left."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

ctypedef struct Rows:
    const int32_t* day
    const int32_t* code
    const int32_t* left
    const uint8_t* is_member


cdef KernelResult find_all(
    const Rows* rows,
    const int64_t* offsets,
    int64_t persons,
    const int32_t* start,
    const int32_t* end,
    int32_t none,
    int32_t* first_day,
) noexcept nogil:
    cdef int64_t person, row
    for person in range(persons):
        first_day[person] = none
        for row in range(offsets[person], offsets[person + 1]):
            if (
                start[person] <= rows.day[row] < end[person]
                and rows.day[row] < first_day[person]
                and rows.left[row] > 0
                and rows.code[row] >= 0
                and rows.is_member[rows.code[row]]
            ):
                first_day[person] = rows.day[row]
    return kernel_ok()


def first_dispensing(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] left,
    const uint8_t[::1] is_member,
    const int32_t[::1] start,
    const int32_t[::1] end,
    int32_t[::1] first_day,
    *,
    int32_t none,
):
    cdef int64_t persons = start.shape[0]
    cdef KernelResult result
    cdef Rows rows
    if not (
        offsets.shape[0] == persons + 1
        and end.shape[0] == first_day.shape[0] == persons
        and day.shape[0] == code.shape[0] == left.shape[0] == offsets[persons]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    rows.day = &day[0] if day.shape[0] else NULL
    rows.code = &code[0] if code.shape[0] else NULL
    rows.left = &left[0] if left.shape[0] else NULL
    rows.is_member = &is_member[0] if is_member.shape[0] else NULL
    with nogil:
        result = find_all(&rows, &offsets[0], persons, &start[0], &end[0], none, &first_day[0])
    raise_if_failed(result, "dispensing_date")


cdef extern from *:
    """
    static inline int lowest_bit(unsigned long long bits) { return __builtin_ctzll(bits); }
    """
    int lowest_bit(uint64_t bits) noexcept nogil

# Code sets as bits, `words` words for each code; the questions of a code set lie side by side.
ctypedef struct Sets:
    int64_t words
    const uint64_t* of_code
    const uint64_t* of_every_row
    const int32_t* valid_from
    const int32_t* valid_until
    const int64_t* questions

# Window -1 is any day.
ctypedef struct Questions:
    int64_t questions
    int64_t persons
    const int32_t* window
    const int32_t* start
    const int32_t* end
    int32_t none
    int32_t* first_day


cdef inline void answer(
    const Sets* sets, const Questions* asked, int64_t code_set, int64_t person, int32_t day
) noexcept nogil:
    cdef int64_t question, cell
    if not sets.valid_from[code_set] <= day < sets.valid_until[code_set]:
        return
    for question in range(sets.questions[code_set], sets.questions[code_set + 1]):
        cell = asked.window[question] * asked.persons + person
        if asked.window[question] < 0 or asked.start[cell] <= day < asked.end[cell]:
            cell = question * asked.persons + person
            if day < asked.first_day[cell]:
                asked.first_day[cell] = day


cdef void answer_all(
    const Sets* sets,
    const Questions* asked,
    const int64_t* offsets,
    const int32_t* days,
    const int32_t* code,
    const int32_t* left,
) noexcept nogil:
    cdef int64_t person, row, word
    cdef uint64_t bits
    for row in range(asked.questions * asked.persons):
        asked.first_day[row] = asked.none
    for person in range(asked.persons):
        for row in range(offsets[person], offsets[person + 1]):
            if left[row] <= 0 or days[row] >= asked.none:
                continue
            for word in range(sets.words):
                bits = sets.of_every_row[word]
                if code[row] >= 0:
                    bits |= sets.of_code[code[row] * sets.words + word]
                while bits:
                    answer(sets, asked, word * 64 + lowest_bit(bits), person, days[row])
                    bits &= bits - 1


def first_dispensings(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] left,
    const uint64_t[:, ::1] sets_of_code,
    const uint64_t[::1] sets_of_every_row,
    const int32_t[::1] valid_from,
    const int32_t[::1] valid_until,
    const int64_t[::1] questions_of_set,
    const int32_t[::1] window_of_question,
    const int32_t[:, ::1] start,
    const int32_t[:, ::1] end,
    int32_t[:, ::1] first_day,
    *,
    int32_t none,
):
    cdef int64_t persons = offsets.shape[0] - 1
    cdef Sets sets
    cdef Questions asked
    if not (
        day.shape[0] == code.shape[0] == left.shape[0] == offsets[persons]
        and sets_of_code.shape[1] == sets_of_every_row.shape[0]
        and valid_from.shape[0] == valid_until.shape[0] == questions_of_set.shape[0] - 1 <= 64 * sets_of_code.shape[1]
        and window_of_question.shape[0] == first_day.shape[0] == questions_of_set[valid_from.shape[0]]
        and start.shape[0] == end.shape[0]
        and start.shape[1] == end.shape[1] == first_day.shape[1] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0 or first_day.shape[0] == 0:
        return
    sets.words, sets.of_every_row = sets_of_code.shape[1], &sets_of_every_row[0]
    sets.of_code = &sets_of_code[0, 0] if sets_of_code.shape[0] else NULL
    sets.valid_from, sets.valid_until, sets.questions = &valid_from[0], &valid_until[0], &questions_of_set[0]
    asked.questions, asked.persons, asked.none = first_day.shape[0], persons, none
    asked.window, asked.first_day = &window_of_question[0], &first_day[0, 0]
    asked.start = &start[0, 0] if start.shape[0] else NULL
    asked.end = &end[0, 0] if end.shape[0] else NULL
    with nogil:
        answer_all(
            &sets,
            &asked,
            &offsets[0],
            &day[0] if day.shape[0] else NULL,
            &code[0] if code.shape[0] else NULL,
            &left[0] if left.shape[0] else NULL,
        )
