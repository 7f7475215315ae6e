# cython: freethreading_compatible = True
"""Boxes of blanks: moves that change small cells of a table with all its totals and no printed number.

A table is a product of axes. Raising one leaf of an axis and lowering another, or raising one alone, changes the
codes above them alike; the product of one such step per axis keeps every sum of the table. Its cells are the corners
of a box. A box that stays within bounds is a witness: each of its corners could have another value.
Boxes that share a corner can be added so that it stays as it is: rings of six cells and longer ones come from that.
"""

import numpy as np

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)
from linkage_core.kernels.lattice_axes cimport MOST_AXES, Lattice, among, fewest_first, hold_lattice

cdef enum:
    MOST_STEPS = 32
    MOST_SUPPORT = 24
    MOST_CORNERS = 1024
    MOST_BOXES = 8
    MOST_BENT = 96
    DETOURS = 3
    MOST_PICKED = 4
    MANY_PAIRS = 1024
    ROOM_BITS = 14
    ROOM_MASK = (1 << 14) - 1
    FINE = 5040
    # Moves: those in doubt need a cell that is open while a trial runs.
    DEAD = 0
    ALIVE = 1
    IN_DOUBT = 2
    TRIAL_MOVES = 1000
    TRIAL_ENTRIES = 100000
    TRIAL_CELLS = 10000
    TRIAL_WORK = 20000

# One way to change an axis that raises the code in question by one: what it does to the other codes of its line.
ctypedef struct Step:
    int64_t key
    int32_t cost
    int32_t rise
    int32_t fall
    int32_t size
    int64_t offset[MOST_SUPPORT]
    int8_t sign[MOST_SUPPORT]

# What a move does to its cells.
ctypedef struct Change:
    int32_t size
    int32_t cell[2 * MOST_BENT]
    int8_t by[2 * MOST_BENT]

ctypedef struct Search:
    Lattice lattice
    # Cells. A word holds the price of blanking the cell (0: it is blank) and how far it may fall, plus one (0: fixed).
    uint32_t* word
    const int32_t* price
    const uint8_t* sensitive
    const int16_t* reach
    int32_t width
    uint8_t* blank
    int16_t* moved
    # Evidence: how far each cell is seen to rise and fall by ones, and to rise at all, and by which moves.
    int16_t* up
    int16_t* down
    int16_t* high
    int32_t* up_by
    int32_t* down_by
    int32_t* high_by
    int32_t* first_entry
    # Moves.
    int32_t moves
    int64_t* start
    int16_t* lowest
    int16_t* highest
    uint8_t* alive
    int32_t* cell_of
    int16_t* change_of
    int32_t* owner
    int32_t* next_entry
    # One search.
    bint opening
    bint displaced
    bint whole
    int32_t keep
    int64_t patience
    int64_t work
    int64_t probes
    int32_t target
    int32_t rest
    int32_t goal
    int32_t have_up
    int32_t have_down
    int32_t small_first[MOST_AXES]
    int32_t order[MOST_AXES]
    int32_t steps[MOST_AXES]
    bint has_alone[MOST_AXES]
    Step alone[MOST_AXES]
    Step step[MOST_AXES][MOST_STEPS + 1]
    int32_t corner[MOST_AXES + 1][MOST_CORNERS]
    int8_t sign[MOST_AXES + 1][MOST_CORNERS]
    int64_t best_key
    int32_t best_corners
    int32_t best_rise
    int32_t best_fall
    int32_t best_cell[MOST_CORNERS]
    int8_t best_sign[MOST_CORNERS]
    # A bend: a box that a corner is taken out of, what the rest of it costs, and what room it leaves.
    int32_t bends
    bint bent
    bint against
    int32_t rest_cost
    int32_t rest_rise
    int32_t rest_fall
    int64_t kept_key
    Change kept
    Change both
    Change cheapest
    int32_t sum_cells
    int32_t sum_cell[MOST_CORNERS * MOST_BOXES]
    # One trial of opening blanks.
    bint on_trial
    int64_t saved
    int64_t paid
    int32_t stamp
    int32_t* mark
    int32_t* reopened
    int64_t trial_end
    int32_t changes
    int32_t gones
    int32_t touches
    int32_t due
    int32_t laters
    int32_t change[4 * TRIAL_CELLS]
    int32_t gone[4 * TRIAL_CELLS]
    int32_t touched[2 * TRIAL_ENTRIES + 4 * TRIAL_CELLS]
    int32_t work_list[16 * TRIAL_CELLS]
    int32_t later[4 * TRIAL_CELLS]


cdef inline int32_t room_of(uint32_t word) noexcept nogil:
    return <int32_t>(word & ROOM_MASK) - 1


# How much of what is still wanted a box gives: first the rise that is missing, then different values.
cdef inline int32_t gain_of(const Search* at, int32_t rise, int32_t fall) noexcept nogil:
    cdef int32_t gain, swapped
    if at.bent:
        if at.against:
            swapped = rise
            rise = fall
            fall = swapped
        rise = min(rise, at.rest_rise)
        fall = min(fall, at.rest_fall)
    if at.rest > 0:
        if rise < at.rest:
            return 0 if at.whole else rise
        gain = rise + fall
    else:
        gain = max(rise, at.have_up) + max(fall, at.have_down) - at.have_up - at.have_down
    return min(gain, at.goal)


cdef inline int64_t key_of(int32_t cost, int32_t gain) noexcept nogil:
    return (<int64_t>cost + 1) * FINE // gain


# The cheapest steps of an axis, in order; the cheapest that lowers no leaf is remembered beside them, because it
# always fits.
cdef void put_step(Search* at, int32_t axis, const Step* step, bint is_alone) noexcept nogil:
    cdef int32_t place = at.steps[axis]
    if is_alone and (not at.has_alone[axis] or step.key < at.alone[axis].key):
        at.alone[axis] = step[0]
        at.has_alone[axis] = True
    if place == at.keep:
        if step.key >= at.step[axis][place - 1].key:
            return
        place -= 1
    at.steps[axis] = place + 1
    while place > 0 and at.step[axis][place - 1].key > step.key:
        at.step[axis][place] = at.step[axis][place - 1]
        place -= 1
    at.step[axis][place] = step[0]


# Adds the codes of `mine` that are not among `theirs`; False where one of them cannot move that way.
cdef bint add_codes(
    Search* at, Step* step, int32_t axis, int32_t code, int64_t line, const int32_t* mine, int32_t size,
    const int32_t* theirs, int32_t their_size, int8_t sign
) noexcept nogil:
    cdef int32_t i, room
    cdef int64_t cell
    cdef uint32_t word
    for i in range(size):
        if mine[i] == code or among(theirs, their_size, mine[i]):
            continue
        cell = line + mine[i] * at.lattice.stride[axis]
        word = at.word[cell]
        if not word & ROOM_MASK or (not at.opening and word >> ROOM_BITS) or step.size == MOST_SUPPORT:
            return False
        room = room_of(word)
        if sign < 0:
            if at.displaced and at.moved[cell] < 0:
                room += at.moved[cell]
            step.rise = min(step.rise, room)
        else:
            step.fall = min(step.fall, room)
        step.cost += <int32_t>(word >> ROOM_BITS)
        step.offset[step.size] = (mine[i] - code) * at.lattice.stride[axis]
        step.sign[step.size] = sign
        step.size += 1
    return True


cdef void try_step(
    Search* at, int32_t axis, int32_t code, int64_t line, int32_t leaf, int32_t partner
) noexcept nogil:
    cdef Step step
    cdef const int32_t* above = at.lattice.above_start + at.lattice.base[axis]
    cdef const int32_t* mine = at.lattice.above + above[leaf]
    cdef int32_t my_size = above[leaf + 1] - above[leaf]
    cdef const int32_t* theirs = NULL
    cdef int32_t their_size = 0, gain
    at.work += 1
    if partner >= 0:
        theirs = at.lattice.above + above[partner]
        their_size = above[partner + 1] - above[partner]
    step.cost = 0
    step.rise = step.fall = ROOM_MASK
    step.size = 0
    if not add_codes(at, &step, axis, code, line, theirs, their_size, mine, my_size, -1):
        return
    if not add_codes(at, &step, axis, code, line, mine, my_size, theirs, their_size, 1):
        return
    gain = gain_of(at, step.rise, step.fall)
    if gain > 0:
        step.key = key_of(at.rest_cost + step.cost, gain)
        put_step(at, axis, &step, partner < 0)


# All steps of the target's line along an axis: a leaf below its code, with one outside or with none. Where there are
# very many pairs, only the leaves cheapest by themselves are paired.
cdef void line_steps(Search* at, int32_t axis) noexcept nogil:
    cdef int32_t code = <int32_t>((at.target // at.lattice.stride[axis]) % at.lattice.codes[axis])
    cdef int64_t line = at.target - code * at.lattice.stride[axis]
    cdef const int32_t* below = at.lattice.below_start + at.lattice.base[axis]
    cdef const int32_t* under = at.lattice.below + below[code]
    cdef int32_t size = below[code + 1] - below[code]
    cdef int32_t i, k, partner, picks = 0
    cdef int32_t pick[MOST_PICKED + 1]
    cdef uint32_t rank[MOST_PICKED + 1]
    cdef uint32_t word
    cdef bint all_pairs = <int64_t>size * (at.lattice.leaves[axis] - size) <= MANY_PAIRS
    at.steps[axis] = 0
    at.has_alone[axis] = False
    for i in range(size):
        try_step(at, axis, code, line, under[i], -1)
    for i in range(size):
        if all_pairs:
            for partner in range(at.lattice.leaves[axis]):
                if not among(under, size, partner):
                    try_step(at, axis, code, line, under[i], partner)
            continue
        word = at.word[line + under[i] * at.lattice.stride[axis]]
        if not word & ROOM_MASK:
            continue
        k = picks
        while k > 0 and rank[k - 1] > word >> ROOM_BITS:
            rank[k] = rank[k - 1]
            pick[k] = pick[k - 1]
            k -= 1
        rank[k] = word >> ROOM_BITS
        pick[k] = under[i]
        picks = min(picks + 1, <int32_t>MOST_PICKED)
    for i in range(picks):
        for partner in range(at.lattice.leaves[axis]):
            if not among(under, size, partner):
                try_step(at, axis, code, line, pick[i], partner)


# Branch and bound: one axis after another, the corners so far times the step. A part of a box costs no more and has
# no less room than the whole of it.
cdef void grow(Search* at, int32_t depth, int32_t corners, int32_t cost, int32_t rise, int32_t fall) noexcept nogil:
    cdef int32_t axis, i, j, k, size, gain, new_cost, new_rise, new_fall, room, cell
    cdef int8_t sign
    cdef uint32_t word
    cdef const Step* step
    cdef int32_t* corner = at.corner[depth]
    cdef int8_t* signs = at.sign[depth]
    cdef bint fits
    if depth == at.lattice.axes:
        at.best_key = key_of(at.rest_cost + cost, gain_of(at, rise, fall))
        at.best_corners = corners
        at.best_rise = rise
        at.best_fall = fall
        for i in range(corners):
            at.best_cell[i] = corner[i]
            at.best_sign[i] = signs[i]
        return
    axis = at.order[depth]
    for k in range(at.steps[axis]):
        step = &at.step[axis][k]
        if step.key >= at.best_key or (at.probes >= at.patience and (at.best_corners or at.bent)):
            return
        if corners * (step.size + 1) > MOST_CORNERS:
            continue
        new_cost = cost
        new_rise = rise
        new_fall = fall
        size = corners
        fits = True
        for j in range(step.size):
            for i in range(corners):
                cell = <int32_t>(corner[i] + step.offset[j])
                sign = signs[i] * step.sign[j]
                word = at.word[cell]
                if not word & ROOM_MASK or (not at.opening and word >> ROOM_BITS):
                    fits = False
                    break
                room = room_of(word)
                if sign < 0:
                    if at.displaced and at.moved[cell] < 0:
                        room += at.moved[cell]
                    new_rise = min(new_rise, room)
                else:
                    new_fall = min(new_fall, room)
                new_cost += <int32_t>(word >> ROOM_BITS)
                at.corner[depth + 1][size] = cell
                at.sign[depth + 1][size] = sign
                size += 1
            gain = gain_of(at, new_rise, new_fall)
            if not fits or gain < 1 or key_of(at.rest_cost + new_cost, gain) >= at.best_key:
                fits = False
                break
        at.probes += size - corners
        if fits:
            for i in range(corners):
                at.corner[depth + 1][i] = corner[i]
                at.sign[depth + 1][i] = signs[i]
            grow(at, depth + 1, size, new_cost, new_rise, new_fall)


# Boxes around the target that cost less than `best_key`; the cheapest is kept.
cdef bint cheaper_box(Search* at, int64_t best_key) noexcept nogil:
    cdef int32_t axis, j
    at.best_key = best_key
    at.best_corners = 0
    at.probes = 0
    for j in range(at.lattice.axes):
        axis = at.small_first[j]
        line_steps(at, axis)
        if at.has_alone[axis] and at.steps[axis] == at.keep:
            at.step[axis][at.keep] = at.alone[axis]
            at.steps[axis] += 1
        if at.steps[axis] == 0:
            return False
    fewest_first(at.steps, at.lattice.axes, at.order)
    at.corner[0][0] = at.target
    at.sign[0][0] = 1
    # The corner of a bend stays as it is, so its own room does not count.
    grow(at, 0, 1, 0, ROOM_MASK, ROOM_MASK if at.bent else room_of(at.word[at.target]))
    at.work += at.probes
    return at.best_corners > 0


# How far a cell may fall while the target is displaced.
cdef inline int32_t room_left(const Search* at, int32_t cell) noexcept nogil:
    return room_of(at.word[cell]) + (min(at.moved[cell], 0) if at.displaced else 0)


# What a change costs, and how often it can be added and taken away; one of its cells left out.
cdef void weigh(
    const Search* at, const Change* change, int32_t without, int32_t* cost, int32_t* rise, int32_t* fall
) noexcept nogil:
    cdef int32_t i, cell, by
    cost[0] = 0
    rise[0] = fall[0] = ROOM_MASK
    for i in range(change.size):
        if i == without:
            continue
        cell = change.cell[i]
        by = change.by[i]
        cost[0] += <int32_t>(at.word[cell] >> ROOM_BITS)
        if by < 0:
            rise[0] = min(rise[0], room_left(at, cell) // -by)
        else:
            fall[0] = min(fall[0], room_of(at.word[cell]) // by)


# The target's box and `turn` times the box just found, cells without a change left out.
cdef void add_best(Search* at, int32_t turn) noexcept nogil:
    cdef int32_t i, j, by, size = at.kept.size
    at.both = at.kept
    for i in range(at.best_corners):
        by = turn * at.best_sign[i]
        j = 0
        while j < size and at.both.cell[j] != at.best_cell[i]:
            j += 1
        if j == size:
            j = at.both.size
            at.both.cell[j] = at.best_cell[i]
            at.both.by[j] = 0
            at.both.size += 1
        at.both.by[j] += <int8_t>by
    j = 0
    for i in range(at.both.size):
        if at.both.by[i]:
            at.both.cell[j] = at.both.cell[i]
            at.both.by[j] = at.both.by[i]
            j += 1
    at.both.size = j


# Takes one corner out of the kept box by a second box around it; True where both together give more for their cost.
cdef bint bend_corner(Search* at, int32_t target, int32_t corner) noexcept nogil:
    cdef int32_t i, cell, cost, rise, fall, gain, turn = -at.kept.by[corner]
    cdef uint32_t own_word = at.word[target]
    cdef bint found
    weigh(at, &at.kept, corner, &at.rest_cost, &at.rest_rise, &at.rest_fall)
    for i in range(at.kept.size):
        at.word[at.kept.cell[i]] &= ROOM_MASK
    # The second box leaves the target alone: it must not undo the first.
    at.word[target] = 0
    at.bent = True
    at.against = turn < 0
    at.target = at.kept.cell[corner]
    found = cheaper_box(at, at.kept_key)
    at.target = target
    at.word[target] = own_word
    at.bent = False
    at.rest_cost = 0
    for i in range(at.kept.size):
        cell = at.kept.cell[i]
        if not at.blank[cell]:
            at.word[cell] |= <uint32_t>at.price[cell] << ROOM_BITS
    if not found or at.best_corners > MOST_BENT:
        return False
    add_best(at, turn)
    weigh(at, &at.both, -1, &cost, &rise, &fall)
    gain = gain_of(at, rise, fall)
    if at.both.size > MOST_BENT or gain < 1 or key_of(cost, gain) >= at.kept_key:
        return False
    at.kept = at.both
    at.kept_key = key_of(cost, gain)
    return True


# Detours around corners, the dearest first: a ring of six cells is two boxes that share one, which is not blanked.
cdef void bend(Search* at) noexcept nogil:
    cdef int32_t i, cell, corner, bends, target = at.target
    cdef int64_t worth, dearest, limit = <int64_t>1 << 62
    at.kept.size = at.best_corners
    at.kept_key = at.best_key
    for i in range(at.best_corners):
        at.kept.cell[i] = at.best_cell[i]
        at.kept.by[i] = at.best_sign[i]
    for bends in range(at.bends):
        corner = -1
        dearest = 0
        for i in range(at.kept.size):
            cell = at.kept.cell[i]
            if not at.word[cell] >> ROOM_BITS or cell == target or at.kept.by[i] * at.kept.by[i] != 1:
                continue
            worth = (<int64_t>(at.word[cell] >> ROOM_BITS) << 32) + cell
            if dearest < worth < limit:
                dearest = worth
                corner = i
        if corner < 0:
            break
        limit = <int64_t>1 << 62 if bend_corner(at, target, corner) else dearest


cdef int32_t dearest_cell(const Search* at, const Change* change) noexcept nogil:
    cdef int32_t i, cell, dearest = -1
    cdef int64_t worth, most = 0
    for i in range(change.size):
        cell = change.cell[i]
        worth = (<int64_t>(at.word[cell] >> ROOM_BITS) << 32) + cell
        if at.word[cell] >> ROOM_BITS and worth > most:
            most = worth
            dearest = cell
    return dearest


# The cheapest box, bent; and since another one may bend better, those without its dearest cell too.
cdef bint find_box(Search* at) noexcept nogil:
    cdef int32_t i, cost, barred = 0
    cdef int32_t bar[DETOURS]
    cdef uint32_t word[DETOURS]
    cdef int64_t key
    if not cheaper_box(at, <int64_t>1 << 62):
        return False
    if not at.opening or not at.bends or at.best_corners > MOST_BENT:
        return True
    bend(at)
    at.cheapest = at.kept
    key = at.kept_key
    while barred < DETOURS:
        bar[barred] = dearest_cell(at, &at.cheapest)
        if bar[barred] < 0:
            break
        word[barred] = at.word[bar[barred]]
        at.word[bar[barred]] = 0
        barred += 1
        if not cheaper_box(at, <int64_t>1 << 62) or at.best_corners > MOST_BENT:
            break
        bend(at)
        if at.kept_key < key:
            at.cheapest = at.kept
            key = at.kept_key
    while barred:
        barred -= 1
        at.word[bar[barred]] = word[barred]
    at.best_corners = at.cheapest.size
    for i in range(at.cheapest.size):
        at.best_cell[i] = at.cheapest.cell[i]
        at.best_sign[i] = at.cheapest.by[i]
    weigh(at, &at.cheapest, -1, &cost, &at.best_rise, &at.best_fall)
    return True


cdef inline int32_t candidates_missing(const Search* at, int32_t cell) noexcept nogil:
    return at.width - at.up[cell] - at.down[cell] - (at.high[cell] > at.up[cell])


# A reach below 0 demands nothing: nobody prints the cell.
cdef inline bint unmet(const Search* at, int32_t cell) noexcept nogil:
    if at.reach[cell] < 0:
        return False
    return at.high[cell] < at.reach[cell] or candidates_missing(at, cell) > 0


cdef inline void credit(Search* at, int32_t cell, int32_t change, int32_t move) noexcept nogil:
    cdef int32_t one = change * at.lowest[move]
    cdef int32_t other = change * at.highest[move]
    cdef int32_t rise = max(one, other), fall = -min(one, other)
    if rise > at.high[cell]:
        at.high[cell] = <int16_t>rise
        at.high_by[cell] = move
    if change == 1 or change == -1:
        if rise > at.up[cell]:
            at.up[cell] = <int16_t>rise
            at.up_by[cell] = move
        if fall > at.down[cell]:
            at.down[cell] = <int16_t>fall
            at.down_by[cell] = move


cdef inline void forget(Search* at, int32_t cell) noexcept nogil:
    at.up[cell] = at.down[cell] = at.high[cell] = 0
    at.up_by[cell] = at.down_by[cell] = at.high_by[cell] = -1


cdef void recount(Search* at, int32_t cell) noexcept nogil:
    cdef int32_t entry = at.first_entry[cell], before = -1, following
    forget(at, cell)
    while entry >= 0:
        at.work += 1
        following = at.next_entry[entry]
        if at.alive[at.owner[entry]] == DEAD:
            # Never looked at again.
            if before < 0:
                at.first_entry[cell] = following
            else:
                at.next_entry[before] = following
        else:
            if at.alive[at.owner[entry]] == ALIVE:
                credit(at, cell, at.change_of[entry], at.owner[entry])
            before = entry
        entry = following


cdef inline void begin_move(Search* at, int32_t lowest, int32_t highest) noexcept nogil:
    at.lowest[at.moves] = <int16_t>lowest
    at.highest[at.moves] = <int16_t>highest
    at.alive[at.moves] = ALIVE
    at.start[at.moves + 1] = at.start[at.moves]


cdef inline void add_entry(Search* at, int32_t cell, int32_t change) noexcept nogil:
    cdef int64_t entry = at.start[at.moves + 1]
    at.cell_of[entry] = cell
    at.change_of[entry] = <int16_t>change
    at.owner[entry] = at.moves
    at.next_entry[entry] = at.first_entry[cell]
    at.first_entry[cell] = <int32_t>entry
    at.start[at.moves + 1] = entry + 1
    credit(at, cell, change, at.moves)


cdef void blank_corners(Search* at) noexcept nogil:
    cdef int32_t i, cell
    for i in range(at.best_corners):
        cell = at.best_cell[i]
        if not at.word[cell] >> ROOM_BITS:
            continue
        at.word[cell] &= ROOM_MASK
        at.blank[cell] = 1
        at.paid += at.price[cell]
        if at.on_trial:
            at.change[at.changes] = cell
            at.changes += 1
            at.work_list[at.due] = cell
            at.due += 1


# Moves the target's displacement along the box found; returns how far. A box counts as a move by itself, so its own
# room is that of the true values.
cdef int32_t displace(Search* at) noexcept nogil:
    cdef int32_t i, cell, room, amount = at.rest
    at.best_rise = ROOM_MASK
    for i in range(at.best_corners):
        cell = at.best_cell[i]
        if at.best_sign[i] < 0:
            room = room_of(at.word[cell])
            at.best_rise = min(at.best_rise, room // -at.best_sign[i])
            amount = min(amount, (room + min(at.moved[cell], 0)) // -at.best_sign[i])
    for i in range(at.best_corners):
        cell = at.best_cell[i]
        if not at.moved[cell]:
            at.sum_cell[at.sum_cells] = cell
            at.sum_cells += 1
        at.moved[cell] += <int16_t>(amount * at.best_sign[i])
    return amount


# Boxes until the target rises as far as it must and has values enough. The sum of boxes that each rise a little is
# one more move.
cdef bint prove_one(Search* at, int32_t target) noexcept nogil:
    cdef int32_t i, cell, missing, boxes = 0, total = 0
    at.target = target
    at.sum_cells = 0
    if not at.word[target] & ROOM_MASK:
        return False
    while boxes < MOST_BOXES and unmet(at, target):
        missing = candidates_missing(at, target)
        at.rest = 0
        if at.high[target] < at.reach[target]:
            at.rest = max(at.reach[target] - total, 0)
            # Once the boxes together reach far enough, their sum is a value more.
            if at.rest == 0 and total > at.up[target] and at.high[target] <= at.up[target]:
                missing -= 1
        if at.rest == 0 and missing <= 0:
            break
        at.displaced = at.rest > 0 and total > 0
        at.goal = max(at.rest, missing)
        at.have_up = at.up[target]
        at.have_down = at.down[target]
        at.whole = boxes == MOST_BOXES - 1
        if not find_box(at):
            break
        blank_corners(at)
        if at.rest > 0:
            total += displace(at)
        begin_move(at, -at.best_fall, at.best_rise)
        for i in range(at.best_corners):
            add_entry(at, at.best_cell[i], at.best_sign[i])
        at.moves += 1
        boxes += 1
    if at.high[target] < at.reach[target] and total >= at.reach[target]:
        begin_move(at, 0, 1)
        for i in range(at.sum_cells):
            cell = at.sum_cell[i]
            if at.moved[cell]:
                add_entry(at, cell, at.moved[cell])
                at.moved[cell] = 0
        at.moves += 1
    for i in range(at.sum_cells):
        at.moved[at.sum_cell[i]] = 0
    return not unmet(at, target)


cdef inline void touch(Search* at, int32_t cell) noexcept nogil:
    if at.mark[cell] != at.stamp:
        at.mark[cell] = at.stamp
        at.touched[at.touches] = cell
        at.touches += 1


# Prints a blank again: its moves count no more, and what leaned on them is to be proved anew. False: too much does.
cdef bint open_cell(Search* at, int32_t cell) noexcept nogil:
    cdef int32_t entry = at.first_entry[cell], move, other
    cdef int64_t j
    at.word[cell] |= <uint32_t>at.price[cell] << ROOM_BITS
    at.blank[cell] = 0
    at.saved += at.price[cell]
    at.change[at.changes] = ~cell
    at.changes += 1
    while entry >= 0:
        move = at.owner[entry]
        entry = at.next_entry[entry]
        at.work += 1
        if at.alive[move] != ALIVE:
            continue
        if at.gones >= TRIAL_CELLS or at.work > at.trial_end:
            return False
        at.alive[move] = IN_DOUBT
        at.gone[at.gones] = move
        at.gones += 1
        for j in range(at.start[move], at.start[move + 1]):
            other = at.cell_of[j]
            at.work += 1
            if at.up_by[other] != move and at.down_by[other] != move and at.high_by[other] != move:
                continue
            if at.due >= TRIAL_CELLS or at.touches >= TRIAL_CELLS:
                return False
            recount(at, other)
            touch(at, other)
            at.work_list[at.due] = other
            at.due += 1
    return True


# Proves anew all that leaned on the opened cells, sensitive cells first. Blanks that served only those may open too.
cdef bint prove_without(Search* at, bint opening, int32_t first_move) noexcept nogil:
    cdef int32_t cell, done = 0
    cdef int64_t first_entry = at.start[first_move]
    while done < at.due or at.laters:
        if at.due >= TRIAL_CELLS or at.changes >= TRIAL_CELLS or at.moves - first_move > TRIAL_MOVES:
            return False
        if at.start[at.moves] - first_entry > TRIAL_ENTRIES or at.work > at.trial_end:
            return False
        if done < at.due:
            cell = at.work_list[done]
            done += 1
            if not at.blank[cell] or not unmet(at, cell):
                continue
            if not at.sensitive[cell]:
                at.later[at.laters] = cell
                at.laters += 1
                continue
        else:
            at.laters -= 1
            cell = at.later[at.laters]
            if not at.blank[cell] or not unmet(at, cell):
                continue
        at.opening = False
        if prove_one(at, cell):
            continue
        if not at.sensitive[cell] and at.reopened[cell] != at.stamp:
            at.reopened[cell] = at.stamp
            if not open_cell(at, cell):
                return False
            continue
        at.opening = True
        if not opening or not prove_one(at, cell) or at.paid >= at.saved:
            return False
    return at.paid < at.saved


# Everything as it was before the trial, the last change first.
cdef void take_back(Search* at, int32_t first_move) noexcept nogil:
    cdef int64_t entry
    cdef int32_t i, cell
    while at.moves > first_move:
        at.moves -= 1
        entry = at.start[at.moves + 1] - 1
        while entry >= at.start[at.moves]:
            cell = at.cell_of[entry]
            at.first_entry[cell] = at.next_entry[entry]
            touch(at, cell)
            entry -= 1
    while at.changes > 0:
        at.changes -= 1
        cell = at.change[at.changes]
        if cell >= 0:
            at.blank[cell] = 0
            at.word[cell] |= <uint32_t>at.price[cell] << ROOM_BITS
        else:
            at.blank[~cell] = 1
            at.word[~cell] &= ROOM_MASK
    for i in range(at.gones):
        at.alive[at.gone[i]] = ALIVE
    for i in range(at.touches):
        recount(at, at.touched[i])


cdef bint try_without(Search* at, const int32_t* cells, int32_t size, bint opening) noexcept nogil:
    cdef int32_t i, first_move = at.moves
    cdef bint good = True
    at.on_trial = True
    at.saved = at.paid = 0
    at.trial_end = at.work + TRIAL_WORK
    at.changes = at.gones = at.touches = at.due = at.laters = 0
    at.stamp += 1
    for i in range(size):
        good = good and open_cell(at, cells[i])
    good = good and prove_without(at, opening, first_move)
    if not good:
        take_back(at, first_move)
    else:
        for i in range(at.gones):
            at.alive[at.gone[i]] = DEAD
    at.on_trial = False
    return good


cdef class BoxSearch:
    cdef Search* at
    cdef object _held
    cdef object _store
    cdef object _blank
    cdef object _reach
    cdef object _seen
    cdef object _by
    cdef int64_t _most_moves
    cdef int64_t _most_entries

    def __cinit__(self):
        self.at = <Search*>calloc(1, sizeof(Search))
        if self.at == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.at)

    def __init__(
        self,
        axes,
        const int64_t[::1] room,
        const int32_t[::1] price,
        const uint8_t[::1] sensitive,
        const int16_t[::1] reach,
        uint8_t[::1] blank,
        *,
        int32_t candidates,
    ):
        cdef Search* at = self.at
        cdef int64_t i
        held = hold_lattice(&at.lattice, axes)
        cdef int64_t cells = at.lattice.cells
        if not cells == room.shape[0] == price.shape[0] == sensitive.shape[0] == reach.shape[0] == blank.shape[0]:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "room")
        if np.any(np.asarray(price) < 1) or np.any(np.asarray(price) >= 1 << (32 - ROOM_BITS)):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "price")
        if np.any(np.asarray(reach) < -1) or np.any(np.asarray(reach) > ROOM_MASK // 2):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "reach")
        allowed = (np.clip(room, -1, ROOM_MASK - 1) + 1).astype(np.uint32)
        cdef uint32_t[::1] word = allowed | (np.where(blank, 0, price).astype(np.uint32) << ROOM_BITS)
        cdef int16_t[:, ::1] seen = np.zeros((4, cells), dtype=np.int16)
        cdef int32_t[:, ::1] by = np.full((6, cells), -1, dtype=np.int32)
        self._held = (held, price, sensitive, word)
        self._blank, self._reach = np.asarray(blank), np.asarray(reach)
        self._seen, self._by = np.asarray(seen), np.asarray(by)
        at.word, at.price, at.sensitive, at.reach, at.blank = &word[0], &price[0], &sensitive[0], &reach[0], &blank[0]
        at.width = candidates - 1
        # A line without a step is found soonest where it is short.
        for i, place in enumerate(np.argsort(axes[1], kind="stable").tolist()):
            at.small_first[i] = place
        at.up, at.down, at.high, at.moved = &seen[0, 0], &seen[1, 0], &seen[2, 0], &seen[3, 0]
        at.up_by, at.down_by, at.high_by = &by[0, 0], &by[1, 0], &by[2, 0]
        at.first_entry, at.mark, at.reopened = &by[3, 0], &by[4, 0], &by[5, 0]
        self._store = [np.zeros(1, np.int64), *(np.empty(0, np.int16) for _ in range(2)), np.empty(0, np.uint8),
                       np.empty(0, np.int32), np.empty(0, np.int16), *(np.empty(0, np.int32) for _ in range(2))]
        self._make_room()

    def _make_room(self):
        cdef Search* at = self.at
        self._most_moves = 2 * at.moves + 4 * TRIAL_MOVES
        entries = 2 * int(at.start[at.moves] if at.start != NULL else 0) + 4 * TRIAL_ENTRIES
        if entries > (1 << 31) - 1:
            entries = (1 << 31) - 1
        self._most_entries = entries
        sizes = [self._most_moves + 1, *[self._most_moves] * 3, *[entries] * 4]
        longer = []
        for old, size in zip(self._store, sizes, strict=True):
            new = np.empty(size, dtype=old.dtype)
            new[: old.size] = old[:size]
            longer.append(new)
        cdef int64_t[::1] start = longer[0]
        cdef int16_t[::1] lowest = longer[1], highest = longer[2], change_of = longer[5]
        cdef uint8_t[::1] alive = longer[3]
        cdef int32_t[::1] cell_of = longer[4], owner = longer[6], next_entry = longer[7]
        at.start, at.lowest, at.highest, at.alive = &start[0], &lowest[0], &highest[0], &alive[0]
        at.cell_of, at.change_of, at.owner, at.next_entry = &cell_of[0], &change_of[0], &owner[0], &next_entry[0]
        self._store = longer
        if not self._has_room():
            raise MemoryError

    cdef bint _has_room(self) noexcept nogil:
        cdef Search* at = self.at
        return (
            at.moves + 2 * TRIAL_MOVES < self._most_moves
            and at.start[at.moves] + 2 * TRIAL_ENTRIES < self._most_entries
        )

    def _set(self, bint opening, int32_t keep, int64_t patience, int32_t bends):
        if not 0 < keep < MOST_STEPS:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, keep), "keep")
        self.at.opening = opening
        self.at.keep = keep
        self.at.patience = patience
        self.at.bends = bends

    def prove(
        self, const int32_t[::1] targets, *, bint opening, int32_t keep, int64_t patience, int32_t bends=0
    ):
        cdef Search* at = self.at
        cdef int64_t i = 0
        self._set(opening, keep, patience, bends)
        cdef int64_t size = targets.shape[0]
        while i < size:
            if not self._has_room():
                self._make_room()
            with nogil:
                while i < size and self._has_room():
                    if not 0 <= targets[i] < self.at.lattice.cells:
                        break
                    if at.blank[targets[i]] and unmet(at, targets[i]):
                        prove_one(at, targets[i])
                    i += 1
            if i < size and not 0 <= targets[i] < self.at.lattice.cells:
                raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, i), "targets")

    def try_without(
        self,
        const int32_t[::1] cells,
        const int64_t[::1] starts,
        *,
        bint opening,
        int32_t keep,
        int64_t patience,
        int64_t work,
        int32_t bends=0,
    ):
        cdef Search* at = self.at
        cdef int64_t group = 0, groups = starts.shape[0] - 1, most = at.work + work
        cdef int64_t better = 0, j
        cdef bint possible
        self._set(opening, keep, patience, bends)
        if np.any(np.asarray(cells) < 0) or np.any(np.asarray(cells) >= self.at.lattice.cells):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "cells")
        if groups < 0 or starts[groups] > cells.shape[0] or np.any(np.diff(starts) < 0):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "starts")
        while group < groups and at.work < most:
            if not self._has_room():
                self._make_room()
            with nogil:
                while group < groups and at.work < most and self._has_room():
                    possible = starts[group + 1] - starts[group] < TRIAL_CELLS
                    for j in range(starts[group], starts[group + 1]):
                        possible = possible and at.blank[cells[j]] and not at.sensitive[cells[j]]
                    if possible and starts[group] < starts[group + 1]:
                        better += try_without(
                            at, &cells[starts[group]], <int32_t>(starts[group + 1] - starts[group]), opening
                        )
                    group += 1
        return int(better)

    @property
    def work(self):
        return int(self.at.work)

    def unmet(self):
        up, down, high, _ = self._seen
        missing = self.at.width - up - down - (high > up)
        wanted = (self._blank != 0) & (self._reach >= 0)
        return np.flatnonzero(wanted & ((high < self._reach) | (missing > 0))).astype(np.int32)

    def evidence(self):
        return self._seen[:3], self._by[:3]

    def moves(self):
        moves, entries = self.at.moves, self.at.start[self.at.moves]
        start, lowest, highest, _, cell, change, _, _ = self._store
        return start[: moves + 1], lowest[:moves], highest[:moves], cell[:entries], change[:entries]
