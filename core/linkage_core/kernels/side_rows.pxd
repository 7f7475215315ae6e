# Rows of eight persons side by side, as the kernel rows_side_by_side lays them.

from libc.stdint cimport int32_t, int64_t

from linkage_core.kernels.kernel_result cimport KERNEL_LENGTH_MISMATCH, kernel_failed, raise_if_failed

cdef extern from "side_by_side.h" nogil:
    enum:
        LINKAGE_LANES

    ctypedef struct linkage_lanes:
        pass

    ctypedef struct linkage_side_rows:
        int64_t blocks
        const int64_t* block_at
        const int32_t* person
        const int32_t* drugs
        const linkage_lanes* day
        const linkage_lanes* drug
        const linkage_lanes* supply


# Points at the rows; returns the most drugs that a person has, at least 1.
cdef inline int32_t hold_side_rows(
    linkage_side_rows* rows,
    const int32_t[::1] person,
    const int32_t[::1] drugs,
    const int64_t[::1] block_at,
    const int32_t[::1] day,
    const int32_t[::1] drug,
    const int32_t[::1] supply_64ths,
) except -1:
    cdef int64_t block, blocks = drugs.shape[0]
    cdef int32_t most_drugs = 1
    if not (
        block_at.shape[0] == blocks + 1
        and person.shape[0] == blocks * LINKAGE_LANES
        and day.shape[0] == drug.shape[0] == supply_64ths.shape[0] == block_at[blocks] * LINKAGE_LANES
    ):
        raise_if_failed(kernel_failed(KERNEL_LENGTH_MISMATCH, -1), "dispensing_date")
    rows.blocks, rows.block_at = blocks, &block_at[0]
    rows.person = &person[0] if blocks else NULL
    rows.drugs = &drugs[0] if blocks else NULL
    rows.day = <const linkage_lanes*>&day[0] if day.shape[0] else NULL
    rows.drug = <const linkage_lanes*>&drug[0] if day.shape[0] else NULL
    rows.supply = <const linkage_lanes*>&supply_64ths[0] if day.shape[0] else NULL
    for block in range(blocks):
        most_drugs = max(most_drugs, drugs[block])
    return most_drugs
