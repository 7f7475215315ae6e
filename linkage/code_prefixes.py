"""Which prefixes of a code set can begin a code of its system, so that a slip of the pen is found before a run."""

from __future__ import annotations

import re

from linkage.code_systems import passes_verhoeff

# The fourteen anatomical main groups of WHO, or the article groups X, Y and Z of the Swedish registers.
_ATC = r"(?:[ABCDGHJLMNPRSV](?:\d(?:\d(?:[A-Z](?:[A-Z](?:\d\d?)?)?)?)?)?|[XYZ][0-9A-Z]{0,6})"
_ICD10 = r"[A-Z](?:\d(?:\d[0-9A-Z]{0,3})?)?"
_KVA = r"(?:[A-Z](?:[A-Z](?:[A-Z0-9]\d{0,2})?)?|\d{1,4})"
# Topography (C509) or morphology with its behaviour (81403, M81403).
_ICDO3 = r"(?:C\d{1,3}|M?\d{1,5}[A-Z0-9]?|[CM])"
_SNOMED = r"[1-9]\d{5,17}"

_FORMS = {
    "atc": (re.compile(_ATC), "an ATC code begins as C, C10, C10A, C10AA or C10AA05"),
    "icd10": (
        re.compile(_ICD10),
        "an ICD-10 code begins with a letter and two digits, as I21 or I219, without its dot",
    ),
    "kva": (re.compile(_KVA), "a KVÅ code has five signs, as FNG05 or AF021"),
    "icdo3": (re.compile(_ICDO3), "an ICD-O-3 code is a place, as C509, or a morphology, as 81403"),
    "snomed": (re.compile(_SNOMED), "a Snomed CT concept is named in full, 6 to 18 digits with its check digit"),
}


def fault_of_prefix(prefix: str, *, system: str) -> str | None:
    """What is wrong with a prefix of a code set, in words; None where some code of the system may begin so."""
    form, words = _FORMS[system]
    if not form.fullmatch(prefix):
        return words
    if system == "snomed" and not (prefix[-3:-1] in ("00", "10") and passes_verhoeff(prefix)):
        return words
    return None
