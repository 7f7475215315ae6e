# cython: freethreading_compatible = True
"""Treatment episodes for a grid of supplies, rules of carry-over and permitted gaps, in one pass over the rows.

What one supply says is what the kernel treatment_episodes says of days, without changes of drug or dose: a vector
holds eight supplies side by side, so that a row is walked once for all of them and for every gap, and time is counted in whole 1/64 days. The twin is the same,
tests/reference/treatment_episodes.py.
"""

from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, malloc

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_NEGATIVE_VALUE,
    KERNEL_OUT_OF_ORDER,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

cdef extern from * nogil:
    """
    #include "lanes.h"

    #define LINKAGE_MOST_GAPS 8
    #define LINKAGE_MOST_RULES 3
    #define LINKAGE_UNITS_A_DAY 64
    /* What so many persons have is kept together until it is written, as a cache line of each point. */
    #define LINKAGE_TOLD_AT_ONCE 16
    #define LINKAGE_NEVER INT32_MAX

    /* `supply` has one column a lane, NULL for a lane that is not asked for. `first` and `episodes` have one table a rule of
     * carry-over and lane, NULL where nobody asks: by gap, its persons side by side. */
    typedef struct {
        const int64_t *offsets;
        const int32_t *day, *code, *from_day, *until_day, *last_day, *gap_64ths, *carry;
        const int32_t *supply[LINKAGE_LANES];
        int64_t persons;
        int32_t lanes, gaps, rules, days, append_gap;
        int32_t *start, *end;
        int32_t *episodes[LINKAGE_MOST_RULES][LINKAGE_LANES], *first[LINKAGE_MOST_RULES][LINKAGE_LANES];
    } linkage_grid;

    /* Room for the person with most rows: supplies and drugs of her rows, and of each drug its end and last day. */
    typedef struct {
        linkage_lanes *supply, *drug_end, *drug_day;
        int32_t *drug, *known;
    } linkage_grid_room;

    typedef struct {
        linkage_lanes start, end, reached, last, episodes[LINKAGE_MOST_GAPS], first[LINKAGE_MOST_GAPS];
    } linkage_grid_walk;

    typedef linkage_lanes linkage_told[LINKAGE_MOST_RULES][LINKAGE_MOST_GAPS][LINKAGE_TOLD_AT_ONCE];

    /* Drugs of the rows, numbered as they come; returns how many there are. */
    static inline int32_t linkage_number_drugs(const linkage_grid *grid, const linkage_grid_room *room, int64_t row,
                                               int64_t row_end) {
        int32_t known = 0;
        for (int64_t place = 0; row < row_end; row++, place++) {
            int32_t number = 0;
            while (number < known && room->known[number] != grid->code[row]) number++;
            if (number == known) room->known[known++] = grid->code[row];
            room->drug[place] = number;
        }
        return known;
    }

    /* Walks a person's rows by one rule of carry-over. `by_drug` keeps an end for each drug; without it there is one stock. The
     * numbers of gaps that are asked for most are constants where this is called, so that what is kept of them stays in
     * registers. */
    static inline __attribute__((always_inline)) void linkage_walk(const linkage_grid *grid, const linkage_grid_room *room,
                                                                   linkage_grid_walk *walk, int64_t row, int64_t row_end,
                                                                   int32_t base, int32_t last_day, int carried, int by_drug,
                                                                   int32_t gaps) {
        const linkage_lanes start = walk->start, end = walk->end, none = start - start;
        const int32_t counting = grid->episodes[0][0] != 0, append_gap = grid->append_gap;
        linkage_lanes reached = start, last = none - 1, first[LINKAGE_MOST_GAPS];
        for (int32_t gap = 0; gap < gaps; gap++) walk->episodes[gap] = none, first[gap] = none - 1;
        for (int64_t place = 0; row < row_end && grid->day[row] < last_day; row++, place++) {
            const linkage_lanes today = none + (grid->day[row] - base) * LINKAGE_UNITS_A_DAY;
            const linkage_lanes supply = room->supply[place], counts = (supply > 0) & (today < end);
            const linkage_lanes waited = today - reached;
            for (int32_t gap = 0; gap < gaps; gap++) {
                const int32_t permitted = grid->gap_64ths[gap];
                const linkage_lanes exceeded = counts & (waited > permitted), ends_on = reached + (append_gap ? permitted : 0);
                if (counting) walk->episodes[gap] -= exceeded;
                first[gap] = LINKAGE_EITHER(exceeded & (first[gap] < 0), ends_on, first[gap]);
            }
            linkage_lanes lasts = reached, before = last;
            if (by_drug) lasts = room->drug_end[room->drug[place]], before = room->drug_day[room->drug[place]];
            /* Without carry-over what one day brings of a drug adds up all the same. */
            const linkage_lanes from = carried ? LINKAGE_MOST(lasts, today) : LINKAGE_EITHER(before == today, lasts, today);
            /* Supply past the end of follow-up changes nothing, and must not grow without bound. */
            const linkage_lanes until = LINKAGE_LEAST(from + supply, end);
            if (by_drug) {
                room->drug_end[room->drug[place]] = LINKAGE_EITHER(counts, until, lasts);
                room->drug_day[room->drug[place]] = LINKAGE_EITHER(counts, today, before);
                const linkage_lanes longest = LINKAGE_MOST(reached, until);
                reached = LINKAGE_EITHER(counts, carried ? longest : LINKAGE_EITHER(last == today, longest, until), reached);
            } else {
                reached = LINKAGE_EITHER(counts, until, reached);
            }
            last = LINKAGE_EITHER(counts, today, last);
        }
        for (int32_t gap = 0; gap < gaps; gap++) walk->first[gap] = first[gap];
        walk->reached = reached, walk->last = last;
    }

    static inline __attribute__((always_inline)) void linkage_walk_gaps(const linkage_grid *grid, const linkage_grid_room *room,
                                                                        linkage_grid_walk *walk, int64_t row, int64_t row_end,
                                                                        int32_t base, int32_t last_day, int carried,
                                                                        int by_drug) {
        if (grid->gaps == 4) linkage_walk(grid, room, walk, row, row_end, base, last_day, carried, by_drug, 4);
        else if (grid->gaps == 3) linkage_walk(grid, room, walk, row, row_end, base, last_day, carried, by_drug, 3);
        else if (grid->gaps == 1) linkage_walk(grid, room, walk, row, row_end, base, last_day, carried, by_drug, 1);
        else linkage_walk(grid, room, walk, row, row_end, base, last_day, carried, by_drug, grid->gaps);
    }

    static inline __attribute__((always_inline)) void linkage_tell(const linkage_grid *grid, const linkage_grid_walk *walk,
                                                                   linkage_told first, linkage_told episodes, int rule,
                                                                   int64_t place) {
        const linkage_lanes valid = walk->end > walk->start;
        for (int32_t gap = 0; gap < grid->gaps; gap++) {
            const int32_t permitted = grid->gap_64ths[gap];
            const linkage_lanes exceeded = (walk->end - walk->reached) > permitted;
            const linkage_lanes at_end =
                LINKAGE_EITHER(exceeded, walk->reached + (grid->append_gap ? permitted : 0), walk->end);
            const linkage_lanes ends_on = LINKAGE_EITHER(walk->first[gap] < 0, at_end, walk->first[gap]);
            first[rule][gap][place] = valid & (ends_on - walk->start);
            episodes[rule][gap][place] = valid & (walk->episodes[gap] + 1);
        }
    }

    /* Writes what some persons have, from the first of them on, point by point. */
    static inline __attribute__((always_inline)) void linkage_write(const linkage_grid *grid, linkage_told told,
                                                                    int32_t *const (*into)[LINKAGE_LANES], int64_t person,
                                                                    int64_t persons) {
        for (int32_t rule = 0; rule < grid->rules; rule++) {
            for (int32_t lane = 0; lane < grid->lanes; lane++) {
                for (int32_t gap = 0; into[rule][lane] && gap < grid->gaps; gap++) {
                    int32_t *cell = into[rule][lane] + gap * grid->persons + person;
                    for (int64_t place = 0; place < persons; place++) cell[place] = told[rule][gap][place][lane];
                }
            }
        }
    }

    /* First row that may count from a row on, and by lane the day of the first dispensing and the end of follow-up. */
    static inline __attribute__((always_inline)) int64_t linkage_begin(const linkage_grid *grid, const linkage_grid_room *room,
                                                                       linkage_lanes *start, linkage_lanes *end,
                                                                       int64_t person) {
        const int64_t row_end = grid->offsets[person + 1];
        const linkage_lanes none = *start - *start;
        linkage_lanes first = none + LINKAGE_NEVER;
        int64_t row = grid->offsets[person], place = 0;
        while (row < row_end && grid->day[row] < grid->from_day[person]) row++;
        for (int64_t next = row; next < row_end; next++, place++) {
            for (int32_t lane = 0; lane < grid->lanes; lane++) room->supply[place][lane] = grid->supply[lane][next];
            for (int32_t lane = grid->lanes; lane < LINKAGE_LANES; lane++) room->supply[place][lane] = 0;
        }
        /* Apart from the loop above: what was just written lane by lane cannot be read as a vector at once. */
        place = 0;
        for (int64_t next = row; next < row_end && grid->day[next] < grid->until_day[person]; next++, place++) {
            first = LINKAGE_EITHER((first == LINKAGE_NEVER) & (room->supply[place] > 0), none + grid->day[next], first);
        }
        for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) {
            const int64_t until = (int64_t)first[lane] + grid->days;
            const int32_t last = grid->last_day[person];
            (*end)[lane] = first[lane] == LINKAGE_NEVER ? LINKAGE_NEVER : until < last ? (int32_t)until : last;
        }
        *start = first;
        return row;
    }

    static inline __attribute__((always_inline)) void linkage_grid_person(const linkage_grid *grid,
                                                                          const linkage_grid_room *room, int64_t person,
                                                                          linkage_told first, linkage_told episodes) {
        const int64_t row_end = grid->offsets[person + 1];
        linkage_lanes start = {0}, end = {0};
        const int64_t row = linkage_begin(grid, room, &start, &end, person);
        const int32_t base = row < row_end ? grid->day[row] : 0;
        linkage_grid_walk walk;
        int32_t last_day = INT32_MIN, drugs;
        for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) {
            const int begun = start[lane] != LINKAGE_NEVER;
            if (lane < grid->lanes) grid->start[lane * grid->persons + person] = start[lane];
            if (lane < grid->lanes) grid->end[lane * grid->persons + person] = end[lane];
            /* A lane in which nothing begins ends before it begins. */
            walk.start[lane] = begun ? (start[lane] - base) * LINKAGE_UNITS_A_DAY : 0;
            walk.end[lane] = begun && end[lane] > start[lane] ? (end[lane] - base) * LINKAGE_UNITS_A_DAY : -1;
            if (begun && end[lane] > last_day) last_day = end[lane];
        }
        drugs = linkage_number_drugs(grid, room, row, row_end);
        /* With one drug its own stock is the only one: what is known of one rule is known of the other. */
        int walked = -1;
        for (int32_t rule = 0; rule < grid->rules; rule++) {
            const int carried = grid->carry[rule] != LINKAGE_CARRY_NOTHING;
            if (drugs == 1 || grid->carry[rule] == LINKAGE_CARRY_POOLED) {
                if (drugs > 1 || walked != carried) {
                    if (carried) linkage_walk_gaps(grid, room, &walk, row, row_end, base, last_day, 1, 0);
                    else linkage_walk_gaps(grid, room, &walk, row, row_end, base, last_day, 0, 0);
                    walked = carried;
                }
            } else {
                for (int32_t drug = 0; drug < drugs; drug++) {
                    room->drug_end[drug] = start - start, room->drug_day[drug] = start - start - 1;
                }
                if (carried) linkage_walk_gaps(grid, room, &walk, row, row_end, base, last_day, 1, 1);
                else linkage_walk_gaps(grid, room, &walk, row, row_end, base, last_day, 0, 1);
            }
            linkage_tell(grid, &walk, first, episodes, rule, person % LINKAGE_TOLD_AT_ONCE);
        }
    }

    LINKAGE_WIDE_VECTORS static void linkage_grid_persons(const linkage_grid *grid, const linkage_grid_room *room) {
        linkage_told first, episodes;
        for (int64_t from = 0; from < grid->persons; from += LINKAGE_TOLD_AT_ONCE) {
            const int64_t until = from + LINKAGE_TOLD_AT_ONCE < grid->persons ? from + LINKAGE_TOLD_AT_ONCE : grid->persons;
            for (int64_t person = from; person < until; person++) linkage_grid_person(grid, room, person, first, episodes);
            linkage_write(grid, first, grid->first, from, until - from);
            linkage_write(grid, episodes, grid->episodes, from, until - from);
        }
    }
    """
    enum:
        LINKAGE_LANES
        LINKAGE_MOST_GAPS
        LINKAGE_MOST_RULES

    ctypedef struct linkage_lanes:
        pass

    ctypedef struct linkage_grid:
        const int64_t* offsets
        const int32_t* day
        const int32_t* code
        const int32_t* from_day
        const int32_t* until_day
        const int32_t* last_day
        const int32_t* gap_64ths
        const int32_t* carry
        const int32_t* supply[8]
        int64_t persons
        int32_t lanes
        int32_t gaps
        int32_t rules
        int32_t days
        int32_t append_gap
        int32_t* start
        int32_t* end
        int32_t* episodes[3][8]
        int32_t* first[3][8]

    ctypedef struct linkage_grid_room:
        linkage_lanes* supply
        linkage_lanes* drug_end
        linkage_lanes* drug_day
        int32_t* drug
        int32_t* known

    void linkage_grid_persons(const linkage_grid* grid, const linkage_grid_room* room) noexcept


cdef class Room:
    """Room for the rows and drugs of the person with most rows."""
    cdef linkage_grid_room room
    cdef void* lanes
    cdef void* numbers

    def __cinit__(self, int64_t rows):
        cdef int64_t lane_bytes = LINKAGE_LANES * sizeof(int32_t)
        self.lanes = malloc(3 * (rows + 1) * lane_bytes)
        self.numbers = malloc(2 * (rows + 1) * sizeof(int32_t))
        if self.lanes == NULL or self.numbers == NULL:
            raise MemoryError
        self.room.supply = <linkage_lanes*>self.lanes
        self.room.drug_end = <linkage_lanes*>(<char*>self.lanes + (rows + 1) * lane_bytes)
        self.room.drug_day = <linkage_lanes*>(<char*>self.lanes + 2 * (rows + 1) * lane_bytes)
        self.room.drug = <int32_t*>self.numbers
        self.room.known = <int32_t*>self.numbers + rows + 1

    def __dealloc__(self):
        free(self.lanes)
        free(self.numbers)


cdef KernelResult check_rows(const linkage_grid* grid, int64_t* longest) noexcept nogil:
    cdef int64_t person, row
    cdef int32_t lane, signs = 0
    for person in range(grid.persons):
        longest[0] = max(longest[0], grid.offsets[person + 1] - grid.offsets[person])
        for row in range(grid.offsets[person] + 1, grid.offsets[person + 1]):
            if grid.day[row] < grid.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
    for lane in range(grid.lanes):
        # One look at the sign of all of them; which row it is only matters where there is one.
        for row in range(grid.offsets[grid.persons]):
            signs |= grid.supply[lane][row]
        if signs < 0:
            for row in range(grid.offsets[grid.persons]):
                if grid.supply[lane][row] < 0:
                    return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
    return kernel_ok()


def episode_grid(
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    list supplies,
    const int32_t[::1] from_day,
    const int32_t[::1] until_day,
    const int32_t[::1] last_day,
    const int32_t[::1] gap_64ths,
    const int32_t[::1] carry,
    int32_t[:, ::1] start,
    int32_t[:, ::1] end,
    list episodes,
    list first,
    *,
    int32_t days,
    bint append_gap,
):
    cdef int64_t persons = offsets.shape[0] - 1, longest = 0
    cdef int32_t lanes = <int32_t>len(supplies)
    cdef const int32_t[::1] supply
    cdef linkage_grid grid
    cdef Room room
    cdef KernelResult result
    if not (
        1 <= lanes <= LINKAGE_LANES
        and 1 <= gap_64ths.shape[0] <= LINKAGE_MOST_GAPS
        and 1 <= carry.shape[0] <= LINKAGE_MOST_RULES
        and day.shape[0] == code.shape[0] == offsets[persons]
        and from_day.shape[0] == until_day.shape[0] == last_day.shape[0] == persons
        and start.shape[0] == end.shape[0] == lanes
        and start.shape[1] == end.shape[1] == persons
        and len(episodes) in (0, carry.shape[0])
        and len(first) in (0, carry.shape[0])
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0:
        return
    for lane in range(lanes):
        supply = supplies[lane]
        if supply.shape[0] != day.shape[0]:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
        grid.supply[lane] = &supply[0] if supply.shape[0] else NULL
    grid.offsets, grid.persons = &offsets[0], persons
    grid.day = &day[0] if day.shape[0] else NULL
    grid.code = &code[0] if code.shape[0] else NULL
    grid.from_day, grid.until_day, grid.last_day = &from_day[0], &until_day[0], &last_day[0]
    grid.gap_64ths, grid.gaps = &gap_64ths[0], <int32_t>gap_64ths.shape[0]
    grid.carry, grid.rules = &carry[0], <int32_t>carry.shape[0]
    grid.lanes, grid.days, grid.append_gap = lanes, days, append_gap
    grid.start, grid.end = &start[0, 0], &end[0, 0]
    point_at(grid.episodes, episodes, lanes, grid.gaps, persons)
    point_at(grid.first, first, lanes, grid.gaps, persons)
    with nogil:
        result = check_rows(&grid, &longest)
    raise_if_failed(result, "days_of_supply")
    room = Room(longest)
    with nogil:
        linkage_grid_persons(&grid, &room.room)


# Points at the tables of a measure, of each rule and lane; at none where nobody asks for it.
cdef int point_at(int32_t* (*into)[8], list tables, int32_t lanes, int64_t gaps, int64_t persons) except -1:
    cdef int32_t[:, ::1] table
    for rule in range(LINKAGE_MOST_RULES):
        for lane in range(lanes):
            into[rule][lane] = NULL
            if rule < len(tables):
                table = tables[rule][lane]
                if not (table.shape[0] == gaps and table.shape[1] == persons):
                    raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
                into[rule][lane] = &table[0, 0]
    return 0
