import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def drugs_at_date(
    offsets: Int64s,
    day: Int32s,
    drug: Int32s,
    drug_of_code: Int32s | None,
    given: Int32s,
    weight: Int64s,
    at_day: Int32s,
    seen: Int32s,
    total: Int64s,
    *,
    fixed_64ths: int = 0,
) -> None:
    """Write to `total` what the distinct drugs of a person weigh on each of her days: rows with day <= D < day + lasts.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, drug: int32, one a row: day, number of the drug (-1 for none that counts).
        drug_of_code: int32, one a code: where it is given, `drug` tells codes and this their drugs.
        given: int32, one a row: 1/64 days that it lasts or, with `fixed_64ths`, above 0 where it lasts so long.
        weight: int64, one a drug: 1 where drugs are counted.
        at_day: int32, days x persons: D.
        seen: int32, scratch, as long as `weight` at least and not empty.
        total: int64, days x persons, out.

    Raises:
        EventsRejected: columns differ in length.
    """
