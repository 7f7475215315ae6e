"""What a release fails by."""

from __future__ import annotations


class CheckFailed(Exception):
    """A release, its truth and its certificates do not fit together; says what and in which row, never a count."""


class NotCheckedHere(CheckFailed):
    """A release of a sort that has no certificates: nothing is known against it, and nothing is proved."""
