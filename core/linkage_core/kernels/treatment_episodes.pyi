import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

def treatment_episodes(
    offsets: Int64s,
    day: Int32s,
    code: Int32s,
    supply_64ths: Int32s,
    dose: Floats,
    from_day: Int32s,
    until_day: Int32s,
    last_day: Int32s,
    gap: Floats,
    at_day: Int32s,
    start: Int32s,
    end: Int32s,
    episodes: Int32s,
    first_days: Floats,
    first_grace: Floats,
    second_start: Int32s,
    covered: UInt8s,
    listed_at: Int64s,
    listed_start: Int32s,
    listed_gap: Floats,
    listed_end: Floats,
    stays: tuple[Int64s, Int32s, Int32s] | None = None,
    *,
    days: int,
    longest: int,
    carry: int,
    percent: bool,
    convert_dose: bool,
    drug_starts: bool,
    dose_starts: bool,
    append_gap: bool,
    compatible: bool,
    hospital: int = 0,
) -> None:
    """Find the treatment episodes of each person, for each permissible gap.

    Follow-up begins on the first day with supply in [from_day, until_day) and ends after `days`, or on `last_day`.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, code, supply_64ths: int32, one a row: day, drug, supply in 1/64 days (>= 0; 0 is no dispensing).
        dose: float64, one a row, the daily dose; empty where no rule asks for it.
        from_day, until_day, last_day: int32, one a person.
        gap: float64, permissible gaps in days, or in percent of the supply before the gap.
        at_day: int32, ascending: days after the start on which coverage is asked for.
        start, end: int32, one a person, out: follow-up; the largest int32 where nothing was dispensed.
        episodes: int32, one a person for each gap, the persons of one gap side by side, out: how many.
        first_days, first_grace: float64, as `episodes`, out: length of the first, and the gap permitted at its end.
        second_start: int32, as `episodes`, or empty, out: first day of the second, the largest int32 without one.
        covered: uint8, one a person for each `at_day`, out: a whole day's supply was at hand; 2 in hospital, where its
            days count as nothing.
        listed_at: int64, persons + 1, or empty: where each person's episodes go, for one gap.
        listed_start, listed_gap, listed_end: one an episode, out: first day, gap after it, end.
        stays: offsets, days of admission and discharge of stays in hospital, by person and day of admission.
        days: length of the follow-up.
        longest: rows of the person with most.
        carry: 0 nothing, 1 one stock for all drugs, 2 a stock for each.
        percent: gaps are in percent.
        convert_dose: what is left is used at the new dose.
        drug_starts, dose_starts: a day with other drugs, or another dose of a drug, starts an episode.
        append_gap: the permissible gap belongs to an episode that ends because it was exceeded.
        hospital: 0 stays are ignored; in the others no supply is used in them, and their days count 1 as nothing, 2 as
            days with supply, 3 as days without.
        compatible: row by row as AdhereR 0.8.1, its defects included.

    Raises:
        EventsRejected: days of a person are not ascending, or a supply is negative; names the row.
    """
