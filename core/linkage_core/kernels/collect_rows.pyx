# cython: freethreading_compatible = True
"""Brings the pieces of a partition together, a column at a time, and puts its rows in order.

A piece is what one run of a load holds of the partition: narrow unsigned values that stand for themselves plus a
shift, or for places of a table. Pieces are given by address, for there may be thousands; the caller keeps them alive.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef fused Word:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef fused Source:
    uint8_t
    uint16_t
    uint32_t
    uint64_t

ctypedef struct Piece:
    uint64_t values
    uint64_t absent
    uint64_t table
    uint64_t shift
    int64_t rows
    int64_t width


cdef void collect_piece(const Source* values, const Piece* piece, Word* target) noexcept nogil:
    cdef const uint8_t* absent = <const uint8_t*>piece.absent
    cdef const uint32_t* table = <const uint32_t*>piece.table
    cdef int64_t row
    if table != NULL:
        for row in range(piece.rows):
            target[row] = <Word>table[values[row]]
    else:
        for row in range(piece.rows):
            target[row] = <Word>(<uint64_t>values[row] + piece.shift)
    if absent != NULL:
        for row in range(piece.rows):
            if absent[row]:
                target[row] = 0


# A column of one value only takes no room in its run: the value is the shift, or the table's first.
cdef void fill_piece(const Piece* piece, Word* target) noexcept nogil:
    cdef const uint8_t* absent = <const uint8_t*>piece.absent
    cdef Word value = <Word>((<const uint32_t*>piece.table)[0] if piece.table else piece.shift)
    cdef int64_t row
    for row in range(piece.rows):
        target[row] = 0 if absent != NULL and absent[row] else value


cdef void collect_pieces(const Piece* pieces, int64_t count, Word* target) noexcept nogil:
    cdef int64_t number
    cdef const Piece* piece
    for number in range(count):
        piece = pieces + number
        if piece.rows == 0:
            continue
        if piece.width == 0:
            fill_piece(piece, target)
        elif piece.width == 1:
            collect_piece(<const uint8_t*>piece.values, piece, target)
        elif piece.width == 2:
            collect_piece(<const uint16_t*>piece.values, piece, target)
        elif piece.width == 4:
            collect_piece(<const uint32_t*>piece.values, piece, target)
        else:
            collect_piece(<const uint64_t*>piece.values, piece, target)
        target += piece.rows


cdef void arrange_words(const Word* source, const uint32_t* order, int64_t rows, Word* target) noexcept nogil:
    cdef int64_t row
    for row in range(rows):
        target[row] = source[order[row]]


cdef void arrange_elements(
    const Word* source, const int64_t* starts, const uint32_t* order, int64_t rows, Word* target
) noexcept nogil:
    cdef int64_t row, element
    for row in range(rows):
        for element in range(starts[order[row]], starts[order[row] + 1]):
            target[0] = source[element]
            target += 1


cdef int64_t list_persons(
    const uint64_t* high, const uint64_t* low, const uint32_t* order, int64_t rows, uint64_t* keys_hi, uint64_t* keys_lo,
    uint32_t* starts,
) noexcept nogil:
    cdef int64_t row, persons = 0
    cdef uint64_t this_high, this_low, last_high = 0, last_low = 0
    for row in range(rows):
        this_high, this_low = high[order[row]], low[order[row]]
        if persons and this_high == last_high and this_low == last_low:
            continue
        keys_hi[persons] = last_high = this_high
        keys_lo[persons] = last_low = this_low
        starts[persons] = <uint32_t>row
        persons += 1
    return persons


def collect(const uint64_t[:, ::1] pieces, Word[::1] target):
    """Fill `target` with the pieces one after the other.

    Args:
        pieces: a row a piece: address of its values, of its absent flags (or 0), of its table (or 0), shift, rows, and
            bytes a value; 0 bytes for a piece that holds one value only.
        target: as long as all pieces together.
    """
    cdef int64_t number, rows = 0
    if pieces.shape[1] * sizeof(uint64_t) != sizeof(Piece):
        raise ValueError("a piece has six words")
    for number in range(pieces.shape[0]):
        rows += <int64_t>pieces[number, 4]
    if rows != target.shape[0]:
        raise ValueError("the pieces do not fill the column")
    if rows:
        with nogil:
            collect_pieces(<const Piece*>&pieces[0, 0], pieces.shape[0], &target[0])


def arrange(const Word[::1] source, const uint32_t[::1] order, Word[::1] target):
    """Put a column in `order`."""
    cdef int64_t rows = source.shape[0]
    if order.shape[0] != rows or target.shape[0] != rows:
        raise ValueError("a column and its order differ in length")
    if rows:
        with nogil:
            arrange_words(&source[0], &order[0], rows, &target[0])


def arrange_lists(
    const Word[::1] source, const int64_t[::1] starts, const uint32_t[::1] order, Word[::1] target
):
    """Put the elements of lists in `order` of the lists; list i has the elements [starts[i], starts[i + 1])."""
    cdef int64_t rows = order.shape[0]
    if starts.shape[0] != rows + 1 or source.shape[0] != target.shape[0] or starts[rows] != source.shape[0]:
        raise ValueError("lists and their order differ in length")
    if rows and source.shape[0]:
        with nogil:
            arrange_elements(&source[0], &starts[0], &order[0], rows, &target[0])


def persons_in_order(
    const uint64_t[::1] high, const uint64_t[::1] low, const uint32_t[::1] order,
    uint64_t[::1] keys_hi, uint64_t[::1] keys_lo, uint32_t[::1] starts,
):
    """Fill in who the rows in `order` are of, and where each person's begin; returns how many persons."""
    cdef int64_t rows = order.shape[0], persons = 0
    if not (high.shape[0] == low.shape[0] == keys_hi.shape[0] == keys_lo.shape[0] == starts.shape[0] == rows):
        raise ValueError("ids and their order differ in length")
    if rows:
        with nogil:
            persons = list_persons(&high[0], &low[0], &order[0], rows, &keys_hi[0], &keys_lo[0], &starts[0])
    return persons
