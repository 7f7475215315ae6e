import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def supply_of_first_drugs(
    offsets: Int64s, day: Int32s, code: Int32s, supply_64ths: Int32s, start: Int32s, kept: Int32s
) -> None:
    """Write to `kept` the supply of rows of the drugs that a person has on the day of her start, 0 for others.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, code, supply_64ths: int32, one a row: day, drug, supply in 1/64 days; one without supply is none of hers.
        start: int32, one a person; a day without rows for who never began.
        kept: int32, one a row, out.

    Raises:
        EventsRejected: columns differ in length.
    """

def begins_another_drug(
    own: tuple[Int64s, Int32s, Int32s, Int32s],
    other: tuple[Int64s, Int32s, Int32s, UInt8s],
    start: Int32s,
    from_day: Int32s,
    last_day: Int32s,
    begun: UInt8s,
) -> None:
    """Write to `begun` 1 where the first day ever of a drug, none of those of her start, lies in a span of hers.

    Args:
        own: offsets, days, drugs and supply of the rows of her start, as `supply_of_first_drugs` has them.
        other: int64, persons + 1, and one a row by day: int32 day, int32 drug, uint8, 0 for a row that does not count.
        start: int32, one a person.
        from_day, last_day: int32, spans x persons: both belong to the span; nothing lies in one that ends before it
            begins.
        begun: uint8, spans x persons, out.

    Raises:
        EventsRejected: columns differ in length.
    """
