"""All attacks: importing this module enters them into `ATTACKS`."""

from __future__ import annotations

from tests.security.attacks import (
    derived_figures,
    intervals,
    knowledge,
    magnitudes,
    perturbation,
    releases,
    subtraction,
)
from tests.security.attacks.attack import ATTACKS

__all__ = [
    "ATTACKS",
    "derived_figures",
    "intervals",
    "knowledge",
    "magnitudes",
    "perturbation",
    "releases",
    "subtraction",
]
