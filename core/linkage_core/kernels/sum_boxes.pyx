# cython: freethreading_compatible = True
"""Boxes of blanks in a table of sums, some of them such that two contributors together cannot tell them from the truth.

As in suppression_boxes, a box raises a cell and changes no total. A contributor knows how much every cell at least is, and
those exactly that nobody else gives to. Boxes are looked for until every coalition that does not have the whole target
leaves one of them room enough; or one box that is guarded for a holder, whose cells all have more contributors than a
coalition or the holder among them, and which stays possible for every coalition without the holder.
"""

import numpy as np

from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t
from libc.stdlib cimport calloc, free

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    KERNEL_OUTPUT_FULL,
    kernel_failed,
    raise_if_failed,
)
from linkage_core.kernels.lattice_axes cimport MOST_AXES, Lattice, among, fewest_first, hold_lattice

cdef enum:
    MOST_STEPS = 32
    MOST_SUPPORT = 24
    MOST_CORNERS = 1024
    MOST_BOXES = 10
    NAMED = 4
    MOST_BREAKERS = 256
    NOBODY = -1
    COALITIONS = -4

cdef inline int64_t far() noexcept nogil:
    return (<int64_t>1) << 60


# One way to change an axis that raises the code in question by one: what it does to the other codes of its line.
ctypedef struct Step:
    int64_t cost
    int32_t size
    int64_t offset[MOST_SUPPORT]
    int8_t sign[MOST_SUPPORT]

# How far a change can be added and taken away, and how far it can be added for those whom it is guarded against.
ctypedef struct Room:
    int64_t cost
    int64_t rise
    int64_t fall
    int64_t guarded

ctypedef struct Search:
    Lattice lattice
    const int64_t* room
    const int32_t* number
    const int32_t* giver[NAMED]
    const int64_t* own[NAMED + 1]
    int32_t* cost
    int64_t* shown
    bint opening
    int32_t keep
    int64_t patience
    int64_t probes
    int64_t target
    int32_t holder
    int32_t coalition
    int64_t reach
    int64_t span
    int32_t one
    int32_t other
    int32_t breakers[MOST_BOXES]
    int32_t breaker[MOST_BOXES][MOST_BREAKERS][2]
    int32_t order[MOST_AXES]
    int32_t steps[MOST_AXES]
    bint has_alone[MOST_AXES]
    Step alone[MOST_AXES]
    Step step[MOST_AXES][MOST_STEPS + 1]
    int32_t corner[MOST_AXES + 1][MOST_CORNERS]
    int8_t sign[MOST_AXES + 1][MOST_CORNERS]
    int64_t best_cost
    int32_t best_corners
    Room best
    int32_t best_cell[MOST_CORNERS]
    int8_t best_sign[MOST_CORNERS]


# What a contributor gives to a cell: exactly of those who are named, at most so much of others.
cdef inline int64_t own_of(const Search* at, int64_t cell, int32_t who) noexcept nogil:
    cdef int32_t i
    if who < 0:
        return 0
    for i in range(NAMED):
        if at.giver[i][cell] == who:
            return at.own[i][cell]
    return at.own[NAMED][cell]


# How far a cell may fall for those whom the box is to be guarded against; negative: they know it.
cdef inline int64_t guarded_room(const Search* at, int64_t cell) noexcept nogil:
    cdef int64_t room = at.room[cell]
    cdef int32_t i, known = 0
    if at.holder == COALITIONS:
        if at.number[cell] <= at.coalition:
            for i in range(at.number[cell]):
                known += at.giver[i][cell] == at.one or at.giver[i][cell] == at.other
            if known == at.number[cell]:
                return -1
        return room - own_of(at, cell, at.one) - own_of(at, cell, at.other)
    if at.number[cell] > at.coalition:
        for i in range(at.coalition):
            room -= at.own[i][cell]
        return max(room, 0)
    for i in range(at.number[cell]):
        if at.giver[i][cell] == at.holder:
            known += 1
        else:
            room -= at.own[i][cell]
    return room if known else -1


# Takes one more cell into a change; False where it must not move that way.
cdef inline bint take(Search* at, Room* so_far, int64_t cell, int32_t sign) noexcept nogil:
    cdef int64_t safe
    if at.room[cell] < 0 or (at.cost[cell] and not at.opening):
        return False
    if at.holder != NOBODY:
        safe = guarded_room(at, cell)
        if safe < 0:
            return False
        if sign < 0:
            so_far.guarded = min(so_far.guarded, min(safe, at.room[cell] - at.coalition * at.own[NAMED][cell]))
    so_far.cost += at.cost[cell]
    if sign < 0:
        so_far.rise = min(so_far.rise, at.room[cell])
    else:
        so_far.fall = min(so_far.fall, at.room[cell])
    return True


cdef inline bint enough(const Search* at, const Room* room) noexcept nogil:
    return min(room.rise, room.guarded) >= at.reach and room.rise + room.fall >= at.span


# The cheapest steps of an axis, in order; the cheapest that lowers no leaf is remembered beside them, because it
# leaves room enough.
cdef void put_step(Search* at, int32_t axis, const Step* step, bint is_alone) noexcept nogil:
    cdef int32_t place = at.steps[axis]
    if is_alone and (not at.has_alone[axis] or step.cost < at.alone[axis].cost):
        at.alone[axis] = step[0]
        at.has_alone[axis] = True
    if place == at.keep:
        if step.cost >= at.step[axis][place - 1].cost:
            return
        place -= 1
    at.steps[axis] = place + 1
    while place > 0 and at.step[axis][place - 1].cost > step.cost:
        at.step[axis][place] = at.step[axis][place - 1]
        place -= 1
    at.step[axis][place] = step[0]


cdef bint add_codes(
    Search* at, Step* step, Room* room, int32_t axis, int32_t code, int64_t line, const int32_t* mine, int32_t size,
    const int32_t* theirs, int32_t their_size, int8_t sign
) noexcept nogil:
    cdef int32_t i
    for i in range(size):
        if mine[i] == code or among(theirs, their_size, mine[i]):
            continue
        if step.size == MOST_SUPPORT or not take(at, room, line + mine[i] * at.lattice.stride[axis], sign):
            return False
        step.offset[step.size] = (mine[i] - code) * at.lattice.stride[axis]
        step.sign[step.size] = sign
        step.size += 1
    return True


cdef void try_step(Search* at, int32_t axis, int32_t code, int64_t line, int32_t leaf, int32_t partner) noexcept nogil:
    cdef Step step
    cdef Room room
    cdef const int32_t* above = at.lattice.above_start + at.lattice.base[axis]
    cdef const int32_t* mine = at.lattice.above + above[leaf]
    cdef int32_t my_size = above[leaf + 1] - above[leaf]
    cdef const int32_t* theirs = NULL
    cdef int32_t their_size = 0
    at.probes += 1
    if partner >= 0:
        theirs = at.lattice.above + above[partner]
        their_size = above[partner + 1] - above[partner]
    room.cost = 0
    room.rise = room.fall = room.guarded = far()
    step.size = 0
    if not add_codes(at, &step, &room, axis, code, line, theirs, their_size, mine, my_size, -1):
        return
    if not add_codes(at, &step, &room, axis, code, line, mine, my_size, theirs, their_size, 1):
        return
    if enough(at, &room):
        step.cost = room.cost
        put_step(at, axis, &step, partner < 0)


# All steps of the target's line along an axis: a leaf below its code, with one outside or with none.
cdef void line_steps(Search* at, int32_t axis) noexcept nogil:
    cdef int32_t code = <int32_t>((at.target // at.lattice.stride[axis]) % at.lattice.codes[axis])
    cdef int64_t line = at.target - code * at.lattice.stride[axis]
    cdef const int32_t* below = at.lattice.below_start + at.lattice.base[axis]
    cdef const int32_t* under = at.lattice.below + below[code]
    cdef int32_t size = below[code + 1] - below[code]
    cdef int32_t i, partner
    at.steps[axis] = 0
    at.has_alone[axis] = False
    for i in range(size):
        try_step(at, axis, code, line, under[i], NOBODY)
    for i in range(size):
        for partner in range(at.lattice.leaves[axis]):
            if not among(under, size, partner):
                try_step(at, axis, code, line, under[i], partner)


# Branch and bound: one axis after another, the corners so far times the step. A part of a box costs no more and has
# no less room than the whole of it.
cdef void grow(Search* at, int32_t depth, int32_t corners, const Room* so_far) noexcept nogil:
    cdef int32_t axis, i, j, k, size
    cdef int64_t cell
    cdef int8_t sign
    cdef Room room
    cdef const Step* step
    cdef int32_t* corner = at.corner[depth]
    cdef int8_t* signs = at.sign[depth]
    cdef bint fits
    if depth == at.lattice.axes:
        at.best_cost = so_far.cost
        at.best = so_far[0]
        at.best_corners = corners
        for i in range(corners):
            at.best_cell[i] = corner[i]
            at.best_sign[i] = signs[i]
        return
    axis = at.order[depth]
    for k in range(at.steps[axis]):
        step = &at.step[axis][k]
        if step.cost >= at.best_cost or (at.probes >= at.patience and at.best_corners):
            return
        if corners * (step.size + 1) > MOST_CORNERS:
            continue
        room = so_far[0]
        size = corners
        fits = True
        for j in range(step.size):
            for i in range(corners):
                cell = corner[i] + step.offset[j]
                sign = signs[i] * step.sign[j]
                if not take(at, &room, cell, sign):
                    fits = False
                    break
                at.corner[depth + 1][size] = <int32_t>cell
                at.sign[depth + 1][size] = sign
                size += 1
            if not fits or not enough(at, &room) or room.cost >= at.best_cost:
                fits = False
                break
        at.probes += size - corners
        if fits:
            for i in range(corners):
                at.corner[depth + 1][i] = corner[i]
                at.sign[depth + 1][i] = signs[i]
            grow(at, depth + 1, size, &room)


cdef bint find_box(Search* at) noexcept nogil:
    cdef int32_t axis
    cdef Room room
    at.best_cost = far()
    at.best_corners = 0
    at.probes = 0
    if at.room[at.target] < 0:
        return False
    room.cost = 0
    room.rise = room.guarded = far()
    room.fall = at.room[at.target]
    for axis in range(at.lattice.axes):
        line_steps(at, axis)
        if at.has_alone[axis] and at.steps[axis] == at.keep:
            at.step[axis][at.keep] = at.alone[axis]
            at.steps[axis] += 1
        if at.steps[axis] == 0:
            return False
    at.probes = 0
    fewest_first(at.steps, at.lattice.axes, at.order)
    at.corner[0][0] = <int32_t>at.target
    at.sign[0][0] = 1
    grow(at, 0, 1, &room)
    return at.best_corners > 0


# Notes who together leave the box no room: those who know one of its cells exactly, or too much of one that it lowers.
# False where there are too many to be noted.
cdef bint note_breakers(Search* at, int32_t box) noexcept nogil:
    cdef int32_t i, j, k, named
    cdef int64_t cell, room
    at.breakers[box] = 0
    for i in range(at.best_corners):
        cell = at.best_cell[i]
        if at.breakers[box] + NAMED * NAMED + 1 > MOST_BREAKERS:
            return False
        if at.number[cell] <= at.coalition:
            add_breaker(at, box, at.giver[0][cell], at.giver[1][cell] if at.number[cell] > 1 else NOBODY)
        if at.best_sign[i] > 0:
            continue
        named = min(at.number[cell], <int32_t>NAMED)
        for j in range(named):
            room = at.room[cell] - at.own[j][cell] - at.reach
            # Beside anybody who is not named.
            if room - (at.coalition - 1) * at.own[NAMED][cell] < 0:
                add_breaker(at, box, at.giver[j][cell], NOBODY)
                continue
            for k in range(j + 1, named if at.coalition > 1 else 0):
                if room - at.own[k][cell] < 0:
                    add_breaker(at, box, at.giver[j][cell], at.giver[k][cell])
    return True


cdef inline void add_breaker(Search* at, int32_t box, int32_t one, int32_t other) noexcept nogil:
    cdef int32_t place = at.breakers[box]
    at.breaker[box][place][0] = one
    at.breaker[box][place][1] = other
    at.breakers[box] = place + 1


cdef inline bint in_coalition(const Search* at, int32_t who) noexcept nogil:
    return who < 0 or who == at.one or who == at.other


cdef bint breaks_all(const Search* at, int32_t boxes) noexcept nogil:
    cdef int32_t box, i
    cdef bint broken
    for box in range(boxes):
        broken = False
        for i in range(at.breakers[box]):
            if in_coalition(at, at.breaker[box][i][0]) and in_coalition(at, at.breaker[box][i][1]):
                broken = True
                break
        if not broken:
            return False
    return True


# Whether the coalition that is set leaves no box any room, and does not know the target anyway.
cdef inline bint is_threat(const Search* at, int32_t boxes) noexcept nogil:
    cdef int32_t i, known = 0
    if at.number[at.target] <= at.coalition:
        for i in range(at.number[at.target]):
            known += in_coalition(at, at.giver[i][at.target])
        if known == at.number[at.target]:
            return False
    return breaks_all(at, boxes)


# Sets the first coalition that leaves no box any room; False where there is none.
cdef bint find_threat(Search* at, int32_t boxes) noexcept nogil:
    cdef int32_t i, j, box, one
    for i in range(at.breakers[0]):
        at.one, at.other = at.breaker[0][i][0], at.breaker[0][i][1]
        if is_threat(at, boxes):
            return True
        if at.other >= 0 or at.coalition < 2:
            continue
        one = at.one
        for box in range(1, boxes):
            for j in range(at.breakers[box]):
                at.one, at.other = one, at.breaker[box][j][0]
                if at.breaker[box][j][1] >= 0:
                    if at.breaker[box][j][0] == one:
                        at.other = at.breaker[box][j][1]
                    elif at.breaker[box][j][1] != one:
                        continue
                if is_threat(at, boxes):
                    return True
    return False


# Boxes until no coalition leaves all of them without room; False where there are none such.
cdef bint next_is_needed(Search* at, int32_t boxes, bint* proved) noexcept nogil:
    proved[0] = False
    if at.holder != COALITIONS:
        proved[0] = True
        return False
    if not note_breakers(at, boxes - 1):
        return False
    if not find_threat(at, boxes):
        proved[0] = True
        return False
    return boxes < MOST_BOXES


cdef class SumBoxes:
    cdef Search* at
    cdef object _held

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
        const int32_t[::1] number,
        const int32_t[:, ::1] givers,
        const int64_t[:, ::1] own,
        int32_t[::1] cost,
        int64_t[::1] shown,
    ):
        cdef Search* at = self.at
        cdef int64_t i
        held = hold_lattice(&at.lattice, axes)
        cdef int64_t cells = at.lattice.cells
        if not cells == room.shape[0] == number.shape[0] == cost.shape[0] == shown.shape[0]:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "room")
        if not givers.shape[0] == own.shape[0] - 1 == NAMED or not givers.shape[1] == own.shape[1] == cells:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "givers")
        if np.any(np.asarray(cost) < 0):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "cost")
        if np.any(np.asarray(room) >= far()):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "room")
        self._held = (held, room, number, givers, own, cost, shown)
        at.room, at.number, at.cost, at.shown = &room[0], &number[0], &cost[0], &shown[0]
        for i in range(NAMED):
            at.giver[i], at.own[i] = &givers[i, 0], &own[i, 0]
        at.own[NAMED] = &own[NAMED, 0]

    def find(
        self,
        const int32_t[::1] targets,
        const int32_t[::1] holders,
        const int64_t[::1] reach,
        const int64_t[::1] span,
        uint8_t[::1] proved,
        int32_t[::1] cells,
        int8_t[::1] signs,
        int64_t[::1] starts,
        int32_t[::1] task_of,
        int64_t[:, ::1] rooms,
        *,
        int32_t coalition,
        bint opening,
        int32_t keep,
        int64_t patience,
    ):
        cdef Search* at = self.at
        cdef int64_t task, tasks = targets.shape[0], entry = 0, move = 0, cell
        cdef int32_t i, boxes
        cdef bint good
        if not 0 < keep < MOST_STEPS:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, keep), "keep")
        if not tasks == holders.shape[0] == reach.shape[0] == span.shape[0] == proved.shape[0]:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "targets")
        if rooms.shape[0] != 2 or not rooms.shape[1] == task_of.shape[0] == starts.shape[0] - 1:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "rooms")
        if not 0 < coalition < 3:
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, coalition), "coalition")
        if cells.shape[0] != signs.shape[0] or cells.shape[0] < MOST_BOXES * MOST_CORNERS or task_of.shape[0] < MOST_BOXES:
            raise_if_failed(kernel_failed(KERNEL_OUTPUT_FULL, -1), "cells")
        if np.any(np.asarray(targets) < 0) or np.any(np.asarray(targets) >= self.at.lattice.cells):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "targets")
        at.opening, at.keep, at.patience, at.coalition = opening, keep, patience, coalition
        starts[0] = 0
        with nogil:
            for task in range(tasks):
                if entry + MOST_BOXES * MOST_CORNERS > cells.shape[0] or move + MOST_BOXES > task_of.shape[0]:
                    tasks = task
                    break
                proved[task] = 0
                at.target, at.holder, at.reach, at.span = targets[task], holders[task], reach[task], span[task]
                at.one = at.other = NOBODY
                if at.reach == 0 and at.shown[at.target] >= at.span:
                    proved[task] = 1
                    continue
                boxes = 0
                while find_box(at):
                    for i in range(at.best_corners):
                        cell = at.best_cell[i]
                        cells[entry] = <int32_t>cell
                        signs[entry] = at.best_sign[i]
                        entry += 1
                        at.cost[cell] = 0
                        at.shown[cell] = max(at.shown[cell], at.best.rise + at.best.fall)
                    task_of[move] = <int32_t>task
                    rooms[0, move], rooms[1, move] = at.best.rise, at.best.fall
                    move += 1
                    starts[move] = entry
                    boxes += 1
                    if not next_is_needed(at, boxes, &good):
                        proved[task] = good
                        break
        return int(tasks), int(move)
