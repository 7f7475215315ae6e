# cython: freethreading_compatible = True
"""Days on which drugs are at hand together, in one sweep over each person's supply.

A drug is counted by *counters*: how many drugs of a code set, of a group, of all. A *condition* asks up to three counters
for a least number each; its days are those on which all of them reach it. Where several conditions share a *slot*, the
slot has the most days of any. Pairs, duplicates, days covered and numbers of drugs are all such conditions.

The twin is tests/reference/concurrent_use.py.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

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
    NEEDS = 3

# Counters of each drug and conditions of each counter are lists; `need` and `least` hold NEEDS places a condition.
ctypedef struct Conditions:
    const int32_t* counter_at
    const int32_t* counter
    const int32_t* condition_at
    const int32_t* condition
    const int32_t* need
    const int32_t* least
    const int32_t* slot
    int64_t slots
    bint in_a_row

# What is known of one condition of the person: of the days before `since` those that count.
ctypedef struct State:
    int32_t since
    int32_t days
    bint met
    bint touched

ctypedef struct Workspace:
    linkage_held* held
    int32_t* count
    State* state
    int32_t* touched
    int32_t touched_conditions

# Ends of observation ascend; the persons of one end lie side by side, and so do the answers. `drug_days` may be NULL.
ctypedef struct Asked:
    int64_t persons
    int64_t ends
    const int32_t* start
    const int32_t* end
    int32_t* together
    int64_t* drug_days


cdef class Scratch:
    """Room for the drugs of the person with most rows, and for counters and conditions."""
    cdef Workspace parts

    def __cinit__(self, int64_t rows, int64_t counters, int64_t conditions):
        self.parts.held = <linkage_held*>malloc((rows + 1) * sizeof(linkage_held))
        self.parts.count = <int32_t*>calloc(counters + 1, sizeof(int32_t))
        self.parts.state = <State*>calloc(conditions + 1, sizeof(State))
        self.parts.touched = <int32_t*>malloc((conditions + 1) * sizeof(int32_t))
        self.parts.touched_conditions = 0
        if (
            self.parts.held == NULL
            or self.parts.count == NULL
            or self.parts.state == NULL
            or self.parts.touched == NULL
        ):
            raise MemoryError

    def __dealloc__(self):
        free(self.parts.held)
        free(self.parts.count)
        free(self.parts.state)
        free(self.parts.touched)


cdef inline bint is_met(const Conditions* conditions, const int32_t* count, int32_t which) noexcept nogil:
    cdef int place
    for place in range(which * NEEDS, which * NEEDS + NEEDS):
        if conditions.need[place] >= 0 and count[conditions.need[place]] < conditions.least[place]:
            return False
    return True


cdef inline int32_t days_until(const State* state, int32_t day, bint in_a_row) noexcept nogil:
    cdef int32_t last = day - state.since if state.met else 0
    return max(state.days, last) if in_a_row else state.days + last


# A drug begins or ceases on a day: first every counter, then the conditions that ask for one of them.
cdef inline void count_change(
    const Conditions* conditions, int32_t drug, int32_t day, int32_t step, Workspace* scratch
) noexcept nogil:
    cdef int32_t place, other, which
    cdef State* state
    cdef bint met
    for place in range(conditions.counter_at[drug], conditions.counter_at[drug + 1]):
        scratch.count[conditions.counter[place]] += step
    for place in range(conditions.counter_at[drug], conditions.counter_at[drug + 1]):
        for other in range(
            conditions.condition_at[conditions.counter[place]], conditions.condition_at[conditions.counter[place] + 1]
        ):
            which = conditions.condition[other]
            state = &scratch.state[which]
            if not state.touched:
                state.touched = True
                scratch.touched[scratch.touched_conditions] = which
                scratch.touched_conditions += 1
            met = is_met(conditions, scratch.count, which)
            if met and not state.met:
                state.since = day
            elif state.met and not met:
                state.days = days_until(state, day, conditions.in_a_row)
            state.met = met


cdef inline void tell(
    const Conditions* conditions, const Workspace* scratch, int32_t day, int64_t persons, int32_t* together
) noexcept nogil:
    cdef int32_t place, which, days
    cdef int64_t cell
    for place in range(scratch.touched_conditions):
        which = scratch.touched[place]
        cell = conditions.slot[which] * persons
        days = days_until(&scratch.state[which], day, conditions.in_a_row)
        together[cell] = max(together[cell], days)


# Counters come back to 0 by themselves only where every drug ceases before the end; so they are set back.
cdef inline void forget(const Conditions* conditions, Workspace* scratch) noexcept nogil:
    cdef int32_t place
    cdef int need
    for place in range(scratch.touched_conditions):
        for need in range(scratch.touched[place] * NEEDS, scratch.touched[place] * NEEDS + NEEDS):
            if conditions.need[need] >= 0:
                scratch.count[conditions.need[need]] = 0
        memset(&scratch.state[scratch.touched[place]], 0, sizeof(State))
    scratch.touched_conditions = 0


cdef void sweep_person(
    linkage_sweep* sweep, const Conditions* conditions, const Asked* asked, int64_t person, Workspace* scratch
) noexcept nogil:
    cdef int64_t place = 0, drug_days = 0
    cdef int32_t start = asked.start[person], reached = start, drugs = 0, day, end
    cdef linkage_change change
    cdef bint more = True
    while place < asked.ends:
        more = more and linkage_next_change(sweep, &change)
        while place < asked.ends and (not more or change.day >= asked.end[place * asked.persons + person]):
            end = asked.end[place * asked.persons + person]
            if end > start:
                tell(
                    conditions, scratch, end, asked.persons,
                    asked.together + place * conditions.slots * asked.persons + person,
                )
                if asked.drug_days != NULL:
                    asked.drug_days[place * asked.persons + person] = (
                        drug_days + drugs * <int64_t>max(end - reached, 0)
                    )
            place += 1
        if place == asked.ends:
            break
        day = max(change.day, start)
        drug_days += drugs * <int64_t>(day - reached)
        reached = day
        drugs += 1 if change.begins else -1
        count_change(conditions, change.drug, day, 1 if change.begins else -1, scratch)
    forget(conditions, scratch)


cdef KernelResult check_rows(const linkage_supplied* rows, int64_t first, int64_t row_end) noexcept nogil:
    cdef int64_t row
    for row in range(first, row_end):
        if row > first and rows.day[row] < rows.day[row - 1]:
            return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        if rows.supply_64ths[row] < 0:
            return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
    return kernel_ok()


cdef KernelResult sweep_all(
    const int64_t* offsets,
    const linkage_supplied* rows,
    const Conditions* conditions,
    const Asked* asked,
    int64_t longest,
    int32_t lookback_days,
    Workspace* scratch,
) noexcept nogil:
    cdef int64_t person, row, row_end
    cdef int32_t last
    cdef KernelResult result
    cdef linkage_sweep sweep
    for person in range(asked.persons):
        row, row_end = offsets[person], offsets[person + 1]
        last = asked.end[(asked.ends - 1) * asked.persons + person]
        if row == row_end or last <= asked.start[person]:
            continue
        if row_end - row > longest:
            return kernel_failed(KERNEL_OUTPUT_FULL, row)
        result = check_rows(rows, row, row_end)
        if result.status:
            return result
        sweep = linkage_sweep_from(rows, row, row_end, asked.start[person] - lookback_days, last, scratch.held)
        sweep_person(&sweep, conditions, asked, person, scratch)
    return kernel_ok()


def supply_together(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] supply_64ths,
    counters_of_drug,
    conditions_of_counter,
    const int32_t[:, ::1] need,
    const int32_t[:, ::1] least,
    const int32_t[::1] slot,
    const int32_t[::1] start,
    const int32_t[:, ::1] end,
    int32_t[:, :, ::1] together,
    int64_t[:, ::1] drug_days,
    *,
    int64_t longest,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint carry_over,
    bint in_a_row,
):
    cdef int64_t persons = start.shape[0], rows = day.shape[0], conditions = slot.shape[0]
    cdef const int32_t[::1] counter_at, counter, condition_at, condition
    cdef linkage_supplied supplied
    cdef Conditions asked_for
    cdef Asked asked
    cdef Scratch scratch
    cdef KernelResult result
    counter_at, counter = counters_of_drug
    condition_at, condition = conditions_of_counter
    if not (
        offsets.shape[0] == persons + 1
        and rows == drug.shape[0] == supply_64ths.shape[0] == offsets[persons]
        and counter_at.shape[0] and counter_at[counter_at.shape[0] - 1] == counter.shape[0]
        and condition_at.shape[0] and condition_at[condition_at.shape[0] - 1] == condition.shape[0]
        and need.shape[0] == least.shape[0] == conditions
        and need.shape[1] == least.shape[1] == NEEDS
        and end.shape[0] == together.shape[0]
        and end.shape[1] == together.shape[2] == persons
        and drug_days.shape[0] in (0, end.shape[0])
        and drug_days.shape[1] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    together[...] = 0
    drug_days[...] = 0
    if persons == 0 or rows == 0 or end.shape[0] == 0:
        return
    supplied.day, supplied.drug, supplied.supply_64ths = &day[0], &drug[0], &supply_64ths[0]
    supplied.stock_cap_64ths, supplied.carry_over = stock_cap_64ths, carry_over
    asked_for.counter_at, asked_for.condition_at = &counter_at[0], &condition_at[0]
    asked_for.counter = &counter[0] if counter.shape[0] else NULL
    asked_for.condition = &condition[0] if condition.shape[0] else NULL
    asked_for.need = &need[0, 0] if conditions else NULL
    asked_for.least = &least[0, 0] if conditions else NULL
    asked_for.slot = &slot[0] if conditions else NULL
    asked_for.slots, asked_for.in_a_row = together.shape[1], in_a_row
    asked.persons, asked.ends, asked.start, asked.end = persons, end.shape[0], &start[0], &end[0, 0]
    asked.together = &together[0, 0, 0] if together.shape[1] else NULL
    asked.drug_days = &drug_days[0, 0] if drug_days.shape[0] else NULL
    scratch = Scratch(longest, condition_at.shape[0], conditions)
    with nogil:
        result = sweep_all(&offsets[0], &supplied, &asked_for, &asked, longest, lookback_days, &scratch.parts)
    raise_if_failed(result, "days_of_supply")
