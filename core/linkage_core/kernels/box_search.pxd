# Boxes around one cell of a table with all its totals: the cheapest, and rings that a box bends into.

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint32_t

from linkage_core.kernels.lattice_axes cimport MOST_AXES, Lattice, among, fewest_first

cdef enum:
    MOST_STEPS = 32
    MOST_SUPPORT = 24
    MOST_CORNERS = 1024
    MOST_BENT = 96
    DETOURS = 3
    MOST_PICKED = 4
    MANY_PAIRS = 1024
    ROOM_BITS = 14
    ROOM_MASK = (1 << 14) - 1
    FINE = 5040

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

ctypedef struct Boxes:
    Lattice lattice
    # Cells. A word holds the price of blanking the cell (0: it is blank) and how far it may fall, plus one (0: fixed).
    uint32_t* word
    const int32_t* price
    uint8_t* blank
    # What is wanted of a box around the target: to rise by `rest`, and `goal` different values.
    int32_t target
    int32_t rest
    int32_t goal
    int32_t have_up
    int32_t have_down
    bint opening
    bint whole
    # The target may stand displaced by other boxes, and each cell `moved` with it.
    bint displaced
    int16_t* moved
    # How thoroughly is searched, and how much was.
    int32_t keep
    int32_t bends
    int64_t patience
    int64_t work
    int64_t probes
    # The search.
    int32_t small_first[MOST_AXES]
    int32_t order[MOST_AXES]
    int32_t steps[MOST_AXES]
    bint has_alone[MOST_AXES]
    Step alone[MOST_AXES]
    Step step[MOST_AXES][MOST_STEPS + 1]
    int32_t corner[MOST_AXES + 1][MOST_CORNERS]
    int8_t sign[MOST_AXES + 1][MOST_CORNERS]
    # The box found.
    int64_t best_key
    int32_t best_corners
    int32_t best_rise
    int32_t best_fall
    int32_t best_cell[MOST_CORNERS]
    int8_t best_sign[MOST_CORNERS]
    # A bend: a box that a corner is taken out of, what the rest of it costs, and what room it leaves.
    bint bent
    bint against
    int32_t rest_cost
    int32_t rest_rise
    int32_t rest_fall
    int64_t kept_key
    Change kept
    Change both
    Change cheapest


cdef inline int32_t room_of(uint32_t word) noexcept nogil:
    return <int32_t>(word & ROOM_MASK) - 1


# How much of what is still wanted a box gives: first the rise that is missing, then different values.
cdef inline int32_t gain_of(const Boxes* at, int32_t rise, int32_t fall) noexcept nogil:
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
cdef inline void put_step(Boxes* at, int32_t axis, const Step* step, bint is_alone) noexcept nogil:
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
cdef inline bint add_codes(
    Boxes* at, Step* step, int32_t axis, int32_t code, int64_t line, const int32_t* mine, int32_t size,
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


cdef inline void try_step(
    Boxes* at, int32_t axis, int32_t code, int64_t line, int32_t leaf, int32_t partner
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
cdef inline void line_steps(Boxes* at, int32_t axis) noexcept nogil:
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
cdef inline void grow(Boxes* at, int32_t depth, int32_t corners, int32_t cost, int32_t rise, int32_t fall) noexcept nogil:
    cdef int32_t axis, i, j, k, size, gain, new_cost, new_rise, new_fall, room, cell
    cdef int8_t sign
    cdef uint32_t word
    cdef const Step* step
    cdef int32_t* corner = at.corner[depth]
    cdef int8_t* signs = at.sign[depth]
    cdef bint fits
    # There are at most MOST_AXES axes: said again for the compiler, which unrolls the recursion.
    if depth == at.lattice.axes or depth >= MOST_AXES:
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
cdef inline bint cheaper_box(Boxes* at, int64_t best_key) noexcept nogil:
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
cdef inline int32_t room_left(const Boxes* at, int32_t cell) noexcept nogil:
    return room_of(at.word[cell]) + (min(at.moved[cell], 0) if at.displaced else 0)


# What a change costs, and how often it can be added and taken away; one of its cells left out.
cdef inline void weigh(
    const Boxes* at, const Change* change, int32_t without, int32_t* cost, int32_t* rise, int32_t* fall
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
cdef inline void add_best(Boxes* at, int32_t turn) noexcept nogil:
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
cdef inline bint bend_corner(Boxes* at, int32_t target, int32_t corner) noexcept nogil:
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
cdef inline void bend(Boxes* at) noexcept nogil:
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


cdef inline int32_t dearest_cell(const Boxes* at, const Change* change) noexcept nogil:
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
cdef inline bint find_box(Boxes* at) noexcept nogil:
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
