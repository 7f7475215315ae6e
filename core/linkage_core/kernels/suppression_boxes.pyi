import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int16s = npt.NDArray[np.int16]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

class BoxSearch:
    """Searches boxes around cells of one table, and keeps those found as moves with what they prove.

    Codes of all axes stand one after another; on each axis leaves come first. Cells are numbered with the last axis
    running fastest.

    Args:
        axes: six columns of int32, as `LatticeCodes` has them. Two with one number an axis: how many codes it has, and
            how many of them are leaves. Then where each list begins, and the lists: for each code that is a leaf,
            itself and all codes above it, empty for others; and for each code the leaves under it, a leaf under itself.
        room: int64, one a cell: how far it may fall, negative where it must not move.
        price: int32, one a cell: what blanking it costs, from 1 to below 2^18.
        sensitive: uint8, one a cell: it stays blank whatever happens.
        reach: int16, one a cell: how far it must be shown to rise, 0 to 8191; -1 where a blank needs no proof.
        blank: uint8, one a cell, in and out.
        candidates: so many different values each blank must be shown to fit.

    Raises:
        EventsRejected: lengths differ or a number is out of range; names the argument.
        MemoryError: the moves need more than 2^31 entries.
    """

    def __init__(
        self,
        axes: tuple[Int32s, Int32s, Int32s, Int32s, Int32s, Int32s],
        room: Int64s,
        price: Int32s,
        sensitive: UInt8s,
        reach: Int16s,
        blank: UInt8s,
        *,
        candidates: int,
    ) -> None: ...
    def prove(self, targets: Int32s, *, opening: bool, keep: int, patience: int, bends: int = 0) -> None:
        """Search the cheapest boxes that prove blanks; each is kept, whether it was enough or not.

        Args:
            targets: int32: cells, in the order in which they are seen to; others than blanks without proof are passed.
            opening: printed cells may be blanked, at their price; else boxes lie among blanks.
            keep: how many steps of each axis are combined, 1 to 31: the cheapest along the target's own lines.
            patience: corners looked at, after which the best box so far is taken.
            bends: so many corners of a box that would blank cells are tried to be led around, by a box more.
        """

    def try_without(
        self, cells: Int32s, starts: Int64s, *, opening: bool, keep: int, patience: int, work: int, bends: int = 0
    ) -> int:
        """Print groups of blanks again, each where all that leaned on it is proved without it at less cost.

        Args:
            cells: int32: the groups, one after another; a group with a sensitive or a printed cell is passed over.
            starts: int64: where each begins, and the end of the last.
            opening: other cells may be blanked instead, if they cost less together.
            keep, patience, bends: as for `prove`.
            work: steps, corners and moves looked at, after which no further group is begun.

        Returns:
            How many groups were printed again.
        """

    @property
    def work(self) -> int:
        """Steps, corners and moves looked at so far: a measure of time that is the same everywhere."""

    def unmet(self) -> Int32s:
        """Blanks that are not proved."""

    def evidence(self) -> tuple[Int16s, Int32s]:
        """For each cell (shape 3 x cells) how far it rises by ones, falls by ones and rises at all; and by which moves.

        -1 where there is none.
        """

    def moves(self) -> tuple[Int64s, Int16s, Int16s, Int32s, Int16s]:
        """All moves found: starts of their entries, lowest and highest multiple; cells and changes, one an entry."""
