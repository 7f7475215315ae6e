"""The door of orders hides; a policy that demands noise or rounding does not pass it unperturbed."""

from __future__ import annotations

import pytest

from linkage.errors import InputRefused
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import protect
from tests.support.perturbed_tables import noise_policy, rounding_policy


def test_a_table_under_a_perturbing_policy_is_not_delivered_exact() -> None:
    empty = CountedTable(person_cubes=(), sum_cubes=(), splits=(), lines=())
    for policy in (noise_policy(), rounding_policy("up", 5)):
        with pytest.raises(InputRefused, match="perturbs"):
            protect(empty, policy)
