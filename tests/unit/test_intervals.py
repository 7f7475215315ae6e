"""Intervals at their edges; agreement with R on the reference set is tested with the other reference values."""

from __future__ import annotations

import numpy as np
import pytest

from linkage_core.intervals import clopper_pearson, poisson_exact, wilson


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_none_of_n_starts_at_0_and_all_of_n_ends_at_1(interval):
    none, everybody = interval(0, 10), interval(10, 10)
    assert none.lower == 0.0
    assert everybody.upper == 1.0
    assert none.upper == pytest.approx(1 - everybody.lower)


@pytest.mark.parametrize("interval", [wilson, clopper_pearson])
def test_nobody_has_no_interval(interval):
    limits = interval([0, 1], [0, 2])
    assert np.isnan([limits.lower[0], limits.upper[0]]).all()
    assert not np.isnan([limits.lower[1], limits.upper[1]]).any()


def test_no_event_has_the_upper_limit_of_the_rule_of_three_and_a_bit():
    limits = poisson_exact(0)
    assert limits.lower == 0.0
    assert limits.upper == pytest.approx(3.6888794541139363)


def test_more_events_than_persons_are_refused():
    with pytest.raises(ValueError, match="between 0 and persons"):
        wilson(3, 2)
