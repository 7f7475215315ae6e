"""All attacks: importing this module enters them into `ATTACKS`."""

from __future__ import annotations

from tests.security.attacks import intervals, knowledge, magnitudes, subtraction
from tests.security.attacks.attack import ATTACKS

__all__ = ["ATTACKS", "intervals", "knowledge", "magnitudes", "subtraction"]
