# cython: freethreading_compatible = True
"""Whether a person has a row of some code sets in a span of days around her index day: many such questions at once.

What a row answers depends on three things: which code sets hold its code (its class), between which bounds of spans its
day lies, and which code sets apply on that date. A table of these gives the bits of all questions that it answers, in one
word of 64 questions or in two that lie side by side.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed

cdef extern from "any_row.h":
    enum:
        ROWS_A_LOOK

    void tell_counting(
        const int32_t* left, const int32_t* day, const int32_t* code, int64_t rows, int32_t none, const int32_t* wanted,
        uint8_t* counts
    ) noexcept nogil
    void tell_any(
        const int32_t* with_rows, int64_t persons_with_rows, const int64_t* offsets, const uint8_t* counts,
        uint8_t* answers
    ) noexcept nogil

cdef enum:
    MOST_CUTS = 2
    MOST_WORDS = 2
    QUESTIONS_A_WORD = 64
    # Persons whose answers are kept in bytes of eight questions before they are written out question by question.
    TOGETHER = 1024

ALL_OF_A_WORD = (1 << 64) - 1

ctypedef struct Rows:
    const int64_t* offsets
    const int32_t* day
    const int32_t* code
    const int32_t* left
    int32_t none

# Answers are by calendar part, class, part of the days around the index day and word.
ctypedef struct Questions:
    const int32_t* class_of_code
    const int32_t* calendar
    int64_t calendar_bounds
    const uint8_t* part_of_day
    int64_t days
    int32_t first_day
    const uint64_t* answers
    int64_t classes
    int64_t parts
    uint64_t all_of_them[MOST_WORDS]
    const int32_t* index

# Rows from a day on, one a person or (step 0) the same for all, answer fewer questions.
ctypedef struct Cut:
    const int32_t* day
    int64_t step
    uint64_t still_answered[MOST_WORDS]


# `words` is known where it is called, so that one word takes the steps of one word alone.
cdef inline void answered(
    const Rows* rows,
    const Questions* asked,
    const Cut* cuts,
    int64_t number_of_cuts,
    int64_t person,
    int words,
    uint64_t* found,
) noexcept nogil:
    cdef int64_t row, place, since, bound
    cdef int64_t first_day = <int64_t>asked.index[person] + asked.first_day
    cdef int32_t day
    cdef uint64_t counts, first = 0, second = 0
    cdef uint64_t bits[MOST_WORDS]
    cdef const uint64_t* answers
    bits[1] = 0
    for row in range(rows.offsets[person], rows.offsets[person + 1]):
        day = rows.day[row]
        place = asked.class_of_code[rows.code[row] + 1 if rows.code != NULL else 0]
        for bound in range(asked.calendar_bounds):
            if day >= asked.calendar[bound]:
                place += asked.classes
        since = min(max(day - first_day, 0), asked.days - 1)
        answers = asked.answers + (place * asked.parts + asked.part_of_day[since]) * words
        bits[0] = answers[0]
        if words > 1:
            bits[1] = answers[1]
        for bound in range(number_of_cuts):
            if day >= cuts[bound].day[person * cuts[bound].step]:
                bits[0] &= cuts[bound].still_answered[0]
                if words > 1:
                    bits[1] &= cuts[bound].still_answered[1]
        # A row that does not count answers nothing; which row that is, a processor guesses in vain.
        counts = -<uint64_t>((rows.left[row] > 0) & (day < rows.none))
        first |= bits[0] & counts
        if words > 1:
            second |= bits[1] & counts
        if first == asked.all_of_them[0] and (words == 1 or second == asked.all_of_them[1]):
            break
    found[0] = first
    if words > 1:
        found[1] = second


cdef inline void write_answers(uint8_t* dispensed, const uint8_t* eight, int64_t persons, int bit) noexcept nogil:
    cdef int64_t person
    for person in range(persons):
        dispensed[person] = (eight[person] >> bit) & 1


cdef void answer_all(
    const int32_t* with_rows,
    int64_t persons_with_rows,
    const Rows* rows,
    const Questions* asked,
    const Cut* cuts,
    int64_t number_of_cuts,
    int64_t questions,
    int64_t persons,
    uint8_t* dispensed,
) noexcept nogil:
    cdef uint8_t eights[8 * MOST_WORDS * TOGETHER]
    cdef int64_t block, first, size, person, question, eight, place = 0
    cdef int64_t bytes_a_person = (questions + 7) // 8
    cdef uint64_t found[MOST_WORDS]
    for block in range((persons + TOGETHER - 1) // TOGETHER):
        first = block * TOGETHER
        size = min(persons - first, <int64_t>TOGETHER)
        memset(eights, 0, bytes_a_person * TOGETHER)
        while place < persons_with_rows and with_rows[place] < first + size:
            person = with_rows[place] - first
            assert 0 <= person < size
            if questions <= QUESTIONS_A_WORD:
                answered(rows, asked, cuts, number_of_cuts, first + person, 1, found)
            else:
                answered(rows, asked, cuts, number_of_cuts, first + person, 2, found)
            for eight in range(bytes_a_person):
                eights[eight * TOGETHER + person] = <uint8_t>(found[eight >> 3] >> (8 * (eight & 7)))
            place += 1
        for question in range(questions):
            write_answers(
                dispensed + question * persons + first, eights + (question >> 3) * TOGETHER, size, <int>(question & 7)
            )


def dispensed_in_spans(
    const int32_t[::1] with_rows,
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const int32_t[::1] left,
    const int32_t[::1] index,
    const int32_t[::1] class_of_code,
    const int32_t[::1] calendar,
    const uint8_t[::1] part_of_day,
    const uint64_t[:, :, :, ::1] answers,
    cuts,
    uint8_t[:, ::1] dispensed,
    *,
    int32_t first_day,
    int32_t none,
):
    cdef int64_t persons = offsets.shape[0] - 1, number_of_cuts = len(cuts), cut, place, word, words = answers.shape[3]
    cdef const int32_t[::1] cut_day
    cdef const uint64_t* every
    cdef Cut cut_at[MOST_CUTS]
    cdef Rows rows
    cdef Questions asked
    cdef int32_t[::1] wanted
    cdef uint8_t[::1] counts
    if not (
        day.shape[0] == left.shape[0] == offsets[persons]
        and (code is None or code.shape[0] == day.shape[0])
        and index.shape[0] == dispensed.shape[1] == persons
        and words == max((dispensed.shape[0] + QUESTIONS_A_WORD - 1) // QUESTIONS_A_WORD, 1)
        and words <= MOST_WORDS
        and answers.shape[0] == calendar.shape[0] + 1
        and part_of_day.shape[0] >= 1
        and number_of_cuts <= MOST_CUTS
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0 or dispensed.shape[0] == 0:
        return
    if dispensed.shape[0] == 1 and answers.shape[0] == answers.shape[2] == 1 and number_of_cuts == 0:
        # Whether there is any row, whenever: what most ask beside their own question.
        dispensed[:] = 0
        if day.shape[0]:
            of_class = np.asarray(answers[0, :, 0, 0]) & np.uint64(1)
            wanted = of_class[np.asarray(class_of_code)].astype(np.int32)
            counts = np.empty(day.shape[0] + ROWS_A_LOOK, np.uint8)
            with nogil:
                tell_counting(
                    &left[0], &day[0], &code[0] if code is not None else NULL, day.shape[0], none, &wanted[0], &counts[0]
                )
                tell_any(&with_rows[0] if with_rows.shape[0] else NULL, with_rows.shape[0], &offsets[0], &counts[0],
                         &dispensed[0, 0])
        return
    for cut in range(number_of_cuts):
        cut_day, bits = cuts[cut]
        if cut_day.shape[0] not in (1, persons):
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
        cut_at[cut].day, cut_at[cut].step = &cut_day[0], cut_day.shape[0] == persons
        for word in range(words):
            cut_at[cut].still_answered[word] = ~<uint64_t>(bits >> (QUESTIONS_A_WORD * word) & ALL_OF_A_WORD)
    rows.offsets, rows.none = &offsets[0], none
    rows.day = &day[0] if day.shape[0] else NULL
    rows.left = &left[0] if left.shape[0] else NULL
    rows.code = &code[0] if code is not None and day.shape[0] else NULL
    asked.index, asked.class_of_code, asked.part_of_day = &index[0], &class_of_code[0], &part_of_day[0]
    asked.days, asked.first_day = part_of_day.shape[0], first_day
    asked.calendar, asked.calendar_bounds = &calendar[0] if calendar.shape[0] else NULL, calendar.shape[0]
    every = &answers[0, 0, 0, 0]
    asked.answers, asked.classes, asked.parts = every, answers.shape[1], answers.shape[2]
    for word in range(words):
        asked.all_of_them[word] = 0
        for place in range(answers.shape[0] * answers.shape[1] * answers.shape[2]):
            asked.all_of_them[word] |= every[place * words + word]
    with nogil:
        answer_all(
            &with_rows[0] if with_rows.shape[0] else NULL, with_rows.shape[0],
            &rows, &asked, &cut_at[0], number_of_cuts, dispensed.shape[0], persons, &dispensed[0, 0],
        )
