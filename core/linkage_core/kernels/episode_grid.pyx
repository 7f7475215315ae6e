# cython: freethreading_compatible = True
"""Treatment episodes for a grid of supplies, rules of carry-over and permitted gaps, in one pass over the rows.

What one supply says is what the kernel treatment_episodes says of days, without changes of drug or dose: a vector
holds eight supplies side by side, so that a row is walked once for all of them and for every gap, and time is counted
in whole 1/64 days. The twin is the same, tests/reference/treatment_episodes.py.

What most ask of the first episode is a yes or no: whether it ended before a day, or lasts longer than some. That is told
as a byte, so that no lengths are written down, fetched again and compared: these are told where somebody asks for them.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
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
from linkage_core.kernels.person_rows cimport first_negative

cdef extern from * nogil:
    """
    #include "lanes.h"

    #define LINKAGE_MOST_GAPS 8
    #define LINKAGE_MOST_RULES 3
    #define LINKAGE_UNITS_A_DAY 64
    /* What so many persons have is kept together until it is written, as a cache line of each point. */
    #define LINKAGE_TOLD_AT_ONCE 16
    /* Answers are a byte each: a cache line of them. */
    #define LINKAGE_ANSWERED_AT_ONCE 64
    #define LINKAGE_MOST_QUESTIONS 64
    #define LINKAGE_NEVER INT32_MAX

    /* What is asked of the first episode by one of the gaps: whether it ended more than so many days before the exit or the
     * end of follow-up; or whether it lasts longer than so many days. */
    typedef enum { LINKAGE_ENDED_BEFORE = 0, LINKAGE_LASTS_LONGER = 1 } linkage_asks;
    typedef struct { int32_t gap, asks, days; } linkage_question;

    /* `supply` has one column a lane, NULL for a lane that is not asked for. `first` and `episodes` have one table a rule of
     * carry-over and lane, NULL where nobody asks: by gap, its persons side by side. `answers` lie by rule, lane and
     * question, and have the persons of each side by side. */
    typedef struct {
        const int64_t *offsets;
        const int32_t *day, *code, *from_day, *until_day, *last_day, *exit_day, *gap_64ths, *carry;
        const linkage_question *question;
        int32_t questions;
        uint8_t *answers;
        const int32_t *supply[LINKAGE_LANES];
        int64_t persons;
        int32_t lanes, gaps, rules, days, append_gap;
        int32_t *start, *end;
        int32_t *episodes[LINKAGE_MOST_RULES][LINKAGE_LANES], *first[LINKAGE_MOST_RULES][LINKAGE_LANES];
    } linkage_grid;

    /* Room for the person with most rows: supplies and drugs of her rows, and of each drug its end and last day. */
    typedef struct {
        linkage_lanes *supply, *drug_end, *drug_day, *signs;
        int32_t *drug, *known;
    } linkage_grid_room;

    typedef struct {
        linkage_lanes start, end, room, reached, last, episodes[LINKAGE_MOST_GAPS], first[LINKAGE_MOST_GAPS];
    } linkage_grid_walk;

    typedef linkage_lanes linkage_told[LINKAGE_MOST_RULES][LINKAGE_MOST_GAPS][LINKAGE_TOLD_AT_ONCE];

    /* What is told of some persons before it is written: a bit a lane of each answer. */
    typedef struct {
        linkage_told first, episodes;
        uint8_t answers[LINKAGE_MOST_RULES][LINKAGE_MOST_QUESTIONS][LINKAGE_ANSWERED_AT_ONCE];
    } linkage_grid_told;

    typedef int8_t linkage_octets __attribute__((vector_size(LINKAGE_LANES)));

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
        const int32_t counting = grid->episodes[0][0] != 0;
        linkage_lanes reached = start, last = none - 1, first[LINKAGE_MOST_GAPS];
        for (int32_t gap = 0; gap < gaps; gap++) walk->episodes[gap] = none, first[gap] = none + LINKAGE_NEVER;
        for (int64_t place = 0; row < row_end && grid->day[row] < last_day; row++, place++) {
            const linkage_lanes today = none + (grid->day[row] - base) * LINKAGE_UNITS_A_DAY;
            const linkage_lanes supply = room->supply[place], counts = (supply > 0) & (today < end);
            /* No gap is shorter than 0 days. */
            const linkage_lanes waited = LINKAGE_EITHER(counts, today - reached, none);
            for (int32_t gap = 0; gap < gaps; gap++) {
                const linkage_lanes exceeded = waited > grid->gap_64ths[gap];
                if (counting) walk->episodes[gap] -= exceeded;
                /* What follows a gap reaches further than what came before it: the first gap is the least. */
                first[gap] = LINKAGE_EITHER(exceeded & (reached < first[gap]), reached, first[gap]);
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

    /* One bit a lane. */
    static inline __attribute__((always_inline)) uint8_t linkage_bits(const linkage_lanes *which) {
        const linkage_octets octets = __builtin_convertvector(*which, linkage_octets);
        uint64_t all;
        memcpy(&all, &octets, sizeof all);
        return (uint8_t)(((all & 0x0101010101010101u) * 0x0102040810204080u) >> 56);
    }

    static inline __attribute__((always_inline)) void linkage_tell(const linkage_grid *grid, const linkage_grid_walk *walk,
                                                                   linkage_grid_told *told, int rule, int64_t person) {
        const linkage_lanes valid = walk->end > walk->start;
        const int64_t place = person % LINKAGE_TOLD_AT_ONCE, answer = person % LINKAGE_ANSWERED_AT_ONCE;
        linkage_lanes lasts[LINKAGE_MOST_GAPS];
        for (int32_t gap = 0; gap < grid->gaps; gap++) {
            const int32_t permitted = grid->gap_64ths[gap], appended = grid->append_gap ? permitted : 0;
            const linkage_lanes never = walk->first[gap] == LINKAGE_NEVER, exceeded = (walk->end - walk->reached) > permitted;
            const linkage_lanes at_end = LINKAGE_EITHER(exceeded, walk->reached + appended, walk->end);
            const linkage_lanes ends_on = LINKAGE_EITHER(never, at_end, (walk->first[gap] & ~never) + appended);
            lasts[gap] = valid & (ends_on - walk->start);
            if (grid->first[0][0]) told->first[rule][gap][place] = lasts[gap];
            if (grid->episodes[0][0]) told->episodes[rule][gap][place] = valid & (walk->episodes[gap] + 1);
        }
        for (int32_t number = 0; number < grid->questions; number++) {
            const linkage_question asked = grid->question[number];
            const int32_t days = asked.days * LINKAGE_UNITS_A_DAY;
            linkage_lanes yes;
            if (asked.asks == LINKAGE_LASTS_LONGER) yes = lasts[asked.gap] > days;
            else yes = lasts[asked.gap] < walk->room - days;
            told->answers[rule][number][answer] = linkage_bits(&yes);
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

    static inline __attribute__((always_inline)) void linkage_write_answers(const linkage_grid *grid,
                                                                            const linkage_grid_told *told, int64_t person,
                                                                            int64_t persons) {
        uint8_t *cell = grid->answers + person;
        for (int32_t rule = 0; rule < grid->rules; rule++) {
            for (int32_t lane = 0; lane < grid->lanes; lane++) {
                for (int32_t number = 0; number < grid->questions; number++, cell += grid->persons) {
                    const uint8_t *bits = told->answers[rule][number], own = (uint8_t)(1 << lane);
                    for (int64_t place = 0; place < persons; place++) cell[place] = (bits[place] & own) != 0;
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
        linkage_lanes first = none + LINKAGE_NEVER, signs = *room->signs;
        int64_t row = grid->offsets[person], place = 0;
        while (row < row_end && grid->day[row] < grid->from_day[person]) row++;
        int64_t next = row;
        if (grid->lanes == LINKAGE_LANES) {
            for (; next < row_end && next + LINKAGE_LANES <= grid->offsets[grid->persons]; next += LINKAGE_LANES) {
                const int32_t *column[LINKAGE_LANES], nothing[LINKAGE_LANES] = {0};
                for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) column[lane] = grid->supply[lane] + next;
                linkage_turn(column, nothing, room->supply + place);
                for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) signs |= room->supply[place + lane];
                place += LINKAGE_LANES;
            }
        }
        for (; next < row_end; next++, place++) {
            for (int32_t lane = 0; lane < grid->lanes; lane++) room->supply[place][lane] = grid->supply[lane][next];
            for (int32_t lane = grid->lanes; lane < LINKAGE_LANES; lane++) room->supply[place][lane] = 0;
            signs |= room->supply[place];
        }
        *room->signs = signs;
        /* Apart from the loop above: what was just written lane by lane cannot be read as a vector at once. */
        place = 0;
        for (next = row; next < row_end && grid->day[next] < grid->until_day[person]; next++, place++) {
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
                                                                          linkage_grid_told *told) {
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
        if (grid->questions) {
            const linkage_lanes begun = start != LINKAGE_NEVER, started = begun & start, until = started + grid->days;
            const linkage_lanes exit = started - started + grid->exit_day[person];
            walk.room = begun & ((LINKAGE_LEAST(until, exit) - started) * LINKAGE_UNITS_A_DAY);
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
            linkage_tell(grid, &walk, told, rule, person);
        }
    }

    /* Returns whether a supply was negative. */
    LINKAGE_WIDE_VECTORS static int linkage_grid_persons(const linkage_grid *grid, const linkage_grid_room *lent) {
        linkage_grid_told told;
        linkage_lanes signs = {0};
        linkage_grid_room room = *lent;
        int64_t answered = 0;
        int32_t any = 0;
        room.signs = &signs;
        for (int64_t from = 0; from < grid->persons; from += LINKAGE_TOLD_AT_ONCE) {
            const int64_t until = from + LINKAGE_TOLD_AT_ONCE < grid->persons ? from + LINKAGE_TOLD_AT_ONCE : grid->persons;
            for (int64_t person = from; person < until; person++) linkage_grid_person(grid, &room, person, &told);
            linkage_write(grid, told.first, grid->first, from, until - from);
            linkage_write(grid, told.episodes, grid->episodes, from, until - from);
            if (until % LINKAGE_ANSWERED_AT_ONCE == 0 || until == grid->persons) {
                linkage_write_answers(grid, &told, answered, until - answered);
                answered = until;
            }
        }
        for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) any |= signs[lane];
        return any < 0;
    }
    """
    enum:
        LINKAGE_LANES
        LINKAGE_MOST_GAPS
        LINKAGE_MOST_QUESTIONS
        LINKAGE_MOST_RULES

    ctypedef struct linkage_question:
        int32_t gap
        int32_t asks
        int32_t days

    ctypedef struct linkage_lanes:
        pass

    ctypedef struct linkage_grid:
        const int64_t* offsets
        const int32_t* day
        const int32_t* code
        const int32_t* from_day
        const int32_t* until_day
        const int32_t* last_day
        const int32_t* exit_day
        const int32_t* gap_64ths
        const int32_t* carry
        const linkage_question* question
        int32_t questions
        uint8_t* answers
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

    bint linkage_grid_persons(const linkage_grid* grid, const linkage_grid_room* room) noexcept


cdef class Room:
    """Room for the rows and drugs of the person with most rows."""
    cdef linkage_grid_room room
    cdef void* lanes
    cdef void* numbers

    def __cinit__(self, int64_t rows):
        cdef int64_t lane_bytes = LINKAGE_LANES * sizeof(int32_t)
        # Supplies are read eight rows at a time.
        rows += LINKAGE_LANES
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
    for person in range(grid.persons):
        longest[0] = max(longest[0], grid.offsets[person + 1] - grid.offsets[person])
        for row in range(grid.offsets[person] + 1, grid.offsets[person + 1]):
            if grid.day[row] < grid.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
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
    const int32_t[::1] exit_day,
    const int32_t[:, ::1] questions,
    uint8_t[:, :, :, ::1] answers,
    *,
    int32_t days,
    bint append_gap,
):
    cdef int64_t persons = offsets.shape[0] - 1, longest = 0
    cdef int64_t number
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
        and exit_day.shape[0] == persons
        and questions.shape[0] <= LINKAGE_MOST_QUESTIONS and questions.shape[1] == 3
        and answers.shape[0] == carry.shape[0] and answers.shape[1] == lanes
        and answers.shape[2] == questions.shape[0] and answers.shape[3] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    for number in range(questions.shape[0]):
        if not 0 <= questions[number, 0] < gap_64ths.shape[0]:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    for number in range(gap_64ths.shape[0]):
        if gap_64ths[number] < 0:
            raise_if_failed(kernel_failed(KERNEL_NEGATIVE_VALUE, -1), "dispensing_date")
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
    grid.exit_day, grid.questions = &exit_day[0], <int32_t>questions.shape[0]
    if grid.questions:
        grid.question = <const linkage_question*>&questions[0, 0]
        grid.answers = &answers[0, 0, 0, 0]
    point_at(grid.episodes, episodes, lanes, grid.gaps, persons)
    point_at(grid.first, first, lanes, grid.gaps, persons)
    with nogil:
        result = check_rows(&grid, &longest)
    raise_if_failed(result, "days_of_supply")
    room = Room(longest)
    with nogil:
        if linkage_grid_persons(&grid, &room.room):
            result = first_negative(grid.supply, grid.lanes, grid.offsets[grid.persons])
    raise_if_failed(result, "days_of_supply")


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
