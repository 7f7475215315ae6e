import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

def drugs_at_date(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    lasts_64ths: Int32s,
    drug_of_code: Int32s,
    at_day: Int32s,
    seen: Int32s,
    drugs: Int32s,
) -> None:
    """Write to `drugs` how many distinct drugs a person has on her day: rows with day <= D < day + lasts.

    Args:
        offsets: int64, persons + 1, into the rows; order inside a person does not matter.
        day, code: int32, one a row: day, dictionary id (-1 for none).
        lasts_64ths: int32, one a row, in 1/64 days: supply, or the window that counts as "has"; 0 never counts.
        drug_of_code: int32, one a dictionary id: which drug it is, -1 for none that counts.
        at_day: int32, one a person: D.
        seen: int32, scratch, at least the longest history and not empty.
        drugs: int32, out, one a person.

    Raises:
        EventsRejected: columns differ in length.
    """
