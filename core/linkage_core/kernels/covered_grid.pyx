# cython: freethreading_compatible = True
"""Days of an observation on which supply was at hand, for a grid of supplies and rules of carry-over, in one pass.

What one supply says is what the kernel covered_days says: a vector holds eight supplies side by side. Between two rows
of a person every stock covers the days from the first of them on, as long as it lasts: what any of several stocks covers
is what the longest of them does, so that no day is marked. Hospital days are taken out of time before anything is
covered. The twin is the same, tests/reference/drug_indicators.py.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.stdlib cimport free, malloc

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_ORDER,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)
from linkage_core.kernels.person_rows cimport Stays, first_negative, hold_stays

cdef extern from * nogil:
    """
    #include "lanes.h"

    #define LINKAGE_MOST_GROUPS 8

    /* `end` and `covered` have the persons of one end side by side, ends ascend for each person, and answers lie by
     * rule of carry-over, supply and end. `stay_offsets` is NULL where nobody was in hospital. */
    typedef struct {
        const int64_t *offsets;
        const int32_t *with_rows, *day, *code, *valid_from, *valid_until, *carry, *start, *end;
        const int32_t *supply[LINKAGE_LANES];
        const uint8_t *groups_of_code;
        const int64_t *stay_offsets;
        const int32_t *admitted, *discharged;
        int64_t persons, persons_with_rows;
        int32_t lanes, rules, ends, groups, lookback_days, stock_cap, all_groups;
        int32_t *covered;
    } linkage_cover_grid;

    /* Room for a person's rows, of which `row` has the places of those that count, for her stocks, and for the ends of her
     * observation. Without carry-over `left` is the first day that no row of the group covers any more. `marks` are the
     * groups of a stock, as bits. Days of rows and ends are those that she is not in hospital, from the first on that is
     * looked at. Without carry-over supply runs out in hospital too: `until` is the day on which it has, of rows of persons
     * who were there. `signs` has the signs of all supplies. */
    typedef struct {
        linkage_lanes *supply, *left, *until, *signs;
        int32_t *day, *row, *drug, *known, *end;
        uint8_t *groups, *marks;
    } linkage_cover_room;

    /* How far a person's stays were gone through: those before `stay` ended, and their days until `reached` are counted. */
    typedef struct {
        int64_t stay, last_stay;
        int32_t first_day, reached, away;
    } linkage_calendar;

    static inline linkage_calendar linkage_calendar_of(const linkage_cover_grid *grid, int64_t person, int32_t first_day) {
        linkage_calendar calendar = {.first_day = first_day, .reached = first_day};
        if (grid->stay_offsets && grid->stay_offsets[person + 1] > grid->stay_offsets[person])
            calendar.stay = grid->stay_offsets[person], calendar.last_stay = grid->stay_offsets[person + 1];
        return calendar;
    }

    /* Days from the first on until a day that are not in hospital; days are asked for in order. Stays are by day of
     * admission and may overlap. */
    static inline int32_t linkage_days_at_home(const linkage_cover_grid *grid, linkage_calendar *calendar, int32_t day) {
        for (; calendar->stay < calendar->last_stay && grid->discharged[calendar->stay] <= day; calendar->stay++) {
            const int32_t admitted = grid->admitted[calendar->stay], discharged = grid->discharged[calendar->stay];
            if (discharged <= calendar->reached) continue;
            calendar->away += discharged - (admitted > calendar->reached ? admitted : calendar->reached);
            calendar->reached = discharged;
        }
        int32_t away = calendar->away, reached = calendar->reached;
        /* What has not ended by then may have begun; the next time it is looked at again. */
        for (int64_t stay = calendar->stay; stay < calendar->last_stay && grid->admitted[stay] < day; stay++) {
            const int32_t admitted = grid->admitted[stay], until = grid->discharged[stay] < day ? grid->discharged[stay] : day;
            if (until <= reached) continue;
            away += until - (admitted > reached ? admitted : reached);
            reached = until;
        }
        return day - calendar->first_day - away;
    }

    /* The same of eight days, none before the one that was asked for last, without going on to them. */
    static inline __attribute__((always_inline)) void linkage_days_at_home_of_each(const linkage_cover_grid *grid,
                                                                                   const linkage_calendar *calendar,
                                                                                   const linkage_lanes *day,
                                                                                   linkage_lanes *at_home) {
        const linkage_lanes none = {0};
        linkage_lanes away = none + calendar->away;
        int32_t reached = calendar->reached;
        for (int64_t stay = calendar->stay; stay < calendar->last_stay; stay++) {
            const int32_t admitted = grid->admitted[stay], discharged = grid->discharged[stay];
            if (discharged <= reached) continue;
            const linkage_lanes until = LINKAGE_LEAST(*day, none + discharged);
            const linkage_lanes own = until - (admitted > reached ? admitted : reached);
            away += LINKAGE_MOST(own, none);
            reached = discharged;
        }
        *at_home = *day - calendar->first_day - away;
    }

    typedef struct {
        linkage_lanes covered;
        int32_t now, start, stocks;
    } linkage_cover_walk;

    /* Supplies of rows, one vector a row. */
    static inline __attribute__((always_inline)) void linkage_read_supplies(const linkage_cover_grid *grid,
                                                                            const linkage_cover_room *room, int64_t row,
                                                                            int64_t row_end) {
        linkage_lanes *into = room->supply, signs = *room->signs;
        if (grid->lanes == LINKAGE_LANES) {
            for (; row < row_end && row + LINKAGE_LANES <= grid->offsets[grid->persons]; row += LINKAGE_LANES) {
                const int32_t *column[LINKAGE_LANES], nothing[LINKAGE_LANES] = {0};
                for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) column[lane] = grid->supply[lane] + row;
                linkage_turn(column, nothing, into);
                for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) signs |= into[lane];
                into += LINKAGE_LANES;
            }
        }
        for (; row < row_end; row++, into++) {
            for (int32_t lane = 0; lane < grid->lanes; lane++) (*into)[lane] = grid->supply[lane][row];
            for (int32_t lane = grid->lanes; lane < LINKAGE_LANES; lane++) (*into)[lane] = 0;
            signs |= *into;
        }
        *room->signs = signs;
    }

    /* Reads the rows that count; returns how many, and sets the number of drugs. */
    static inline __attribute__((always_inline)) int32_t linkage_read(const linkage_cover_grid *grid,
                                                                      const linkage_cover_room *room, int64_t person,
                                                                      int32_t last_end, int32_t *drugs) {
        const int32_t first_day = grid->start[person] - grid->lookback_days;
        linkage_calendar calendar = linkage_calendar_of(grid, person, first_day);
        int32_t count = 0, known = 0;
        const int64_t row_end = grid->offsets[person + 1];
        int64_t first = grid->offsets[person], row;
        while (first < row_end && grid->day[first] < first_day) first++;
        for (row = first; row < row_end; row++) {
            const int32_t day = grid->day[row], code = grid->code[row];
            uint8_t groups = 0;
            if (day >= last_end) break;
            if (code < 0) continue;
            for (int32_t group = 0; group < grid->groups; group++)
                if (day >= grid->valid_from[group] && day < grid->valid_until[group])
                    groups |= (uint8_t)(grid->groups_of_code[code] & (1 << group));
            if (!groups) continue;
            int32_t number = 0;
            while (number < known && room->known[number] != code) number++;
            if (number == known) room->known[known++] = code;
            room->day[count] = linkage_days_at_home(grid, &calendar, day);
            room->row[count] = (int32_t)(row - first), room->drug[count] = number, room->groups[count] = groups;
            if (calendar.last_stay) {
                linkage_lanes until = {0};
                for (int32_t lane = 0; lane < grid->lanes; lane++) until[lane] = grid->supply[lane][row];
                until = (until >> 6) + day;
                linkage_days_at_home_of_each(grid, &calendar, &until, &room->until[count]);
            }
            count++;
        }
        linkage_read_supplies(grid, room, first, count ? row : first);
        *drugs = known;
        return count;
    }

    /* Reads the ends of observation; returns its start. */
    static inline int32_t linkage_read_ends(const linkage_cover_grid *grid, const linkage_cover_room *room,
                                            int64_t person) {
        linkage_calendar calendar = linkage_calendar_of(grid, person, grid->start[person] - grid->lookback_days);
        const int32_t start = linkage_days_at_home(grid, &calendar, grid->start[person]);
        for (int32_t end = 0; end < grid->ends; end++) {
            const int32_t day = grid->end[end * grid->persons + person];
            /* What ends before it starts covers nothing. */
            room->end[end] = day > grid->start[person] ? linkage_days_at_home(grid, &calendar, day) : start;
        }
        return start;
    }

    /* Uses up some days of each stock, and tells for how many of them any stock lasts, or one of each group. */
    static inline __attribute__((always_inline)) void linkage_use(const linkage_cover_grid *grid,
                                                                  const linkage_cover_room *room, linkage_lanes *left,
                                                                  int32_t stocks, int32_t now, int32_t days,
                                                                  int carried, int all_groups,
                                                                  linkage_lanes *covers) {
        linkage_lanes most = {0}, of_group[LINKAGE_MOST_GROUPS] = {{0}};
        const linkage_lanes none = {0}, asked = none + days;
        for (int32_t stock = 0; stock < stocks; stock++) {
            const linkage_lanes lasts = carried ? left[stock] >> 6 : LINKAGE_MOST(left[stock] - now, none);
            const linkage_lanes used = LINKAGE_LEAST(lasts, asked);
            if (carried) left[stock] -= used << 6;
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
                                                                   const linkage_cover_room *room, linkage_lanes *left,
                                                                   linkage_cover_walk *walk, int32_t until, int carried,
                                                                   int all_groups) {
        linkage_lanes covers;
        if (walk->now < walk->start && until > walk->now) {
            const int32_t then = until < walk->start ? until : walk->start;
            linkage_use(grid, room, left, walk->stocks, walk->now, then - walk->now, carried, all_groups, &covers);
            walk->now = then;
        }
        if (until > walk->now) {
            linkage_use(grid, room, left, walk->stocks, walk->now, until - walk->now, carried, all_groups, &covers);
            walk->covered += covers;
            walk->now = until;
        }
    }

    static inline __attribute__((always_inline)) void linkage_add(const linkage_cover_grid *grid,
                                                                  const linkage_cover_room *room, linkage_lanes *left,
                                                                  int32_t place,
                                                                  int32_t stock, int carried, int away) {
        const linkage_lanes supply = room->supply[room->row[place]], none = {0};
        if (carried) {
            const linkage_lanes most = none + grid->stock_cap, brought = LINKAGE_LEAST(supply, most);
            left[stock] = LINKAGE_LEAST(left[stock] + brought, most);
        } else {
            linkage_lanes until = (supply >> 6) + room->day[place];
            if (away) until = room->until[place];
            left[stock] = LINKAGE_MOST(left[stock], until);
        }
    }

    /* Walks the rows by one rule of carry-over. `stocks` is told apart where it is 1, which most persons have. */
    static inline __attribute__((always_inline)) void linkage_cover_rows(const linkage_cover_grid *grid,
                                                                         const linkage_cover_room *room, int64_t person,
                                                                         int32_t start, int32_t rule, int32_t rows,
                                                                         int32_t stocks,
                                                                         int carried, int by_drug, int all_groups) {
        const linkage_lanes none = {0};
        linkage_cover_walk walk = {.covered = none, .now = 0, .start = start, .stocks = stocks};
        const int away = grid->stay_offsets && grid->stay_offsets[person + 1] > grid->stay_offsets[person];
        /* One stock stays in a register. */
        linkage_lanes one[1], *left = stocks == 1 ? one : room->left;
        int32_t passed = 0;
        for (int32_t stock = 0; stock < stocks; stock++) {
            left[stock] = none;
            room->marks[stock] = by_drug ? 0 : (uint8_t)(1 << stock);
        }
        for (int32_t place = 0; place <= rows; place++) {
            const int32_t then = place < rows ? room->day[place] : room->end[grid->ends - 1];
            for (; passed < grid->ends && room->end[passed] <= then; passed++) {
                linkage_pass(grid, room, left, &walk, room->end[passed], carried, all_groups);
                for (int32_t lane = 0; lane < grid->lanes; lane++) {
                    const int64_t column = ((int64_t)rule * grid->lanes + lane) * grid->ends + passed;
                    grid->covered[column * grid->persons + person] = walk.covered[lane];
                }
            }
            if (place == rows) break;
            linkage_pass(grid, room, left, &walk, then, carried, all_groups);
            if (by_drug) {
                /* From another day on a drug may be of other groups. */
                room->marks[room->drug[place]] = room->groups[place];
                linkage_add(grid, room, left, place, stocks == 1 ? 0 : room->drug[place], carried, away);
            } else {
                for (int32_t group = 0; group < stocks; group++)
                    if ((room->groups[place] >> group) & 1) linkage_add(grid, room, left, place, group, carried, away);
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
        const int32_t start = linkage_read_ends(grid, room, person);
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
                if (!carried) linkage_cover_rows(grid, room, person, start, rule, rows, stocks, 0, 0, 1);
                else linkage_cover_rows(grid, room, person, start, rule, rows, stocks, 1, by_drug, 1);
            } else if (stocks == 1) {
                if (!carried) linkage_cover_rows(grid, room, person, start, rule, rows, 1, 0, 0, 0);
                else linkage_cover_rows(grid, room, person, start, rule, rows, 1, 1, by_drug, 0);
            } else {
                if (!carried) linkage_cover_rows(grid, room, person, start, rule, rows, stocks, 0, 0, 0);
                else linkage_cover_rows(grid, room, person, start, rule, rows, stocks, 1, by_drug, 0);
            }
        }
    }

    /* Returns whether a supply was negative. */
    LINKAGE_WIDE_VECTORS static int linkage_cover_persons(const linkage_cover_grid *grid,
                                                          const linkage_cover_room *lent) {
        linkage_lanes signs = {0};
        linkage_cover_room room = *lent;
        int32_t any = 0;
        room.signs = &signs;
        for (int64_t place = 0; place < grid->persons_with_rows; place++)
            linkage_cover_person(grid, &room, grid->with_rows[place]);
        for (int32_t lane = 0; lane < LINKAGE_LANES; lane++) any |= signs[lane];
        return any < 0;
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
        const int64_t* stay_offsets
        const int32_t* admitted
        const int32_t* discharged
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
        linkage_lanes* until
        int32_t* day
        int32_t* row
        int32_t* drug
        int32_t* known
        int32_t* end
        uint8_t* groups
        uint8_t* marks

    bint linkage_cover_persons(const linkage_cover_grid* grid, const linkage_cover_room* room) noexcept


cdef class Room:
    """Room for the rows and stocks of the person with most rows."""
    cdef linkage_cover_room room
    cdef void* lanes
    cdef void* numbers
    cdef void* bits

    def __cinit__(self, int64_t rows, int64_t ends):
        # Supplies are read eight rows at a time.
        cdef int64_t places = rows + LINKAGE_MOST_GROUPS + LINKAGE_LANES
        self.lanes = malloc(3 * places * LINKAGE_LANES * sizeof(int32_t))
        self.numbers = malloc((4 * places + ends) * sizeof(int32_t))
        self.bits = malloc(2 * places)
        if self.lanes == NULL or self.numbers == NULL or self.bits == NULL:
            raise MemoryError
        self.room.supply = <linkage_lanes*>self.lanes
        self.room.left = <linkage_lanes*>(<char*>self.lanes + places * LINKAGE_LANES * sizeof(int32_t))
        self.room.until = <linkage_lanes*>(<char*>self.lanes + 2 * places * LINKAGE_LANES * sizeof(int32_t))
        self.room.day = <int32_t*>self.numbers
        self.room.drug, self.room.known = self.room.day + places, self.room.day + 2 * places
        self.room.row, self.room.end = self.room.day + 3 * places, self.room.day + 4 * places
        self.room.groups = <uint8_t*>self.bits
        self.room.marks = self.room.groups + places

    def __dealloc__(self):
        free(self.lanes)
        free(self.numbers)
        free(self.bits)


# Sets the number of rows of the person with most.
cdef KernelResult check_rows(const linkage_cover_grid* grid, int64_t* longest) noexcept nogil:
    cdef int64_t place, person, row
    cdef int32_t end
    for place in range(grid.persons_with_rows):
        person = grid.with_rows[place]
        longest[0] = max(longest[0], grid.offsets[person + 1] - grid.offsets[person])
        for row in range(grid.offsets[person] + 1, grid.offsets[person + 1]):
            if grid.day[row] < grid.day[row - 1]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, row)
        for end in range(1, grid.ends):
            if grid.end[end * grid.persons + person] < grid.end[(end - 1) * grid.persons + person]:
                return kernel_failed(KERNEL_OUT_OF_ORDER, grid.offsets[person])
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
    stays,
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
    cdef Stays in_hospital
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
    if rows == 0 or with_rows.shape[0] == 0:
        return
    held = hold_stays(&in_hospital, stays, persons)
    grid.stay_offsets = in_hospital.offsets
    grid.admitted, grid.discharged = in_hospital.admitted, in_hospital.discharged
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
    room = Room(longest, end.shape[0])
    with nogil:
        if linkage_cover_persons(&grid, &room.room):
            result = first_negative(grid.supply, grid.lanes, grid.offsets[grid.persons])
    raise_if_failed(result, "days_of_supply")
