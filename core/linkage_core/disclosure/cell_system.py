"""Cells and the sums that tie them: the one form in which counts, sums and laboratory tables are protected.

A relation says: whole - part - part - ... = remainder. The remainder is 0 where the parts make up the whole (margins,
complete splits); else it is a count that nobody prints but anybody may compute (persons of the denominator outside
the numerator, persons between two nested windows), and it is known not to be negative.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from linkage.errors import InputRefused

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_DEARNESS = np.array([100.0, 5.0, 1.0])
"""What a blank costs beside a blank among crossed strata: in a grand total, in the margin of one stratum."""


@dataclass(frozen=True, slots=True)
class CellSystem:
    """Everything the suppression has to know; cells and relations are numbered from 0.

    Args:
        values: true value of each cell.
        printed: the cell stands in a line of the table; others are unknown to a reader unless they can be computed.
        at_least: what a reader knows of a blank in advance (1 where zeros are shown); above the value of a cell that
            readers know, which is neither blank nor moves.
        uses: number of lines that lose their value when the cell is blank, at least 1.
        strata: in how many strata the cell has a level, 0 for a grand total.
        sensitive: the cell may not be known.
        reach: for sensitive cells, the number up to which a reader must hold it possible; 0 for no demand.
        starts: relation r holds the members [starts[r], starts[r + 1]); the first member is its whole.
        members: cell numbers.
        remainder: whole minus parts of each relation.
        implied: the remainder is an unprinted count, not a zero.
        remainder_sensitive: the remainder may not be known.
        remainder_reach: as `reach`, for the remainder.
        pairs: numerator and denominator of each printed line, shape (lines, 2); the same cell twice where there is one
            only. A line with one of them blank prints nothing, so that the other may go unseen too.
        own_prices: what a blank of each cell costs; None for what `uses`, `strata` and `values` say.
    """

    values: Ints
    printed: Flags
    at_least: Ints
    uses: Ints
    strata: Ints
    sensitive: Flags
    reach: Ints
    starts: Ints
    members: Ints
    remainder: Ints
    implied: Flags
    remainder_sensitive: Flags
    remainder_reach: Ints
    pairs: Ints
    own_prices: Floats | None = None

    @property
    def signs(self) -> Ints:
        """+1 for wholes and -1 for parts, one per member."""
        signs = np.full(self.members.size, -1, dtype=np.int64)
        signs[self.starts[:-1]] = 1
        return signs

    @property
    def prices(self) -> Floats:
        """What a reader loses with each cell: by its lines, by how many read them first, by its persons."""
        if self.own_prices is not None:
            return self.own_prices
        dearness = _DEARNESS[np.minimum(self.strata, _DEARNESS.size - 1)]
        return np.asarray(dearness * self.uses * (self.values + 5))

    @property
    def hidden_anyway(self) -> Flags:
        """What is sensitive, and what no line prints, but for what readers know without a line."""
        return self.sensitive | (~self.printed & (self.values >= self.at_least))

    def in_relations(self, relations: Flags) -> Flags:
        """The cells of some relations."""
        found = np.zeros(self.values.size, dtype=np.bool_)
        found[self.members[np.repeat(relations, np.diff(self.starts))]] = True
        return found

    def unseen(self, blank: Flags) -> Flags:
        """`blank` with all cells that no line shows any more. Zeros stay: granting them to a reader costs nothing."""
        if not self.pairs.size:
            return blank
        lost = blank.copy()
        before = -1
        while before != np.count_nonzero(lost):
            before = int(np.count_nonzero(lost))
            seen = np.zeros(lost.size, dtype=np.bool_)
            seen[self.pairs[~lost[self.pairs].any(axis=1)]] = True
            lost |= self.printed & ~seen & (self.values >= self.at_least)
        return lost


@dataclass(slots=True)
class Relations:
    """Collects relations before the system is built."""

    lengths: list[Ints] = field(default_factory=list)
    members: list[Ints] = field(default_factory=list)
    implied: list[Flags] = field(default_factory=list)

    def add(self, wholes: Ints, parts: Ints, *, implied: bool) -> None:
        """Add one relation per row, none where there is no whole.

        Args:
            wholes: cell numbers, shape (relations,).
            parts: cell numbers, shape (relations, parts).
            implied: the parts may leave a remainder.
        """
        if not wholes.size:
            return
        table = np.concatenate([wholes.reshape(-1, 1), parts.reshape(wholes.size, -1)], axis=1)
        self.members.append(table.ravel())
        self.lengths.append(np.full(wholes.size, table.shape[1], dtype=np.int64))
        self.implied.append(np.full(wholes.size, implied, dtype=np.bool_))

    def build(self, values: Ints) -> tuple[Ints, Ints, Ints, Flags]:
        """Return starts, members, remainder, implied.

        Raises:
            InputRefused: parts do not add up to their whole, or exceed it.
        """
        none = np.empty(0, dtype=np.int64)
        members = np.concatenate([*self.members, none])
        starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.concatenate([*self.lengths, none]))])
        implied = np.concatenate([*self.implied, np.empty(0, dtype=np.bool_)])
        wholes = values[members[starts[:-1]]]
        remainder = 2 * wholes - np.add.reduceat(values[members], starts[:-1]) if wholes.size else none
        if np.any(remainder[~implied]):
            raise InputRefused(
                "The table does not add up: levels or parts do not sum to their total.",
                mend="Hand in exact counts; totals must be those of the same persons.",
            )
        if np.any(remainder < 0):
            raise InputRefused(
                "The table contradicts itself: a part counts more persons than its whole.",
                mend="Hand in numerators that are subsets of their denominators.",
            )
        return starts, members, remainder, implied


def implied_by(known: Flags, starts: Ints, members: Ints, *, exact: Flags) -> Flags:
    """Known cells and those that follow from them: the last unknown of a relation without a remainder.

    Args:
        known: cells.
        starts, members: relations, as in `CellSystem`.
        exact: relations whose parts make up the whole.
    """
    found = known.copy()
    owner = np.repeat(np.arange(exact.size), np.diff(starts))
    while True:
        unknown = ~found[members]
        last = exact & (np.bincount(owner[unknown], minlength=exact.size) == 1)
        new = members[unknown & last[owner]]
        if not new.size:
            return found
        found[new] = True
