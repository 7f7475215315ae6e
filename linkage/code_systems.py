"""How codes of each system are written. Formats only: the lists themselves belong to their owners and are loaded.

A code that is written correctly but is not on a loaded list is *unknown*: it is counted and kept, never dropped.
Sources: WHO ATC index structure; TLV article groups; ICD-10-SE and ICD-9 (Socialstyrelsen); KVA; ICD-O-3;
SNOMED CT identifier (SCTID) specification with its Verhoeff check digit; NPL and VARA identifiers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CodeSystem:
    """One code system.

    Attributes:
        name: as definitions name it.
        title_sv, title_en: for people.
        pattern: regular expression of a code that is written correctly.
        check: stricter test of codes that fit the pattern (a check digit), vectorised.
    """

    name: str
    title_sv: str
    title_en: str
    pattern: str
    check: Callable[[pa.StringArray], Mask] | None = None


OF_CODE_SETS: dict[str, tuple[str, ...]] = {
    "atc": ("atc",),
    "icd10": ("icd-10-se",),
    "kva": ("kva",),
    "icdo3": ("icd-o-3-topography", "icd-o-morphology"),
    "snomed": ("snomed-ct",),
}
"""Code systems of register variables, the usual one first, by the word that begins the fields of code sets."""


def code_system_names() -> tuple[str, ...]:
    """Names that a definition may use."""
    return tuple(CODE_SYSTEMS)


def written_correctly(codes: pa.StringArray, *, code_system: str) -> Mask:
    """Which codes are written as their system says.

    Args:
        codes: string, distinct or not; a null is never correct.
        code_system: one of `code_system_names()`.

    Returns:
        bool, same length.
    """
    system = CODE_SYSTEMS[code_system]
    fits = pc.fill_null(pc.match_substring_regex(codes, system.pattern), False)
    correct: Mask = fits.to_numpy(zero_copy_only=False).astype(np.bool_)
    if system.check is not None and correct.any():
        correct[correct] = system.check(codes.filter(pa.array(correct)))
    return correct


def passes_verhoeff(digits: str) -> bool:
    """Whether the last digit of a decimal text is its Verhoeff check digit (SNOMED CT, SCTID specification 5.5)."""
    check = 0
    for position, digit in enumerate(reversed(digits)):
        check = _PRODUCT[check][_PERMUTATION[position % 8][int(digit)]]
    return check == 0


def _sctid_check(codes: pa.StringArray) -> Mask:
    # The two digits before the check digit tell what the identifier names: 00 or 10 a concept, 01 or 11 a description,
    # 02 or 12 a relationship. Reasons and diagnoses are concepts. At most 18 digits: it fits 64 bits, never a float.
    texts = codes.to_pylist()
    return np.array([text[-3:-1] in ("00", "10") and passes_verhoeff(text) for text in texts], dtype=np.bool_)


_PRODUCT = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTATION = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)

_SYSTEMS = (
    CodeSystem(
        "atc",
        "ATC-kod eller TLV:s varugrupp",
        "ATC code or TLV article group",
        # WHO levels 1 to 5, or the article groups TLV and E-hälsomyndigheten write in the same column: Y.. consumables,
        # Y75 foods, X and Z articles without an ATC code.
        r"^(?:[A-V](?:[0-9]{2}(?:[A-Z](?:[A-Z](?:[0-9]{2})?)?)?)?|[XYZ][0-9A-Z]{0,6})$",
    ),
    CodeSystem(
        "icd-10-se",
        "ICD-10-SE, eller ICD-9/ICD-8 för äldre år",
        "ICD-10-SE, or ICD-9/ICD-8 in older years",
        # I219, I21.9, F03-, U071; older: 410A, 464,01, E812A, V10.
        r"^(?:[A-Z][0-9]{2}\.?[0-9A-Z-]{0,3}|[0-9]{3}(?:,?[0-9]{1,2})?[A-ZX]?|[0-9]{3},-)$",
    ),
    CodeSystem("icd-9", "ICD-9", "ICD-9", r"^[EV]?[0-9]{2,3}(?:,?[0-9]{1,2})?[A-ZX]?$"),
    CodeSystem("icd-7", "ICD-7", "ICD-7", r"^[0-9]{3}(?:[.,]?[0-9]{1,2})?$"),
    CodeSystem("icd-o-3-topography", "ICD-O-3, läge", "ICD-O-3, topography", r"^[A-Z][0-9]{2}\.?[0-9]?$"),
    CodeSystem("icd-o-morphology", "ICD-O, morfologi", "ICD-O, morphology", r"^M?[0-9]{4}(?:/?[0-9])?[A-Z0-9]?$"),
    CodeSystem("kva", "KVÅ, åtgärdskod", "KVÅ, procedure code", r"^(?:[A-Z]{2}[A-Z0-9][0-9]{2}|[0-9]{4})$"),
    CodeSystem("snomed-ct", "Snomed CT, begrepp", "Snomed CT, concept", r"^[1-9][0-9]{5,17}$", _sctid_check),
    CodeSystem("npl-pack-id", "NPL förpacknings-id", "NPL package id", r"^[0-9]{14}$"),
    CodeSystem("varunr", "Nordiskt varunummer", "Nordic article number", r"^[0-9]{6}$"),
    CodeSystem("county", "Län (SCB)", "County (SCB)", r"^[0-9]{2}$"),
    CodeSystem("municipality", "Kommun (SCB)", "Municipality (SCB)", r"^[0-9]{4}$"),
    CodeSystem("parish", "Län, kommun och församling", "County, municipality and parish", r"^[0-9]{6}$"),
    CodeSystem("hospital", "Sjukhus (Socialstyrelsen)", "Hospital (Socialstyrelsen)", r"^[0-9]{5}$"),
)
CODE_SYSTEMS = {system.name: system for system in _SYSTEMS}
