from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]

def give_reasons(
    speaks: Sequence[UInt8s], number: Sequence[int], reason: UInt8s, counted: UInt8s, *, leave_out: int
) -> bool:
    """Write the number of the first rule that speaks about each person, 0 where none does, and whether she is counted.

    Args:
        speaks: list of at most 64 rules in their order, for each uint8, one a person: not 0 where it speaks about her.
        number: list, one a rule: below 256.
        reason, counted: uint8, out, one a person.
        leave_out: so many of the rules, the first ones, leave those out whom they speak about: they are not counted.

    Returns:
        Whether everybody is counted.

    Raises:
        EventsRejected: lengths differ, or there are too many rules.
    """
