# cython: freethreading_compatible = True
"""Boxes of blanks: moves that change small cells of a table with all its totals and no printed number.

A table is a product of axes. Raising one leaf of an axis and lowering another, or raising one alone, changes the
codes above them alike; the product of one such step per axis keeps every sum of the table. Its cells are the corners
of a box. A box that stays within bounds is a witness: each of its corners could have another value.
Boxes that share a corner can be added so that it stays as it is: rings of six cells and longer ones come from that.
"""

import numpy as np

from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from linkage_core.kernels.box_search cimport (
    MOST_CORNERS,
    MOST_STEPS,
    ROOM_BITS,
    ROOM_MASK,
    Boxes,
    find_box,
    room_of,
)
from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    kernel_failed,
    raise_if_failed,
)
from linkage_core.kernels.lattice_axes cimport hold_lattice

cdef enum:
    MOST_BOXES = 8
    # Moves: those in doubt need a cell that is open while a trial runs.
    DEAD = 0
    ALIVE = 1
    IN_DOUBT = 2
    TRIAL_MOVES = 1000
    TRIAL_ENTRIES = 100000
    TRIAL_CELLS = 10000
    TRIAL_WORK = 20000

ctypedef struct Search:
    Boxes box
    const uint8_t* sensitive
    const int16_t* reach
    int32_t width
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
    # Cells of the boxes that displace a target together.
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
        at.box.work += 1
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
    for i in range(at.box.best_corners):
        cell = at.box.best_cell[i]
        if not at.box.word[cell] >> ROOM_BITS:
            continue
        at.box.word[cell] &= ROOM_MASK
        at.box.blank[cell] = 1
        at.paid += at.box.price[cell]
        if at.on_trial:
            at.change[at.changes] = cell
            at.changes += 1
            at.work_list[at.due] = cell
            at.due += 1


# Moves the target's displacement along the box found; returns how far. A box counts as a move by itself, so its own
# room is that of the true values.
cdef int32_t displace(Search* at) noexcept nogil:
    cdef int32_t i, cell, room, amount = at.box.rest
    at.box.best_rise = ROOM_MASK
    for i in range(at.box.best_corners):
        cell = at.box.best_cell[i]
        if at.box.best_sign[i] < 0:
            room = room_of(at.box.word[cell])
            at.box.best_rise = min(at.box.best_rise, room // -at.box.best_sign[i])
            amount = min(amount, (room + min(at.box.moved[cell], 0)) // -at.box.best_sign[i])
    for i in range(at.box.best_corners):
        cell = at.box.best_cell[i]
        if not at.box.moved[cell]:
            at.sum_cell[at.sum_cells] = cell
            at.sum_cells += 1
        at.box.moved[cell] += <int16_t>(amount * at.box.best_sign[i])
    return amount


# Boxes until the target rises as far as it must and has values enough. The sum of boxes that each rise a little is
# one more move.
cdef bint prove_one(Search* at, int32_t target) noexcept nogil:
    cdef int32_t i, cell, missing, boxes = 0, total = 0
    at.box.target = target
    at.sum_cells = 0
    if not at.box.word[target] & ROOM_MASK:
        return False
    while boxes < MOST_BOXES and unmet(at, target):
        missing = candidates_missing(at, target)
        at.box.rest = 0
        if at.high[target] < at.reach[target]:
            at.box.rest = max(at.reach[target] - total, 0)
            # Once the boxes together reach far enough, their sum is a value more.
            if at.box.rest == 0 and total > at.up[target] and at.high[target] <= at.up[target]:
                missing -= 1
        if at.box.rest == 0 and missing <= 0:
            break
        at.box.displaced = at.box.rest > 0 and total > 0
        at.box.goal = max(at.box.rest, missing)
        at.box.have_up = at.up[target]
        at.box.have_down = at.down[target]
        at.box.whole = boxes == MOST_BOXES - 1
        if not find_box(&at.box):
            break
        blank_corners(at)
        if at.box.rest > 0:
            total += displace(at)
        begin_move(at, -at.box.best_fall, at.box.best_rise)
        for i in range(at.box.best_corners):
            add_entry(at, at.box.best_cell[i], at.box.best_sign[i])
        at.moves += 1
        boxes += 1
    if at.high[target] < at.reach[target] and total >= at.reach[target]:
        begin_move(at, 0, 1)
        for i in range(at.sum_cells):
            cell = at.sum_cell[i]
            if at.box.moved[cell]:
                add_entry(at, cell, at.box.moved[cell])
                at.box.moved[cell] = 0
        at.moves += 1
    for i in range(at.sum_cells):
        at.box.moved[at.sum_cell[i]] = 0
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
    at.box.word[cell] |= <uint32_t>at.box.price[cell] << ROOM_BITS
    at.box.blank[cell] = 0
    at.saved += at.box.price[cell]
    at.change[at.changes] = ~cell
    at.changes += 1
    while entry >= 0:
        move = at.owner[entry]
        entry = at.next_entry[entry]
        at.box.work += 1
        if at.alive[move] != ALIVE:
            continue
        if at.gones >= TRIAL_CELLS or at.box.work > at.trial_end:
            return False
        at.alive[move] = IN_DOUBT
        at.gone[at.gones] = move
        at.gones += 1
        for j in range(at.start[move], at.start[move + 1]):
            other = at.cell_of[j]
            at.box.work += 1
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
        if at.start[at.moves] - first_entry > TRIAL_ENTRIES or at.box.work > at.trial_end:
            return False
        if done < at.due:
            cell = at.work_list[done]
            done += 1
            if not at.box.blank[cell] or not unmet(at, cell):
                continue
            if not at.sensitive[cell]:
                at.later[at.laters] = cell
                at.laters += 1
                continue
        else:
            at.laters -= 1
            cell = at.later[at.laters]
            if not at.box.blank[cell] or not unmet(at, cell):
                continue
        at.box.opening = False
        if prove_one(at, cell):
            continue
        if not at.sensitive[cell] and at.reopened[cell] != at.stamp:
            at.reopened[cell] = at.stamp
            if not open_cell(at, cell):
                return False
            continue
        at.box.opening = True
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
            at.box.blank[cell] = 0
            at.box.word[cell] |= <uint32_t>at.box.price[cell] << ROOM_BITS
        else:
            at.box.blank[~cell] = 1
            at.box.word[~cell] &= ROOM_MASK
    for i in range(at.gones):
        at.alive[at.gone[i]] = ALIVE
    for i in range(at.touches):
        recount(at, at.touched[i])


cdef bint try_without(Search* at, const int32_t* cells, int32_t size, bint opening) noexcept nogil:
    cdef int32_t i, first_move = at.moves
    cdef bint good = True
    at.on_trial = True
    at.saved = at.paid = 0
    at.trial_end = at.box.work + TRIAL_WORK
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
        held = hold_lattice(&at.box.lattice, axes)
        cdef int64_t cells = at.box.lattice.cells
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
        at.box.word, at.box.price, at.box.blank = &word[0], &price[0], &blank[0]
        at.sensitive, at.reach = &sensitive[0], &reach[0]
        at.width = candidates - 1
        # A line without a step is found soonest where it is short.
        for i, place in enumerate(np.argsort(axes[1], kind="stable").tolist()):
            at.box.small_first[i] = place
        at.up, at.down, at.high, at.box.moved = &seen[0, 0], &seen[1, 0], &seen[2, 0], &seen[3, 0]
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
        self.at.box.opening = opening
        self.at.box.keep = keep
        self.at.box.patience = patience
        self.at.box.bends = bends

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
                    if not 0 <= targets[i] < self.at.box.lattice.cells:
                        break
                    if at.box.blank[targets[i]] and unmet(at, targets[i]):
                        prove_one(at, targets[i])
                    i += 1
            if i < size and not 0 <= targets[i] < self.at.box.lattice.cells:
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
        cdef int64_t group = 0, groups = starts.shape[0] - 1, most = at.box.work + work
        cdef int64_t better = 0, j
        cdef bint possible
        self._set(opening, keep, patience, bends)
        if np.any(np.asarray(cells) < 0) or np.any(np.asarray(cells) >= self.at.box.lattice.cells):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "cells")
        if groups < 0 or starts[groups] > cells.shape[0] or np.any(np.diff(starts) < 0):
            raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "starts")
        while group < groups and at.box.work < most:
            if not self._has_room():
                self._make_room()
            with nogil:
                while group < groups and at.box.work < most and self._has_room():
                    possible = starts[group + 1] - starts[group] < TRIAL_CELLS
                    for j in range(starts[group], starts[group + 1]):
                        possible = possible and at.box.blank[cells[j]] and not at.sensitive[cells[j]]
                    if possible and starts[group] < starts[group + 1]:
                        better += try_without(
                            at, &cells[starts[group]], <int32_t>(starts[group + 1] - starts[group]), opening
                        )
                    group += 1
        return int(better)

    @property
    def work(self):
        return int(self.at.box.work)

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
