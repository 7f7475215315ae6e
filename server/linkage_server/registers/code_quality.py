"""Sorts the codes of a column: correct, special, not on the list, or not written as their system says."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.code_systems import written_correctly
from linkage.register_catalogue import Variable
from linkage_server.registers.distinct_texts import Mask

CodeLists = Mapping[str, pa.StringArray]
"""Codes of loaded lists by code system; a system without a list cannot have unknown codes."""


class CodeClass(IntEnum):
    """How good a code is; all are stored as they come, MALFORMED too unless the definition says otherwise."""

    CORRECT = 0
    SPECIAL = 1  # "-", "BLANKED": a meaning of their own
    UNLISTED = 2  # written correctly, not on the list: unknown
    MALFORMED = 3


def classify(codes: pa.StringArray, *, variable: Variable, lists: CodeLists) -> npt.NDArray[np.uint8]:
    """The class of each code."""
    classes = np.full(len(codes), CodeClass.CORRECT, np.uint8)
    own_list = pa.array([code.code for code in variable.codes], pa.string()) if variable.codes else None
    listed = own_list if own_list is not None else lists.get(variable.code_system or "")
    if listed is not None:
        classes[~pc.is_in(codes, value_set=listed).to_numpy(zero_copy_only=False)] = CodeClass.UNLISTED
    if variable.code_system is not None:
        classes[~written_correctly(codes, code_system=variable.code_system)] = CodeClass.MALFORMED
    special = pa.array(variable.special_codes, pa.string())
    classes[pc.is_in(codes, value_set=special).to_numpy(zero_copy_only=False)] = CodeClass.SPECIAL
    return classes


def malformed(codes: pa.StringArray, *, variable: Variable) -> Mask:
    """Which codes are neither special nor written as the code system says."""
    mask: Mask = classify(codes, variable=variable, lists={}) == CodeClass.MALFORMED
    return mask
