# cython: freethreading_compatible = True
"""Treatment episodes of eight persons at once, where nothing but gaps ends an episode.

What is said is what the kernel treatment_episodes says of days, without changes of drug or dose and without hospital
stays; time is counted in whole 1/64 days. The twin is the same, tests/reference/treatment_episodes.py.
"""

from libc.stdint cimport int32_t, int64_t

import numpy as np

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed
from linkage_core.kernels.side_rows cimport LINKAGE_LANES, hold_side_rows, linkage_lanes, linkage_side_rows

cdef extern from * nogil:
    """
    #include "side_by_side.h"

    #define LINKAGE_MOST_GAPS 8
    #define LINKAGE_NEVER INT32_MAX
    #define LINKAGE_NOT_BEGUN INT32_MIN

    /* Answers lie by gap, the persons of one gap side by side; `episodes` and `second_start` may be NULL. */
    typedef struct {
        linkage_side_rows rows;
        const int32_t *from_day, *until_day, *last_day, *gap_64ths;
        int64_t persons;
        int32_t gaps, days, append_gap, carry;
        int32_t *start, *end, *first, *episodes, *second_start;
    } linkage_side_episodes;

    /* Of each drug the end of its supply and the last day on which it was dispensed, in 1/64 days from the start. */
    typedef struct {
        linkage_lanes *ends, *dispensed;
    } linkage_side_drugs;

    /* `first` is LINKAGE_NEVER before the first episode has ended. */
    typedef struct {
        linkage_lanes start, end, last, reached, first[LINKAGE_MOST_GAPS], episodes[LINKAGE_MOST_GAPS],
            second_start[LINKAGE_MOST_GAPS];
    } linkage_side_walk;

    /* Adds a row's supply to the stock of its drug; `drugs` is 0 where all rows share a stock. */
    LINKAGE_SIDE_BY_SIDE void linkage_is_supplied(const linkage_side_drugs *known, linkage_side_walk *walk,
                                                  const linkage_lanes *drug, const linkage_lanes *counts,
                                                  const linkage_lanes *today, const linkage_lanes *supply, int32_t drugs,
                                                  int carried) {
        const linkage_lanes follow_up = (walk->end - walk->start) << 6, now = *today;
        linkage_lanes lasts = walk->reached, before = walk->last;
        if (drugs) linkage_of_drug(known->ends, drugs, drug, &lasts);
        if (drugs && !carried) linkage_of_drug(known->dispensed, drugs, drug, &before);
        /* Without carry-over what one day brings of a drug adds up all the same. */
        const linkage_lanes from = carried ? LINKAGE_MOST(lasts, now) : LINKAGE_EITHER(before == now, lasts, now);
        /* Supply past the end of follow-up changes nothing, and must not grow without bound. */
        const linkage_lanes room = follow_up - from, until = from + LINKAGE_LEAST(*supply, room);
        linkage_lanes reached = until;
        if (drugs) {
            linkage_keep_drug(known->ends, drugs, drug, counts, &until);
            if (!carried) linkage_keep_drug(known->dispensed, drugs, drug, counts, today);
            reached = LINKAGE_MOST(walk->reached, until);
            if (!carried) reached = LINKAGE_EITHER(walk->last == now, reached, until);
        }
        walk->reached = LINKAGE_EITHER(*counts, reached, walk->reached);
        walk->last = LINKAGE_EITHER(*counts, now, walk->last);
    }

    LINKAGE_SIDE_BY_SIDE void linkage_walk_rows(const linkage_side_episodes *asked, const linkage_side_drugs *known,
                                                linkage_side_walk *walk, int64_t block, int32_t gaps, int32_t drugs,
                                                int carried) {
        const linkage_side_rows *rows = &asked->rows;
        const int32_t *person = rows->person + block * LINKAGE_LANES;
        const linkage_lanes none = {0}, never = none + LINKAGE_NEVER;
        linkage_lanes from_day = none, until_day = none, last_day = none;
        linkage_side_walk own = {.start = never, .end = none + LINKAGE_NOT_BEGUN, .last = none - 1, .reached = none};
        linkage_ask_persons(person, asked->from_day, &from_day);
        linkage_ask_persons(person, asked->until_day, &until_day);
        linkage_ask_persons(person, asked->last_day, &last_day);
        for (int32_t gap = 0; gap < gaps; gap++)
            own.first[gap] = own.second_start[gap] = never, own.episodes[gap] = none;
        for (int32_t drug = 0; drug < drugs; drug++) known->ends[drug] = none, known->dispensed[drug] = none - 1;
        for (int64_t row = rows->block_at[block]; row < rows->block_at[block + 1]; row++) {
            const linkage_lanes day = rows->day[row], supply = rows->supply[row], drug = drugs ? rows->drug[row] : none;
            const linkage_lanes may = (supply > 0) & (day >= from_day), begins = may & (own.start == never);
            const linkage_lanes limit = day + asked->days, until = LINKAGE_LEAST(limit, last_day);
            own.start = LINKAGE_EITHER(begins, day, own.start);
            own.end = LINKAGE_EITHER(begins & (day < until_day), until, own.end);
            const linkage_lanes counts = may & (day < own.end), since = LINKAGE_EITHER(counts, day, own.start);
            const linkage_lanes today = (since - own.start) << 6, waited = today - own.reached;
            for (int32_t gap = 0; gap < gaps; gap++) {
                const linkage_lanes exceeded = counts & (waited > asked->gap_64ths[gap]);
                /* Later ends are later days. */
                const linkage_lanes ends_on = own.reached + (asked->append_gap ? asked->gap_64ths[gap] : 0);
                const linkage_lanes ends = LINKAGE_EITHER(exceeded, ends_on, never);
                own.first[gap] = LINKAGE_LEAST(own.first[gap], ends);
                if (asked->episodes) own.episodes[gap] -= exceeded;
                if (asked->second_start) {
                    const linkage_lanes again = LINKAGE_EITHER(exceeded, day, never);
                    own.second_start[gap] = LINKAGE_LEAST(own.second_start[gap], again);
                }
            }
            linkage_is_supplied(known, &own, &drug, &counts, &today, &supply, drugs, carried);
        }
        *walk = own;
    }

    LINKAGE_SIDE_BY_SIDE void linkage_tell_walk(const linkage_side_episodes *asked, const linkage_side_walk *walk,
                                                int64_t block) {
        const int32_t *person = asked->rows.person + block * LINKAGE_LANES;
        const linkage_lanes none = {0}, never = none + LINKAGE_NEVER, begun = walk->end != LINKAGE_NOT_BEGUN;
        const linkage_lanes start = LINKAGE_EITHER(begun, walk->start, never), end = LINKAGE_EITHER(begun, walk->end, never);
        const linkage_lanes followed = end > start, last = LINKAGE_EITHER(followed, end, start);
        const linkage_lanes follow_up = (last - start) << 6;
        linkage_tell_persons(person, &start, asked->start);
        linkage_tell_persons(person, &end, asked->end);
        for (int32_t gap = 0; gap < asked->gaps; gap++) {
            const int32_t permitted = asked->gap_64ths[gap];
            const int64_t cell = gap * asked->persons;
            const linkage_lanes exceeded = (follow_up - walk->reached) > permitted;
            const linkage_lanes ends_on = walk->reached + (asked->append_gap ? permitted : 0);
            const linkage_lanes at_end = LINKAGE_EITHER(exceeded, ends_on, follow_up);
            const linkage_lanes first = followed & LINKAGE_EITHER(walk->first[gap] == never, at_end, walk->first[gap]);
            const linkage_lanes episodes = followed & (walk->episodes[gap] + 1);
            linkage_tell_persons(person, &first, asked->first + cell);
            if (asked->episodes) linkage_tell_persons(person, &episodes, asked->episodes + cell);
            if (asked->second_start) linkage_tell_persons(person, &walk->second_start[gap], asked->second_start + cell);
        }
    }

    LINKAGE_SIDE_BY_SIDE void linkage_walk_block(const linkage_side_episodes *asked, const linkage_side_drugs *known,
                                                 int64_t block, int32_t gaps) {
        const int carried = asked->carry != LINKAGE_CARRY_NOTHING;
        /* With one drug its own stock is the only one. */
        const int32_t drugs =
            asked->rows.drugs[block] == 1 || asked->carry == LINKAGE_CARRY_POOLED ? 0 : asked->rows.drugs[block];
        linkage_side_walk walk;
        if (!carried) linkage_walk_rows(asked, known, &walk, block, gaps, drugs, 0);
        else if (!drugs) linkage_walk_rows(asked, known, &walk, block, gaps, 0, 1);
        else if (drugs == 2) linkage_walk_rows(asked, known, &walk, block, gaps, 2, 1);
        else linkage_walk_rows(asked, known, &walk, block, gaps, drugs, 1);
        linkage_tell_walk(asked, &walk, block);
    }

    LINKAGE_WIDE_VECTORS static void linkage_walk_blocks(const linkage_side_episodes *asked,
                                                         const linkage_side_drugs *known) {
        for (int64_t block = 0; block < asked->rows.blocks; block++)
            if (asked->gaps == 1) linkage_walk_block(asked, known, block, 1);
            else linkage_walk_block(asked, known, block, asked->gaps);
    }

    /* Who has no rows never begins. */
    LINKAGE_WIDE_VECTORS static void linkage_begin_nobody(const linkage_side_episodes *asked) {
        for (int64_t person = 0; person < asked->persons; person++)
            asked->start[person] = asked->end[person] = LINKAGE_NEVER;
        for (int64_t cell = 0; cell < asked->gaps * asked->persons; cell++) asked->first[cell] = 0;
        for (int64_t cell = 0; asked->episodes && cell < asked->gaps * asked->persons; cell++) asked->episodes[cell] = 0;
        for (int64_t cell = 0; asked->second_start && cell < asked->gaps * asked->persons; cell++)
            asked->second_start[cell] = LINKAGE_NEVER;
    }
    """
    enum:
        LINKAGE_MOST_GAPS

    ctypedef struct linkage_side_episodes:
        linkage_side_rows rows
        const int32_t* from_day
        const int32_t* until_day
        const int32_t* last_day
        const int32_t* gap_64ths
        int64_t persons
        int32_t gaps
        int32_t days
        int32_t append_gap
        int32_t carry
        int32_t* start
        int32_t* end
        int32_t* first
        int32_t* episodes
        int32_t* second_start

    ctypedef struct linkage_side_drugs:
        linkage_lanes* ends
        linkage_lanes* dispensed

    void linkage_walk_blocks(const linkage_side_episodes* asked, const linkage_side_drugs* known) noexcept
    void linkage_begin_nobody(const linkage_side_episodes* asked) noexcept


MOST_GAPS = LINKAGE_MOST_GAPS


def episodes_side_by_side(
    const int32_t[::1] person,
    const int32_t[::1] drugs,
    const int64_t[::1] block_at,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] supply_64ths,
    const int32_t[::1] from_day,
    const int32_t[::1] until_day,
    const int32_t[::1] last_day,
    const int32_t[::1] gap_64ths,
    int32_t[::1] start,
    int32_t[::1] end,
    int32_t[:, ::1] first,
    int32_t[:, ::1] episodes,
    int32_t[:, ::1] second_start,
    *,
    int32_t days,
    int32_t carry,
    bint append_gap,
):
    cdef int64_t persons = start.shape[0], gaps = gap_64ths.shape[0]
    cdef int32_t most_drugs
    cdef int32_t[:, ::1] room
    cdef linkage_side_episodes asked
    cdef linkage_side_drugs known
    if not (
        persons == end.shape[0] == from_day.shape[0] == until_day.shape[0] == last_day.shape[0]
        and gaps <= LINKAGE_MOST_GAPS
        and first.shape[0] == gaps
        and first.shape[1] == persons
        and episodes.shape[0] in (0, gaps)
        and second_start.shape[0] in (0, gaps)
        and episodes.shape[1] == second_start.shape[1] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    most_drugs = hold_side_rows(&asked.rows, person, drugs, block_at, day, drug, supply_64ths)
    if persons == 0:
        return
    asked.from_day, asked.until_day, asked.last_day = &from_day[0], &until_day[0], &last_day[0]
    asked.gap_64ths, asked.gaps = &gap_64ths[0] if gaps else NULL, <int32_t>gaps
    asked.persons, asked.days, asked.append_gap, asked.carry = persons, days, append_gap, carry
    asked.start, asked.end = &start[0], &end[0]
    asked.first = &first[0, 0] if gaps else NULL
    asked.episodes = &episodes[0, 0] if episodes.shape[0] else NULL
    asked.second_start = &second_start[0, 0] if second_start.shape[0] else NULL
    room = np.empty((2, most_drugs * LINKAGE_LANES), np.int32)
    known.ends, known.dispensed = <linkage_lanes*>&room[0, 0], <linkage_lanes*>&room[1, 0]
    with nogil:
        linkage_begin_nobody(&asked)
        linkage_walk_blocks(&asked, &known)
