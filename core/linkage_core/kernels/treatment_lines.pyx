# cython: freethreading_compatible = True
"""Treatment lines: what each person is treated with, alone or combined, one after the other, in one sweep over supply.

A group is at hand on days on which any drug of it is; stretches of such days with short gaps between them are its eras.
Eras that overlap are taken apart, the first two at a time: one leads over into the other, or both are combined. What is
left lies side by side and is filtered. The twin is tests/reference/treatment_lines.py.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_NEGATIVE_VALUE,
    KERNEL_OUT_OF_ORDER,
    KERNEL_OUTPUT_FULL,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)
from linkage_core.kernels.supply_sweep cimport (
    linkage_change,
    linkage_held,
    linkage_next_change,
    linkage_supplied,
    linkage_sweep,
    linkage_sweep_from,
)

cdef enum:
    MOST_GROUPS = 16

cdef enum:
    ALL_LINES = 0
    CHANGES_ONLY = 1
    FIRST_ONLY = 2

# A stretch [start, end) with the groups of the bits in `treatment`.
ctypedef struct Piece:
    int32_t start
    int32_t end
    int32_t treatment

ctypedef struct Rule:
    int32_t collapse_gap
    int32_t least_era
    int32_t combination
    int32_t least_piece
    int which
    int32_t most_lines

# Eras and pieces of one person that are still in question lie in [first, last) by start, end and treatment.
ctypedef struct Workspace:
    linkage_held* held
    Piece* eras
    Piece* lines
    int64_t first
    int64_t last
    int64_t done

ctypedef struct Answers:
    int64_t persons
    int32_t* lines
    int32_t* treatment
    int32_t* start
    int32_t* end


cdef class Scratch:
    """Room for the drugs and eras of the person with most rows."""
    cdef Workspace parts

    def __cinit__(self, int64_t rows):
        # A row begins at most one era of each group, and every two eras that overlap leave at most one piece behind.
        self.parts.held = <linkage_held*>malloc((rows + 1) * sizeof(linkage_held))
        self.parts.eras = <Piece*>malloc((rows * MOST_GROUPS + 2) * sizeof(Piece))
        self.parts.lines = <Piece*>malloc((2 * rows * MOST_GROUPS + 2) * sizeof(Piece))
        if self.parts.held == NULL or self.parts.eras == NULL or self.parts.lines == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.parts.held)
        free(self.parts.eras)
        free(self.parts.lines)


cdef inline bint comes_before(const Piece* one, const Piece* other) noexcept nogil:
    if one.start != other.start:
        return one.start < other.start
    if one.end != other.end:
        return one.end < other.end
    return one.treatment < other.treatment


# Puts an era behind those that begin before it.
cdef inline void add(Workspace* scratch, Piece piece) noexcept nogil:
    cdef int64_t place = scratch.last
    while place > scratch.first and comes_before(&piece, &scratch.eras[place - 1]):
        scratch.eras[place] = scratch.eras[place - 1]
        place -= 1
    scratch.eras[place] = piece
    scratch.last += 1


# Puts a piece back in place of one that was taken from the front, if it is long enough.
cdef inline void put_back(
    Workspace* scratch, int32_t start, int32_t end, int32_t treatment, int32_t least
) noexcept nogil:
    cdef int64_t place
    cdef Piece piece
    if end <= start or end - start < least:
        return
    piece.start, piece.end, piece.treatment = start, end, treatment
    scratch.first -= 1
    place = scratch.first
    while place + 1 < scratch.last and comes_before(&scratch.eras[place + 1], &piece):
        scratch.eras[place] = scratch.eras[place + 1]
        place += 1
    scratch.eras[place] = piece


# Eras of all groups, by start; a group whose supply ends and begins again within the gap goes on.
cdef void find_eras(
    linkage_sweep* sweep, const int32_t* groups_of_drug, int32_t start, int32_t end, const Rule* rule, Workspace* scratch
) noexcept nogil:
    cdef int32_t drugs[MOST_GROUPS]
    cdef int64_t era[MOST_GROUPS]
    cdef linkage_change change
    cdef int group
    cdef int32_t day
    cdef int64_t place, eras = 0
    for group in range(MOST_GROUPS):
        drugs[group] = 0
        era[group] = -1
    while linkage_next_change(sweep, &change):
        if change.day >= end:
            break
        day = max(change.day, start)
        for group in range(MOST_GROUPS):
            if not (groups_of_drug[change.drug] >> group) & 1:
                continue
            drugs[group] += 1 if change.begins else -1
            if change.begins and drugs[group] == 1:
                if era[group] < 0 or day - scratch.lines[era[group]].end > rule.collapse_gap:
                    era[group] = eras
                    scratch.lines[eras].start, scratch.lines[eras].treatment = day, 1 << group
                    eras += 1
                scratch.lines[era[group]].end = end
            elif not change.begins and drugs[group] == 0:
                scratch.lines[era[group]].end = day
                if day == scratch.lines[era[group]].start:
                    # Used up before the observation: nothing can go on from it.
                    era[group] = -1
    scratch.first = scratch.last = scratch.done = 0
    for place in range(eras):
        if scratch.lines[place].end - scratch.lines[place].start >= max(rule.least_era, 1):
            add(scratch, scratch.lines[place])


# Takes overlapping eras apart until all lie side by side.
cdef void take_apart(const Rule* rule, Workspace* scratch) noexcept nogil:
    cdef Piece one, other
    cdef int32_t together, reached
    while scratch.first < scratch.last:
        one = scratch.eras[scratch.first]
        scratch.first += 1
        if scratch.first == scratch.last or scratch.eras[scratch.first].start >= one.end:
            scratch.lines[scratch.done] = one
            scratch.done += 1
            continue
        other = scratch.eras[scratch.first]
        scratch.first += 1
        together = min(one.end, other.end)
        if other.start - one.start >= max(rule.least_piece, 1):
            scratch.lines[scratch.done].start, scratch.lines[scratch.done].end = one.start, other.start
            scratch.lines[scratch.done].treatment = one.treatment
            scratch.done += 1
        # One era inside the other is combined with it however short it is.
        if together - other.start < rule.combination and together < other.end and one.start < other.start:
            put_back(scratch, other.start, other.end, other.treatment, 0)
            continue
        reached = max(one.end, other.end)
        put_back(scratch, other.start, together, one.treatment | other.treatment, rule.least_piece)
        put_back(
            scratch, together, reached, one.treatment if one.end == reached else other.treatment, rule.least_piece
        )


cdef inline bint is_wanted(const Workspace* scratch, int64_t line, int64_t lines, const Rule* rule) noexcept nogil:
    cdef int64_t before
    if rule.which != FIRST_ONLY:
        return True
    for before in range(lines):
        if scratch.lines[before].treatment == scratch.lines[line].treatment:
            return False
    return True


# Lines that are left after the filter, in their order; of changes, what goes on as the same treatment is one line.
cdef int64_t filtered(const Rule* rule, Workspace* scratch) noexcept nogil:
    cdef int64_t line, lines = 0
    for line in range(scratch.done):
        if (
            rule.which == CHANGES_ONLY
            and lines
            and scratch.lines[lines - 1].treatment == scratch.lines[line].treatment
        ):
            scratch.lines[lines - 1].end = scratch.lines[line].end
        elif is_wanted(scratch, line, lines, rule):
            scratch.lines[lines] = scratch.lines[line]
            lines += 1
    return lines


cdef KernelResult lines_of_all(
    const int64_t* offsets,
    const linkage_supplied* rows,
    const int32_t* groups_of_drug,
    const int32_t* start,
    const int32_t* end,
    int64_t longest,
    int32_t lookback_days,
    const Rule* rule,
    Workspace* scratch,
    Answers* answers,
) noexcept nogil:
    cdef int64_t person, row, line, cell
    cdef linkage_sweep sweep
    for person in range(answers.persons):
        answers.lines[person] = 0
        if offsets[person] == offsets[person + 1] or end[person] <= start[person]:
            continue
        if offsets[person + 1] - offsets[person] > longest:
            return kernel_failed(KERNEL_OUTPUT_FULL, offsets[person])
        for row in range(offsets[person], offsets[person + 1]):
            if row > offsets[person] and rows.day[row] < rows.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
            if rows.supply_64ths[row] < 0:
                return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
        sweep = linkage_sweep_from(
            rows, offsets[person], offsets[person + 1], start[person] - lookback_days, end[person], scratch.held
        )
        find_eras(&sweep, groups_of_drug, start[person], end[person], rule, scratch)
        take_apart(rule, scratch)
        answers.lines[person] = <int32_t>min(filtered(rule, scratch), <int64_t>rule.most_lines)
        for line in range(answers.lines[person]):
            cell = line * answers.persons + person
            answers.treatment[cell] = scratch.lines[line].treatment
            answers.start[cell], answers.end[cell] = scratch.lines[line].start, scratch.lines[line].end
    return kernel_ok()


def treatment_lines(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] supply_64ths,
    const int32_t[::1] groups_of_drug,
    const int32_t[::1] start,
    const int32_t[::1] end,
    int32_t[::1] lines,
    int32_t[:, ::1] treatment,
    int32_t[:, ::1] line_start,
    int32_t[:, ::1] line_end,
    *,
    int64_t longest,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint carry_over,
    int32_t collapse_gap_days,
    int32_t least_era_days,
    int32_t combination_days,
    int32_t least_piece_days,
    int which,
):
    cdef int64_t persons = start.shape[0], rows = day.shape[0]
    cdef linkage_supplied supplied
    cdef Rule rule
    cdef Answers answers
    cdef Scratch scratch
    cdef KernelResult result
    if not (
        offsets.shape[0] == persons + 1
        and rows == drug.shape[0] == supply_64ths.shape[0] == offsets[persons]
        and persons == end.shape[0] == lines.shape[0]
        and persons == treatment.shape[1] == line_start.shape[1] == line_end.shape[1]
        and 1 <= treatment.shape[0] == line_start.shape[0] == line_end.shape[0]
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    lines[...] = 0
    if persons == 0 or rows == 0:
        return
    supplied.day, supplied.drug, supplied.supply_64ths = &day[0], &drug[0], &supply_64ths[0]
    supplied.stock_cap_64ths, supplied.carry_over = stock_cap_64ths, carry_over
    rule.collapse_gap, rule.least_era = collapse_gap_days, least_era_days
    rule.combination, rule.least_piece = combination_days, least_piece_days
    rule.which, rule.most_lines = which, <int32_t>treatment.shape[0]
    answers.persons, answers.lines, answers.treatment = persons, &lines[0], &treatment[0, 0]
    answers.start, answers.end = &line_start[0, 0], &line_end[0, 0]
    scratch = Scratch(longest)
    with nogil:
        result = lines_of_all(
            &offsets[0], &supplied, &groups_of_drug[0], &start[0], &end[0], longest, lookback_days, &rule,
            &scratch.parts, &answers,
        )
    raise_if_failed(result, "days_of_supply")
