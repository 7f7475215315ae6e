import numpy as np
import numpy.typing as npt

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

def drug_use_periods(
    offsets: Int64s,
    day: Int32s,
    drug: Int32s,
    package: Int32s,
    packages: Floats,
    ddd: Floats,
    package_limits: Floats,
    drug_limits: Floats,
    stay_offsets: Int64s,
    admitted: Int32s,
    discharged: Int32s,
    rule: Floats,
    period_numbers: Int32s,
    period_amounts: Floats,
    lasts: Floats,
    refill_days: Int32s,
    refill_packages: Floats,
    *,
    longest: int,
    most_stays: int,
) -> int:
    """Find the drug use periods of each person and drug; returns how many there are.

    Args:
        offsets: int64, persons + 1, into the rows; rows of a person are by day.
        day, drug, package: int32, one a row: day; row of `drug_limits`, negative where the row does not count; row of
            `package_limits`.
        packages, ddd: float64, one a row: packages, or a part of one; a row without any does not count. Defined daily
            doses, 0 where they are not known.
        package_limits: float64, kinds of package x (least and usual defined daily doses a day, least, usual and most
            days of one package); NaN in a row of which nothing is known.
        drug_limits: float64, the same for each drug, without usual days, for packages of which nothing is known.
        stay_offsets: int64, persons + 1, into the hospital stays, which are by day of admission.
        admitted, discharged: int32, one a stay.
        rule: float64, the parameters in the order of `linkage.indicator_kinds.DrugUseModel`.
        period_numbers: int32, 6 x rows, out, one a period: person, drug, first day, day of the last purchase, number of
            purchases, days in hospital.
        period_amounts: float64, 2 x rows, out, one a period: end (the first day outside it, with a fraction), defined
            daily doses.
        lasts: float64, one a row, or empty; out: days until the next purchase of the period or its end, told at the
            first row of a purchase. Other rows keep what they have.
        refill_days: int32, one a row, or empty; out: days to the next purchase where they tell how long packages last,
            told at the first row of a purchase. Other rows keep what they have.
        refill_packages: float64, one a row, or empty; out: packages of that purchase.
        longest, most_stays: rows and stays of the person with most of each.

    Raises:
        EventsRejected: days of a person are not ascending, or a drug or package has no limits; names the row.
    """
