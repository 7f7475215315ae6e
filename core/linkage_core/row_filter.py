"""Which rows of a register a reader wants, told by one of its code columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Rows whose code is wanted; a row without a code is not.

    Args:
        column: the code column, a dictionary.
        wants: tells of the text of a code, as the register stores it, whether its rows are wanted.
        tells_all: the same for every text of a dictionary at once, one uint8 a text; None leaves it to `wants`.
    """

    column: str
    wants: Callable[[str], bool]
    tells_all: Callable[[pa.Array], npt.NDArray[np.uint8]] | None = None

    def wanted(self, texts: pa.Array) -> npt.NDArray[np.uint8]:
        """uint8, one a text: 1 where it is wanted; a null text never is."""
        if self.tells_all is not None:
            return self.tells_all(texts)
        return np.array([text is not None and self.wants(text) for text in texts.to_pylist()], np.uint8)
