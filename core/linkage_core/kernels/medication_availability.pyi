import numpy as np
import numpy.typing as npt

UInt8s = npt.NDArray[np.uint8]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]

def measure_availability(
    offsets: Int64s,
    day: Int32s,
    drug: Int32s,
    supply: Float64s,
    dose: Float64s,
    follow_up_start: Int32s,
    follow_up_end: Int32s,
    window_start: Int32s,
    window_end: Int32s,
    place_of_measure: Int8s,
    number: Float64s,
    state: UInt8s,
    *,
    corrected: bool,
    same_medication: bool,
    dosage_change: bool,
) -> None:
    """Work out CMA1 to CMA9 of each person in each window.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, drug: int32, one a row: day, and a number that is the same for the same drug.
        supply: float64, one a row: days of supply; negative for a row that is no event, 0 or NaN where it is not told.
        dose: float64, one a row: daily dose, above 0; may be empty without `dosage_change`.
        follow_up_start, follow_up_end: int32, one a person: events outside [start, end] do not count. A person with an
            end before the start has no time.
        window_start, window_end: int32, windows x persons: [start, end] of each window, inside follow-up.
        place_of_measure: int8, nine: where CMA1 to CMA9 stand in the output; negative for those that are not wanted.
        number: float64, out, measures x windows x persons: the value; 0, or what AdhereR says, where there is none.
        state: uint8, out, as `number`: 0 has a value, 1 no event that the measure looks at, 2 a single event, 3 no time
            between them, 4 an event without days of supply, 5 an event without a daily dose, 6 AdhereR stops here.
        corrected: rows of a day are taken together and a stock is never forgotten; False follows AdhereR 0.8.1.
        same_medication: supply is carried over within a drug only.
        dosage_change: what is carried over is converted to the dose of the event that it is carried to.

    Raises:
        EventsRejected: days of a person are not ascending; names the row.
    """

def list_events(
    offsets: Int64s,
    day: Int32s,
    drug: Int32s,
    supply: Float64s,
    dose: Float64s,
    follow_up_start: Int32s,
    follow_up_end: Int32s,
    window_start: Int32s,
    window_end: Int32s,
    event_person: Int32s,
    event_day: Int32s,
    event_supply: Float64s,
    interval: Float64s,
    gap: Float64s,
    carried: Float64s,
    *,
    corrected: bool,
    same_medication: bool,
    dosage_change: bool,
) -> int:
    """List each person's events inside follow-up, as CMA7 sees them, and return how many there are.

    Args:
        offsets, day, drug, supply, dose, follow_up_start, follow_up_end: as for `measure_availability`.
        window_start, window_end: int32, one a person.
        event_person, event_day: int32, out, one an event (room for one a row): position of the person, day.
        event_supply: float64, out: days of supply of the event.
        interval: float64, out: days until the next event or the window's end; NaN for an event outside the window.
        gap, carried: float64, out: days of the interval without supply, and days of supply carried into the event; NaN
            for an event after the window.

    Raises:
        EventsRejected: days of a person are not ascending; names the row.
    """
