"""Dates that tests agree on: nothing in them depends on today."""

from __future__ import annotations

from datetime import date

REFERENCE_DATE = date(2025, 1, 1)
