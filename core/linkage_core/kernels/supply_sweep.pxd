"""Supply of a person's drugs, change by change; see supply_sweep.h."""

from libc.stdint cimport int32_t, int64_t


cdef extern from "supply_sweep.h" nogil:
    ctypedef struct linkage_supplied:
        const int32_t* day
        const int32_t* drug
        const int32_t* supply_64ths
        int64_t stock_cap_64ths
        bint carry_over

    ctypedef struct linkage_held:
        pass

    ctypedef struct linkage_sweep:
        pass

    ctypedef struct linkage_change:
        int32_t day
        int32_t drug
        bint begins

    linkage_sweep linkage_sweep_from(
        const linkage_supplied* rows, int64_t row, int64_t row_end, int32_t first_day, int32_t end, linkage_held* held
    ) noexcept
    bint linkage_next_change(linkage_sweep* sweep, linkage_change* change) noexcept
