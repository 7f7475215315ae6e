import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

class SumBoxes:
    """Searches the cheapest boxes around cells of one table of sums.

    Codes of all axes stand one after another; on each axis leaves come first. Cells are numbered with the last axis
    running fastest.

    Args:
        axes: as `suppression_boxes.BoxSearch` takes them.
        room: int64, one a cell: how far it may fall, negative where it must not move; below 2^60.
        number: int32, one a cell: how many contributors it has.
        givers: int32, shape (4, cells): its largest contributors, numbered from 0; -3 where there are fewer.
        own: int64, shape (5, cells): what these know it to be at least, and last what anybody else knows at most.
        cost: int32, one a cell, in and out: what blanking it costs, 0 where it is blank.
        shown: int64, one a cell, in and out: the widest span of values shown for it.

    Raises:
        EventsRejected: lengths differ or a number is out of range; names the argument.
    """

    def __init__(
        self,
        axes: tuple[Int32s, Int32s, Int32s, Int32s, Int32s, Int32s],
        room: Int64s,
        number: Int32s,
        givers: Int32s,
        own: Int64s,
        cost: Int32s,
        shown: Int64s,
    ) -> None: ...
    def find(
        self,
        targets: Int32s,
        holders: Int32s,
        reach: Int64s,
        span: Int64s,
        proved: UInt8s,
        cells: Int32s,
        signs: Int8s,
        starts: Int64s,
        task_of: Int32s,
        rooms: Int64s,
        *,
        coalition: int,
        opening: bool,
        keep: int,
        patience: int,
    ) -> tuple[int, int]:
        """Find the cheapest boxes of each task and blank their cells, one task after another.

        Args:
            targets: int32, one a task: cells.
            holders: int32, one a task: whom boxes are guarded for. -1: nobody, one box counts for those outside. -4: as
                many boxes as it takes that every coalition which is not all of the target leaves one room enough.
                Else a contributor: one box with room for every coalition that lacks this one.
            reach: int64, one a task: how far the target must rise; 0 for none, and such tasks are passed over where the
                span is shown already.
            span: int64, one a task: how far it must rise and fall together.
            proved: uint8, one a task, out: 1 where the boxes found are enough, or none is needed.
            cells, signs: out, int32 and int8, at least 10,240: the boxes, one after another; the target has sign +1.
            starts: out, int64, one more than `task_of`, the first 0: where each box begins.
            task_of: out, int32, at least 10: the task of each box.
            rooms: out, int64, shape (2, size of `task_of`): how far each box may rise and fall for those outside.
            coalition: so many contributors pool what they know, 1 or 2.
            opening: printed cells may be blanked, at their cost; else boxes lie among blanks.
            keep: how many steps of each axis are combined, 1 to 31: the cheapest along the target's own lines.
            patience: corners looked at, after which the best box so far is taken.

        Returns:
            How many tasks were done, all or those whose boxes had room, and how many boxes were found.
        """
