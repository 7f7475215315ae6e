"""Parametric waiting-time distributions: how long a dispensing lasts in a population."""

from linkage_core.waiting_time.distributions import DISTRIBUTIONS, Distribution
from linkage_core.waiting_time.fit import Estimate, Fitted, fit_waiting_times

__all__ = ["DISTRIBUTIONS", "Distribution", "Estimate", "Fitted", "fit_waiting_times"]
