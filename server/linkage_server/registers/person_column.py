"""The person column turned into hashed ids; the numbers themselves go no further than this module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from linkage.errors import DeliveryRejected, InputRefused
from linkage.personal_identity_number import NumberKind, NumberProblem
from linkage.register_catalogue import RegisterDefinition
from linkage_core.pepper_chain import pseudonymise_opaque_through, pseudonymise_through
from linkage_core.pseudonyms import Pepper
from linkage_server.registers.distinct_texts import Mask, distinct_texts
from linkage_server.registers.faults import Fault

_FAULT_OF_KIND = {
    NumberKind.RESERVE: Fault.RESERVE_NUMBER,
    NumberKind.INTERIM: Fault.INTERIM_NUMBER,
    NumberKind.ORGANISATION: Fault.ORGANISATION_NUMBER,
    NumberKind.INVALID: Fault.WRONG_NUMBER,
}


@dataclass(frozen=True, slots=True)
class HashedPersons:
    """Persons of a batch.

    Attributes:
        hashed_ids: fixed_size_binary(16), null where the person cannot be linked.
        faults: why not, row by row.
    """

    hashed_ids: pa.FixedSizeBinaryArray
    faults: dict[Fault, Mask]


HashPersons = Callable[[pa.Array], HashedPersons]


def person_hasher(
    definition: RegisterDefinition, *, peppers: Sequence[Pepper], reference_date: date, threads: int
) -> HashPersons:
    """The function that hashes this register's person column, by the definition's `person_format`."""

    def hash_numbers(column: pa.Array) -> HashedPersons:
        try:
            found = pseudonymise_through(column, reference_date=reference_date, peppers=peppers, threads=threads)
        except InputRefused:
            raise DeliveryRejected(
                "the person column is of a type that cannot hold identity numbers.",
                mend="Deliver the column as text, or as whole numbers.",
            ) from None
        empty = found.problems == NumberProblem.EMPTY
        faults = {fault: (found.kinds == kind) & ~empty for kind, fault in _FAULT_OF_KIND.items()}
        return HashedPersons(found.hashed_ids, {Fault.NO_PERSON: empty, **faults})

    def hash_opaque(column: pa.Array) -> HashedPersons:
        texts = distinct_texts(column)
        values = texts.texts.take(pa.array(texts.places, mask=texts.places < 0))
        hashed = pseudonymise_opaque_through(values, peppers=peppers)
        empty = ~hashed.is_valid().to_numpy(zero_copy_only=False)
        return HashedPersons(hashed, {Fault.NO_PERSON: empty & ~texts.unreadable, Fault.NOT_READABLE: texts.unreadable})

    return hash_opaque if definition.person_format == "opaque" else hash_numbers
