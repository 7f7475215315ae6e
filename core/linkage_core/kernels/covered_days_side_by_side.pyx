# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, with a stock for each drug or one of all, eight persons at once.

What is said is what the kernel covered_days says of one group, or of any of several, where rows are laid side by side
already: rows that do not lie by person cost it no turn, and hospital days, which are taken out of time before anything
is covered, no copy of the rows. The twin is the same, tests/reference/drug_indicators.py.
"""

import numpy as np

from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)
from linkage_core.kernels.person_rows cimport Stays, hold_stays
from linkage_core.kernels.side_rows cimport LINKAGE_LANES, hold_side_rows, linkage_lanes, linkage_side_rows

cdef extern from * nogil:
    """
    #include "side_by_side.h"

    /* Ends and answers lie by end, the persons of one end side by side. `stay_offsets` is NULL where nobody was in
     * hospital. */
    typedef struct {
        linkage_side_rows rows;
        const int32_t *start, *end;
        const int64_t *stay_offsets;
        const int32_t *admitted, *discharged;
        int64_t persons, ends;
        int32_t lookback_days, stock_cap, carry_over, by_drug;
        int32_t *covered;
    } linkage_side_days;

    /* Room for a block: days on which the lanes' stays begin, each after the ones before, and how long they last, of which
     * there are `most_stays`; the moment until which each stock lasts, as person_lanes.h has it; and by end of observation
     * the day at home on which it ends and the days covered before. */
    typedef struct {
        linkage_lanes *begins, *lasts, *until, *end, *covered;
        int32_t most_stays;
    } linkage_side_room;

    /* Stays overlap and begin before the first day: of each only its own days, from there on, count. */
    LINKAGE_SIDE_BY_SIDE void linkage_read_stays(const linkage_side_days *asked, linkage_side_room *room,
                                                 const int32_t *person, const linkage_lanes *first_day) {
        int32_t count[LINKAGE_LANES] = {0};
        room->most_stays = 0;
        if (!asked->stay_offsets) return;
        for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) {
            int64_t stay = asked->stay_offsets[person[lane]], last_stay = asked->stay_offsets[person[lane] + 1];
            for (int32_t reached = (*first_day)[lane]; stay < last_stay; stay++) {
                const int32_t admitted = asked->admitted[stay], discharged = asked->discharged[stay];
                if (discharged <= reached) continue;
                const int32_t begins = admitted > reached ? admitted : reached;
                room->begins[count[lane]][lane] = begins, room->lasts[count[lane]][lane] = discharged - begins;
                count[lane]++, reached = discharged;
            }
            if (count[lane] > room->most_stays) room->most_stays = count[lane];
        }
        for (int32_t lane = 0; lane < LINKAGE_LANES; lane++)
            for (int32_t stay = count[lane]; stay < room->most_stays; stay++)
                room->begins[stay][lane] = room->lasts[stay][lane] = 0;
    }

    /* Days from the first one on that are not in hospital. */
    LINKAGE_SIDE_BY_SIDE void linkage_at_home(const linkage_side_room *room, const linkage_lanes *first_day,
                                              const linkage_lanes *day, linkage_lanes *home) {
        const linkage_lanes none = {0};
        *home = *day - *first_day;
        for (int32_t stay = 0; stay < room->most_stays; stay++) {
            const linkage_lanes since = *day - room->begins[stay], away = LINKAGE_LEAST(since, room->lasts[stay]);
            *home -= LINKAGE_MOST(away, none);
        }
    }

    /* `drugs` is 0 where all rows share a stock. */
    LINKAGE_SIDE_BY_SIDE void linkage_walk_block(const linkage_side_days *asked, const linkage_side_room *room,
                                                 int64_t block, int32_t drugs, const linkage_lanes *start,
                                                 const linkage_lanes *last_day) {
        const linkage_side_rows *rows = &asked->rows;
        const linkage_lanes none = {0}, first_day = *start - asked->lookback_days, last = *last_day;
        linkage_lanes reached, one_until = none;
        for (int32_t drug = 0; drug < drugs; drug++) room->until[drug] = none;
        linkage_at_home(room, &first_day, start, &reached);
        for (int64_t row = rows->block_at[block]; row < rows->block_at[block + 1]; row++) {
            /* Which rows count for nobody of a block, a processor guesses in vain. */
            const linkage_lanes day = rows->day[row], counts = (day >= first_day) & (day < last);
            const linkage_lanes later = LINKAGE_MOST(day, first_day), then = LINKAGE_LEAST(later, last);
            const linkage_lanes supply = rows->supply[row], most = none + LINKAGE_MOST_STOCK;
            const linkage_lanes brought = counts & LINKAGE_LEAST(supply, most);
            linkage_lanes today, until;
            linkage_at_home(room, &first_day, &then, &today);
            if (!asked->carry_over) {
                const linkage_lanes gone = then + (brought >> 6);
                linkage_at_home(room, &first_day, &gone, &until);
            } else {
                const linkage_lanes moment = today << 6, drug = drugs ? rows->drug[row] : none;
                linkage_lanes holds = one_until;
                if (drugs) linkage_of_drug(room->until, drugs, &drug, &holds);
                const linkage_lanes left = LINKAGE_MOST(holds - moment, holds & 63) + brought;
                holds = moment + LINKAGE_LEAST(left, none + asked->stock_cap);
                if (drugs) {
                    const linkage_lanes all = ~none;
                    linkage_keep_drug(room->until, drugs, &drug, &all, &holds);
                } else {
                    one_until = holds;
                }
                until = holds >> 6;
            }
            const linkage_lanes begins = LINKAGE_MOST(today, reached);
            for (int64_t end = 0; end < asked->ends; end++) {
                const linkage_lanes days = LINKAGE_LEAST(until, room->end[end]) - begins;
                room->covered[end] += LINKAGE_MOST(days, none);
            }
            reached = LINKAGE_MOST(reached, until);
        }
    }

    LINKAGE_SIDE_BY_SIDE void linkage_days_of_block(const linkage_side_days *asked, linkage_side_room *room,
                                                    int64_t block) {
        const int32_t *person = asked->rows.person + block * LINKAGE_LANES;
        const int32_t drugs = asked->by_drug && asked->rows.drugs[block] > 1 ? asked->rows.drugs[block] : 0;
        const linkage_lanes none = {0};
        linkage_lanes start = none;
        linkage_ask_persons(person, asked->start, &start);
        const linkage_lanes first_day = start - asked->lookback_days;
        linkage_lanes last = start;
        linkage_read_stays(asked, room, person, &first_day);
        for (int64_t end = 0; end < asked->ends; end++) {
            linkage_lanes day = none;
            linkage_ask_persons(person, asked->end + end * asked->persons, &day);
            /* What ends before it starts covers nothing. */
            const linkage_lanes then = LINKAGE_MOST(day, start);
            linkage_at_home(room, &first_day, &then, &room->end[end]);
            room->covered[end] = none;
            last = LINKAGE_MOST(last, then);
        }
        if (!drugs) linkage_walk_block(asked, room, block, 0, &start, &last);
        else if (drugs == 2) linkage_walk_block(asked, room, block, 2, &start, &last);
        else linkage_walk_block(asked, room, block, drugs, &start, &last);
        for (int64_t end = 0; end < asked->ends; end++)
            linkage_tell_persons(person, &room->covered[end], asked->covered + end * asked->persons);
    }

    LINKAGE_WIDE_VECTORS static void linkage_days_of_blocks(const linkage_side_days *asked,
                                                            const linkage_side_room *lent) {
        linkage_side_room room = *lent;
        for (int64_t block = 0; block < asked->rows.blocks; block++) linkage_days_of_block(asked, &room, block);
    }
    """
    enum:
        LINKAGE_LONGEST_WINDOW
        LINKAGE_MOST_STOCK

    ctypedef struct linkage_side_days:
        linkage_side_rows rows
        const int32_t* start
        const int32_t* end
        const int64_t* stay_offsets
        const int32_t* admitted
        const int32_t* discharged
        int64_t persons
        int64_t ends
        int32_t lookback_days
        int32_t stock_cap
        bint carry_over
        bint by_drug
        int32_t* covered

    ctypedef struct linkage_side_room:
        linkage_lanes* begins
        linkage_lanes* lasts
        linkage_lanes* until
        linkage_lanes* end
        linkage_lanes* covered

    void linkage_days_of_blocks(const linkage_side_days* asked, const linkage_side_room* lent) noexcept

LONGEST_WINDOW = LINKAGE_LONGEST_WINDOW


# The most stays of a person.
cdef int64_t most_stays_of(const Stays* stays, int64_t persons) noexcept nogil:
    cdef int64_t person, most = 0
    if stays.offsets != NULL:
        for person in range(persons):
            most = max(most, stays.offsets[person + 1] - stays.offsets[person])
    return most


cdef bint are_too_long(const linkage_side_days* asked) noexcept nogil:
    cdef int64_t end, person, longest = 0
    for end in range(asked.ends):
        for person in range(asked.persons):
            longest = max(longest, <int64_t>asked.end[end * asked.persons + person] - asked.start[person])
    return longest + asked.lookback_days > LINKAGE_LONGEST_WINDOW


def covered_days_side_by_side(
    const int32_t[::1] person,
    const int32_t[::1] drugs,
    const int64_t[::1] block_at,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] supply_64ths,
    stays,
    const int32_t[::1] start,
    const int32_t[:, ::1] end,
    int32_t[:, ::1] covered,
    *,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint carry_over,
    bint by_drug,
):
    cdef int64_t persons = start.shape[0], ends = end.shape[0], most_stays
    cdef int32_t most_drugs
    cdef int32_t[:, ::1] held
    cdef Stays hospital
    cdef linkage_side_days asked
    cdef linkage_side_room room
    if not (end.shape[1] == covered.shape[1] == persons and covered.shape[0] == ends):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    most_drugs = hold_side_rows(&asked.rows, person, drugs, block_at, day, drug, supply_64ths)
    if persons == 0 or ends == 0:
        return
    lent = hold_stays(&hospital, stays, persons)
    asked.start, asked.end, asked.covered = &start[0], &end[0, 0], &covered[0, 0]
    asked.stay_offsets, asked.admitted, asked.discharged = hospital.offsets, hospital.admitted, hospital.discharged
    asked.persons, asked.ends, asked.lookback_days = persons, ends, lookback_days
    asked.stock_cap = <int32_t>min(stock_cap_64ths, <int64_t>LINKAGE_MOST_STOCK)
    asked.carry_over, asked.by_drug = carry_over, by_drug
    if are_too_long(&asked):
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "dispensing_date")
    memset(&covered[0, 0], 0, ends * persons * sizeof(int32_t))
    most_stays = most_stays_of(&hospital, persons)
    held = np.empty((2 * most_stays + most_drugs + 2 * ends, LINKAGE_LANES), np.int32)
    room.begins = <linkage_lanes*>&held[0, 0]
    room.lasts, room.until = room.begins + most_stays, room.begins + 2 * most_stays
    room.end, room.covered = room.until + most_drugs, room.until + most_drugs + ends
    with nogil:
        linkage_days_of_blocks(&asked, &room)
