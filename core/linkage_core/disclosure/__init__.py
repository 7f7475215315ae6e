"""Disclosure control: exact counts go in, only what may leave comes out."""

from linkage_core.disclosure.class_folds import folded
from linkage_core.disclosure.person_cells import refuse_small_population
from linkage_core.disclosure.protect import match_rate_band, protect
from linkage_core.disclosure.protected_table import ProtectedTable, from_bytes, to_bytes

__all__ = [
    "ProtectedTable",
    "folded",
    "from_bytes",
    "match_rate_band",
    "protect",
    "refuse_small_population",
    "to_bytes",
]
