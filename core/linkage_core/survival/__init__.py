"""Statistics of time to an event, from numbers of persons by day: exact to merge, and nobody's time is kept."""

from linkage_core.survival.cumulative_incidence import CumulativeIncidence, cumulative_incidence
from linkage_core.survival.day_histogram import DayHistogram, Ending, day_histograms
from linkage_core.survival.kaplan_meier import KaplanMeier, LimitsOf, kaplan_meier
from linkage_core.survival.log_rank import LogRank, log_rank

__all__ = [
    "CumulativeIncidence",
    "DayHistogram",
    "Ending",
    "KaplanMeier",
    "LimitsOf",
    "LogRank",
    "cumulative_incidence",
    "day_histograms",
    "kaplan_meier",
    "log_rank",
]
