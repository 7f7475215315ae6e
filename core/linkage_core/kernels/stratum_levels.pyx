# cython: freethreading_compatible = True
"""Reads levels of strata off persons: places of codes, and bands of completed years of age; and crosses them."""

from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.string cimport memset

from linkage_core.kernels.kernel_result cimport (
    KERNEL_LENGTH_MISMATCH,
    KERNEL_OUT_OF_RANGE,
    KernelResult,
    kernel_failed,
    kernel_ok,
    raise_if_failed,
)

ctypedef fused Code:
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t


cdef KernelResult place_all(
    const Code* code, int64_t persons, const int32_t* place, int64_t places, int32_t* level
) noexcept nogil:
    cdef int64_t person
    for person in range(persons):
        if not 0 <= <int64_t>code[person] < places:
            return kernel_failed(KERNEL_OUT_OF_RANGE, person)
        level[person] = place[code[person]]
    return kernel_ok()


cdef extern from *:
    """
    #include "wide_vectors.h"

    /* Year x 512 + day of the year, with years from March so that a leap day is its year's last: a day and a month have
       the same number in every year, and completed years are the whole 512s between two such numbers. 146,097 days are
       400 years, 1,461 are 4. 400,000 years are added so that nothing is negative. */
    static inline int32_t linkage_year_and_day(int32_t day) {
        const uint32_t quarters = 4 * ((uint32_t)day + 719468u + 146097000u) + 3;
        const uint32_t of_century = quarters % 146097u | 3;
        return (int32_t)((100 * (quarters / 146097u) + of_century / 1461u) * 512 + of_century % 1461u / 4);
    }

    /* A negative age is a large number, and in no band; so is that of a day which is missing. */
    LINKAGE_WIDE_VECTORS
    static void linkage_completed_years(
        const int32_t* born, const int32_t* on, int64_t persons, int32_t unknown, uint32_t* age
    ) {
        int64_t person;
        for (person = 0; person < persons; ++person) {
            const uint32_t years = (uint32_t)((linkage_year_and_day(on[person]) - linkage_year_and_day(born[person])) >> 9);
            const uint32_t missing = (born[person] == unknown) | (on[person] == unknown);
            age[person] = years | (0u - missing);
        }
    }
    """
    void linkage_completed_years(
        const int32_t* born, const int32_t* on, int64_t persons, int32_t unknown, uint32_t* age
    ) noexcept nogil

cdef extern from *:
    """
    /* Cells of some persons, one stratum after the other while they are near. */
    LINKAGE_WIDE_VECTORS
    static void linkage_add_axis(const int32_t* level, int32_t size, int64_t persons, int32_t* cell) {
        for (int64_t person = 0; person < persons; ++person) cell[person] = cell[person] * size + level[person];
    }
    """
    void linkage_add_axis(const int32_t* level, int32_t size, int64_t persons, int32_t* cell) noexcept nogil

cdef enum:
    TOGETHER = 1024
    MOST_STRATA = 32


cdef void band_all(
    const int32_t* born,
    const int32_t* on,
    int64_t persons,
    int32_t unknown,
    const int32_t* band,
    uint32_t ages,
    int32_t no_band,
    int32_t* level,
) noexcept nogil:
    cdef uint32_t age[TOGETHER]
    cdef int64_t part, first, person, here
    for part in range((persons + TOGETHER - 1) // TOGETHER):
        first = part * TOGETHER
        here = min(persons - first, <int64_t>TOGETHER)
        linkage_completed_years(born + first, on + first, here, unknown, age)
        for person in range(here):
            level[first + person] = band[age[person]] if age[person] < ages else no_band


cdef void cross_all(
    const int32_t** levels, const int32_t* sizes, int64_t strata, int64_t persons, int32_t* cell
) noexcept nogil:
    cdef int64_t first = 0, here, stratum
    while first < persons:
        here = min(persons - first, <int64_t>TOGETHER)
        memset(cell + first, 0, here * sizeof(int32_t))
        for stratum in range(strata):
            linkage_add_axis(levels[stratum] + first, sizes[stratum], here, cell + first)
        first += here


def cross_levels(list levels, const int32_t[::1] sizes, int32_t[::1] cell):
    cdef const int32_t[::1] level
    cdef const int32_t* columns[MOST_STRATA]
    cdef int64_t strata = len(levels), persons = cell.shape[0], number
    if sizes.shape[0] != strata:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
    if strata > MOST_STRATA:
        raise_if_failed(kernel_failed(KERNEL_OUT_OF_RANGE, -1), "level")
    if persons == 0:
        return
    for number in range(strata):
        level = levels[number]
        if level.shape[0] != persons:
            raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "level")
        columns[number] = &level[0]
    with nogil:
        cross_all(columns, &sizes[0] if strata else NULL, strata, persons, &cell[0])


def place_codes(const Code[::1] code, const int32_t[::1] place, int32_t[::1] level):
    cdef KernelResult result
    if code.shape[0] != level.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "code")
    if code.shape[0] == 0:
        return
    with nogil:
        result = place_all(&code[0], code.shape[0], &place[0], place.shape[0], &level[0])
    raise_if_failed(result, "code")


def age_bands(
    const int32_t[::1] born,
    const int32_t[::1] on,
    const int32_t[::1] band,
    int32_t[::1] level,
    *,
    int32_t no_band,
    int32_t unknown,
):
    if not born.shape[0] == on.shape[0] == level.shape[0]:
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "birth_date")
    if born.shape[0] == 0 or band.shape[0] == 0:
        return
    with nogil:
        band_all(
            &born[0], &on[0], born.shape[0], unknown, &band[0], <uint32_t>band.shape[0], no_band, &level[0]
        )
