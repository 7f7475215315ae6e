"""How many decimals a ratio may be printed with, so that several pairs of whole numbers fit each print."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.errors import InputRefused

_Numbers = npt.NDArray[np.int64]

_MOST_DECIMALS = 6
_LEAST_DECIMALS = -12
_MOST_PAIRS = 10_000_000


@dataclass(frozen=True, slots=True)
class KnownPairs:
    """What a reader knows of the two whole numbers behind a ratio, before it is printed.

    Args:
        numerators: least and greatest numerator that is possible.
        denominators: least and greatest denominator, from 1; twice the same where it is printed.
        part_of_whole: the numerator does not exceed the denominator.
    """

    numerators: tuple[int, int]
    denominators: tuple[int, int]
    part_of_whole: bool = False


def printed_decimals(known: KnownPairs, *, per: int = 1, pairs: int = 3, most: int = _MOST_DECIMALS) -> int | None:
    """The most decimals of per * numerator / denominator at which every print fits at least `pairs` pairs.

    Less than 0 are tens, hundreds and so on. None: there are fewer pairs than that at all, so nothing may be printed.

    Args:
        known: which pairs are possible; made of what the reader knows, never of the pair itself. For a hidden sum
            beside a printed count, `pairs` is the width that the sum must keep, in its units.
        per: 1 for a ratio, 100 for per cent, 1,000 for a rate.
        pairs: how many must fit.
        most: no more decimals than these.

    Raises:
        InputRefused: more than ten million pairs are possible; give closer ends, or round by the bound below.

    Proof. A figure x is printed as the whole number r(x) = floor(x 10^d + 1/2) of units 10^-d, and r is a function of
    the pair, so the possible pairs fall apart into classes of equal print. A reader who knows `known`, this function
    and the print knows the class and nothing else: d is computed from `known` alone, so that it is the same for
    all pairs and tells none of them apart. d is returned only if every class that is not empty was counted and has
    `pairs` members; so has the class of the true pair, whichever it is. Less may be known than `known` says, which
    adds pairs to a class and takes none; to know more, a reader needs another print, and `known` must say so.

    Nothing is monotone in d: classes of fewer decimals are not unions of classes of more (0.449 is 0.4, 0.45 is 0.5).
    So d is looked for from `most` downwards, and each is counted by itself. With one denominator b the classes inside
    hold the multiples of per / b in a half-open interval of length 10^-d, at least floor(b 10^-d / per) of them.
    """
    numerators, denominators = _enumerated(known)
    if numerators.size < pairs:
        return None
    for decimals in range(most, _LEAST_DECIMALS - 1, -1):
        members = _members(numerators, denominators, per=per, decimals=decimals)
        if members.min() >= pairs:
            return decimals
    return None


def in_printed_units(numerator: int, denominator: int, *, per: int = 1, decimals: int) -> int:
    """per * numerator / denominator rounded half up, as a whole number of units of 10^-decimals; exact."""
    up, down = _scales(per, decimals)
    return (2 * up * numerator + down * denominator) // (2 * down * denominator)


def _enumerated(known: KnownPairs) -> tuple[_Numbers, _Numbers]:
    """Numerator and denominator of every possible pair."""
    denominators = np.arange(known.denominators[0], known.denominators[1] + 1, dtype=np.int64)
    least, greatest = known.numerators
    last = np.minimum(denominators, greatest) if known.part_of_whole else np.full(denominators.size, greatest)
    beside = np.maximum(last - least + 1, 0)
    if beside.sum() > _MOST_PAIRS:
        raise InputRefused("more pairs fit what is known than can be looked through.", mend="Give closer ends.")
    within = np.arange(beside.sum()) - np.repeat(np.cumsum(beside) - beside, beside)
    return least + within, np.repeat(denominators, beside)


def _members(numerators: _Numbers, denominators: _Numbers, *, per: int, decimals: int) -> npt.NDArray[np.intp]:
    """How many pairs each print fits that some pair has."""
    up, down = _scales(per, decimals)
    if 2 * (up * int(numerators.max()) + down * int(denominators.max())) >= 1 << 63:
        numerators, denominators = numerators.astype(object), denominators.astype(object)
    prints = (2 * up * numerators + down * denominators) // (2 * down * denominators)
    members: npt.NDArray[np.intp] = np.unique(prints, return_counts=True)[1]
    return members


def _scales(per: int, decimals: int) -> tuple[int, int]:
    """What numerator and denominator are multiplied by, so that their quotient is in units of 10^-decimals."""
    return per * 10 ** max(decimals, 0), 10 ** max(-decimals, 0)
