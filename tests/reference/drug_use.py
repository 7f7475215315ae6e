"""Start of treatment and use, written to be obviously right: one person and one day at a time. Slow on purpose.

Twin of the kernel incident_use and of the kinds incidence, prevalence, on_treatment, new_or_continuing,
primary_non_adherence, high_intensity and medication_possession_ratio. Rows are days on which something was dispensed.
"""

from __future__ import annotations

from collections.abc import Sequence


def incident(
    rows: Sequence[int],
    *,
    start: int,
    ends: Sequence[int],
    known_from: int,
    exit_day: int,
    washout: int,
    repeated: bool,
) -> tuple[list[int], list[int]]:
    """Events and days at risk in the windows [start, ends[0]), [ends[0], ends[1]), ...: one day after the other."""
    events, days = [0] * len(ends), [0] * len(ends)
    for day in range(start, min(ends[-1], exit_day)):
        window = next(place for place, end in enumerate(ends) if day < end)
        before = range(day - washout, day)
        if before[0] < known_from or any(row in before for row in rows):
            continue
        days[window] += 1
        if day in rows:
            events[window] += 1
            if not repeated:
                break
    return events, days
