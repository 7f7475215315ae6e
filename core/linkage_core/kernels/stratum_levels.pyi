import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]

def place_codes(code: npt.NDArray[np.integer], place: Int32s, level: Int32s) -> None:
    """Write place[code] of each person.

    Args:
        code: any integer type but uint64, one a person: position in `place`.
        level: int32, out, one a person.

    Raises:
        EventsRejected: a code is out of range; names the person's position.
    """

def cross_levels(levels: list[Int32s], sizes: Int32s, cell: Int32s) -> None:
    """Write the cell of each person where strata are crossed: her levels as the digits of a number, the first highest.

    Args:
        levels: int32, one a person, for each of at most 32 strata.
        sizes: int32, levels of each stratum; the cells of all fit into int32.
        cell: int32, out, one a person.

    Raises:
        EventsRejected: columns differ in length, or there are too many strata.
    """

def age_bands(born: Int32s, on: Int32s, band: Int32s, level: Int32s, *, no_band: int, unknown: int) -> None:
    """Write the band of each person's completed years; who is born on 29 February turns on 1 March of other years.

    Args:
        born, on: int32 days since 1970-01-01, one a person; `unknown` where a day is missing.
        band: int32, the band of each age from 0, at least one.
        level: int32, out, one a person: her band; `no_band` where a day is missing or `band` does not have the age.
    """
