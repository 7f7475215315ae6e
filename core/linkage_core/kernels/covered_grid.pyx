# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, for a grid of supplies and rules of carry-over, in one pass.

What one supply says is what the kernel covered_days says without hospital stays: a vector holds eight supplies side by
side. Between two rows of a person every stock covers the days from the first of them on, as long as it lasts: what any
of several stocks covers is what the longest of them does, so that no day is marked. The twin is the same,
tests/reference/drug_indicators.py.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

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

    #define LINKAGE_MOST_GROUPS 8

    /* `end` and `covered` have the persons of one end side by side, ends ascend for each person, and answers lie by
     * rule of carry-over, supply and end. */
    typedef struct {
        const int64_t *offsets;
        const int32_t *with_rows, *day, *code, *valid_from, *valid_until, *carry, *start, *end;
        const int32_t *supply[LINKAGE_LANES];
        const uint8_t *groups_of_code;
        int64_t persons, persons_with_rows;
        int32_t lanes, rules, ends, groups, lookback_days, stock_cap, all_groups;
        int32_t *covered;
    } linkage_cover_grid;

    /* Room for the rows of a person that count, and for her stocks. Without carry-over `left` is the first day that no
     * row of the group covers any more. `marks` are the groups of a stock, as bits. */
    typedef struct {
        linkage_lanes *supply, *left;
        int32_t *day, *drug, *known;
        uint8_t *groups, *marks;
    } linkage_cover_room;

    typedef struct {
        linkage_lanes covered;
        int32_t now, start, stocks;
    } linkage_cover_walk;

    /* Reads the rows that count; returns how many, and sets the number of drugs. */
    static inline int32_t linkage_read(const linkage_cover_grid *grid, const linkage_cover_room *room, int64_t person,
                                       int32_t last_end, int32_t *drugs) {
        const int32_t first_day = grid->start[person] - grid->lookback_days;
        int32_t count = 0, known = 0;
        for (int64_t row = grid->offsets[person]; row < grid->offsets[person + 1]; row++) {
            const int32_t day = grid->day[row], code = grid->code[row];
            uint8_t groups = 0;
            if (day < first_day || code < 0) continue;
            if (day >= last_end) break;
            for (int32_t group = 0; group < grid->groups; group++)
                if (day >= grid->valid_from[group] && day < grid->valid_until[group])
                    groups |= (uint8_t)(grid->groups_of_code[code] & (1 << group));
            if (!groups) continue;
            int32_t number = 0;
            while (number < known && room->known[number] != code) number++;
            if (number == known) room->known[known++] = code;
            room->day[count] = day, room->drug[count] = number, room->groups[count] = groups;
            for (int32_t lane = 0; lane < grid->lanes; lane++) room->supply[count][lane] = grid->supply[lane][row];
            for (int32_t lane = grid->lanes; lane < LINKAGE_LANES; lane++) room->supply[count][lane] = 0;
            count++;
        }
        *drugs = known;
        return count;
    }

    /* Uses up some days of each stock, and tells for how many of them any stock lasts, or one of each group. */
    static inline __attribute__((always_inline)) void linkage_use(const linkage_cover_grid *grid,
                                                                  const linkage_cover_room *room, int32_t stocks,
                                                                  int32_t now, int32_t days, int carried, int all_groups,
                                                                  linkage_lanes *covers) {
        linkage_lanes most = {0}, of_group[LINKAGE_MOST_GROUPS] = {{0}};
        const linkage_lanes none = {0}, asked = none + days;
        for (int32_t stock = 0; stock < stocks; stock++) {
            const linkage_lanes lasts = carried ? room->left[stock] >> 6 : LINKAGE_MOST(room->left[stock] - now, none);
            const linkage_lanes used = LINKAGE_LEAST(lasts, asked);
            if (carried) room->left[stock] -= used << 6;
            if (!all_groups) {
                most = LINKAGE_MOST(most, used);
                continue;
            }
            for (int32_t group = 0; group < grid->groups; group++)
                if ((room->marks[stock] >> group) & 1) of_group[group] = LINKAGE_MOST(of_group[group], used);
        }
        if (all_groups) {
            most = of_group[0];
            for (int32_t group = 1; group < grid->groups; group++) most = LINKAGE_LEAST(most, of_group[group]);
        }
        *covers = most;
    }

    /* Goes on to a day; days count from the start of observation on. */
    static inline __attribute__((always_inline)) void linkage_pass(const linkage_cover_grid *grid,
                                                                   const linkage_cover_room *room,
                                                                   linkage_cover_walk *walk, int32_t until, int carried,
                                                                   int all_groups) {
        linkage_lanes covers;
        if (walk->now < walk->start && until > walk->now) {
            const int32_t then = until < walk->start ? until : walk->start;
            linkage_use(grid, room, walk->stocks, walk->now, then - walk->now, carried, all_groups, &covers);
            walk->now = then;
        }
        if (until > walk->now) {
            linkage_use(grid, room, walk->stocks, walk->now, until - walk->now, carried, all_groups, &covers);
            walk->covered += covers;
            walk->now = until;
        }
    }

    static inline __attribute__((always_inline)) void linkage_add(const linkage_cover_grid *grid,
                                                                  const linkage_cover_room *room, int32_t place,
                                                                  int32_t stock, int carried) {
        const linkage_lanes supply = room->supply[place], none = {0};
        if (carried) {
            const linkage_lanes most = none + grid->stock_cap, brought = LINKAGE_LEAST(supply, most);
            room->left[stock] = LINKAGE_LEAST(room->left[stock] + brought, most);
        } else {
            const linkage_lanes until = (supply >> 6) + room->day[place];
            room->left[stock] = LINKAGE_MOST(room->left[stock], until);
        }
    }

    /* Walks the rows by one rule of carry-over. `stocks` is told apart where it is 1, which most persons have. */
    static inline __attribute__((always_inline)) void linkage_cover_rows(const linkage_cover_grid *grid,
                                                                         const linkage_cover_room *room, int64_t person,
                                                                         int32_t rule, int32_t rows, int32_t stocks,
                                                                         int carried, int by_drug, int all_groups) {
        const linkage_lanes none = {0};
        const int32_t first_day = grid->start[person] - grid->lookback_days;
        linkage_cover_walk walk = {.covered = none, .now = first_day, .start = grid->start[person], .stocks = stocks};
        int32_t passed = 0;
        for (int32_t stock = 0; stock < stocks; stock++) {
            room->left[stock] = carried ? none : none + first_day;
            room->marks[stock] = by_drug ? 0 : (uint8_t)(1 << stock);
        }
        for (int32_t place = 0; place <= rows; place++) {
            const int64_t last = (int64_t)(grid->ends - 1) * grid->persons + person;
            const int32_t then = place < rows ? room->day[place] : grid->end[last];
            for (; passed < grid->ends && grid->end[passed * grid->persons + person] <= then; passed++) {
                linkage_pass(grid, room, &walk, grid->end[passed * grid->persons + person], carried, all_groups);
                for (int32_t lane = 0; lane < grid->lanes; lane++) {
                    const int64_t column = ((int64_t)rule * grid->lanes + lane) * grid->ends + passed;
                    grid->covered[column * grid->persons + person] = walk.covered[lane];
                }
            }
            if (place == rows) break;
            linkage_pass(grid, room, &walk, then, carried, all_groups);
            if (by_drug) {
                /* From another day on a drug may be of other groups. */
                room->marks[room->drug[place]] = room->groups[place];
                linkage_add(grid, room, place, stocks == 1 ? 0 : room->drug[place], carried);
            } else {
                for (int32_t group = 0; group < stocks; group++)
                    if ((room->groups[place] >> group) & 1) linkage_add(grid, room, place, group, carried);
            }
        }
    }

    static inline void linkage_tell_again(const linkage_cover_grid *grid, int64_t person, int32_t known, int32_t rule) {
        const int64_t columns = (int64_t)grid->lanes * grid->ends, apart = (rule - known) * columns * grid->persons;
        for (int64_t column = known * columns; column < (known + 1) * columns; column++)
            grid->covered[column * grid->persons + person + apart] = grid->covered[column * grid->persons + person];
    }

    static inline __attribute__((always_inline)) void linkage_cover_person(const linkage_cover_grid *grid,
                                                                           const linkage_cover_room *room,
                                                                           int64_t person) {
        const int32_t last_end = grid->end[(int64_t)(grid->ends - 1) * grid->persons + person];
        int32_t drugs = 0;
        if (last_end <= grid->start[person]) return;
        const int32_t rows = linkage_read(grid, room, person, last_end, &drugs);
        if (rows == 0) return;
        int32_t known[2] = {-1, -1};
        for (int32_t rule = 0; rule < grid->rules; rule++) {
            const int carried = grid->carry[rule] != LINKAGE_CARRY_NOTHING;
            /* With one drug its own stock is the only one. */
            if (drugs == 1 && grid->groups == 1) {
                if (known[carried] >= 0) {
                    linkage_tell_again(grid, person, known[carried], rule);
                    continue;
                }
                known[carried] = rule;
            }
            const int by_drug = grid->carry[rule] == LINKAGE_CARRY_PER_DRUG;
            const int32_t stocks = by_drug ? drugs : grid->groups;
            if (grid->all_groups) {
                if (!carried) linkage_cover_rows(grid, room, person, rule, rows, stocks, 0, 0, 1);
                else linkage_cover_rows(grid, room, person, rule, rows, stocks, 1, by_drug, 1);
            } else if (stocks == 1) {
                if (!carried) linkage_cover_rows(grid, room, person, rule, rows, 1, 0, 0, 0);
                else linkage_cover_rows(grid, room, person, rule, rows, 1, 1, by_drug, 0);
            } else {
                if (!carried) linkage_cover_rows(grid, room, person, rule, rows, stocks, 0, 0, 0);
                else linkage_cover_rows(grid, room, person, rule, rows, stocks, 1, by_drug, 0);
            }
        }
    }

    LINKAGE_WIDE_VECTORS static void linkage_cover_persons(const linkage_cover_grid *grid,
                                                           const linkage_cover_room *room) {
        for (int64_t place = 0; place < grid->persons_with_rows; place++)
            linkage_cover_person(grid, room, grid->with_rows[place]);
    }
    """
    enum:
        LINKAGE_LANES
        LINKAGE_MOST_GROUPS
        LINKAGE_MOST_STOCK

    ctypedef struct linkage_lanes:
        pass

    ctypedef struct linkage_cover_grid:
        const int64_t* offsets
        const int32_t* with_rows
        const int32_t* day
        const int32_t* code
        const int32_t* valid_from
        const int32_t* valid_until
        const int32_t* carry
        const int32_t* start
        const int32_t* end
        const int32_t* supply[8]
        const uint8_t* groups_of_code
        int64_t persons
        int64_t persons_with_rows
        int32_t lanes
        int32_t rules
        int32_t ends
        int32_t groups
        int32_t lookback_days
        int32_t stock_cap
        bint all_groups
        int32_t* covered

    ctypedef struct linkage_cover_room:
        linkage_lanes* supply
        linkage_lanes* left
        int32_t* day
        int32_t* drug
        int32_t* known
        uint8_t* groups
        uint8_t* marks

    void linkage_cover_persons(const linkage_cover_grid* grid, const linkage_cover_room* room) noexcept


cdef class Room:
    """Room for the rows and stocks of the person with most rows."""
    cdef linkage_cover_room room
    cdef void* lanes
    cdef void* numbers
    cdef void* bits

    def __cinit__(self, int64_t rows):
        cdef int64_t places = rows + LINKAGE_MOST_GROUPS
        self.lanes = malloc(2 * places * LINKAGE_LANES * sizeof(int32_t))
        self.numbers = malloc(3 * places * sizeof(int32_t))
        self.bits = malloc(2 * places)
        if self.lanes == NULL or self.numbers == NULL or self.bits == NULL:
            raise MemoryError
        self.room.supply = <linkage_lanes*>self.lanes
        self.room.left = <linkage_lanes*>(<char*>self.lanes + places * LINKAGE_LANES * sizeof(int32_t))
        self.room.day = <int32_t*>self.numbers
        self.room.drug, self.room.known = self.room.day + places, self.room.day + 2 * places
        self.room.groups = <uint8_t*>self.bits
        self.room.marks = self.room.groups + places

    def __dealloc__(self):
        free(self.lanes)
        free(self.numbers)
        free(self.bits)


# Sets the number of rows of the person with most.
cdef KernelResult check_rows(const linkage_cover_grid* grid, int64_t* longest) noexcept nogil:
    cdef int64_t place, person, row
    cdef int32_t lane, end, signs = 0
    for place in range(grid.persons_with_rows):
        person = grid.with_rows[place]
        longest[0] = max(longest[0], grid.offsets[person + 1] - grid.offsets[person])
        for row in range(grid.offsets[person] + 1, grid.offsets[person + 1]):
            if grid.day[row] < grid.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        for end in range(1, grid.ends):
            if grid.end[end * grid.persons + person] < grid.end[(end - 1) * grid.persons + person]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, grid.offsets[person])
    for lane in range(grid.lanes):
        # One look at the sign of all of them; which row it is only matters where there is one.
        for row in range(grid.offsets[grid.persons]):
            signs |= grid.supply[lane][row]
        if signs < 0:
            for row in range(grid.offsets[grid.persons]):
                if grid.supply[lane][row] < 0:
                    return kernel_failed(KERNEL_NEGATIVE_VALUE, row)
    return kernel_ok()


def covered_grid(
    const int32_t[::1] with_rows,
    const int64_t[::1] offsets,
    const int32_t[::1] day,
    const int32_t[::1] code,
    const uint8_t[::1] groups_of_code,
    list supplies,
    const int32_t[::1] valid_from,
    const int32_t[::1] valid_until,
    const int32_t[::1] carry,
    const int32_t[::1] start,
    const int32_t[:, ::1] end,
    int32_t[:, :, :, ::1] covered,
    *,
    int32_t lookback_days,
    int64_t stock_cap_64ths,
    bint all_groups,
):
    cdef int64_t persons = start.shape[0], rows = day.shape[0], longest = 0
    cdef int32_t lanes = <int32_t>len(supplies)
    cdef const int32_t[::1] supply
    cdef linkage_cover_grid grid
    cdef Room room
    cdef KernelResult result
    if not (
        1 <= lanes <= LINKAGE_LANES
        and 1 <= valid_from.shape[0] == valid_until.shape[0] <= LINKAGE_MOST_GROUPS
        and offsets.shape[0] == persons + 1
        and rows == code.shape[0] == offsets[persons]
        and end.shape[1] == persons
        and covered.shape[0] == carry.shape[0] and covered.shape[1] == lanes
        and covered.shape[2] == end.shape[0] and covered.shape[3] == persons
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    if persons == 0 or carry.shape[0] == 0 or end.shape[0] == 0:
        return
    memset(&covered[0, 0, 0, 0], 0, covered.shape[0] * lanes * end.shape[0] * persons * sizeof(int32_t))
    if rows == 0 or with_rows.shape[0] == 0:
        return
    for lane in range(lanes):
        supply = supplies[lane]
        if supply.shape[0] != rows:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "days_of_supply")
        grid.supply[lane] = &supply[0]
    grid.offsets, grid.with_rows, grid.day, grid.code = &offsets[0], &with_rows[0], &day[0], &code[0]
    grid.groups_of_code = &groups_of_code[0] if groups_of_code.shape[0] else NULL
    grid.valid_from, grid.valid_until, grid.groups = &valid_from[0], &valid_until[0], <int32_t>valid_from.shape[0]
    grid.carry, grid.rules, grid.lanes = &carry[0], <int32_t>carry.shape[0], lanes
    grid.start, grid.end, grid.ends = &start[0], &end[0, 0], <int32_t>end.shape[0]
    grid.persons, grid.persons_with_rows = persons, with_rows.shape[0]
    grid.lookback_days, grid.all_groups = lookback_days, all_groups
    grid.stock_cap = <int32_t>min(stock_cap_64ths, <int64_t>LINKAGE_MOST_STOCK)
    grid.covered = &covered[0, 0, 0, 0]
    with nogil:
        result = check_rows(&grid, &longest)
    raise_if_failed(result, "days_of_supply")
    room = Room(longest)
    with nogil:
        linkage_cover_persons(&grid, &room.room)
