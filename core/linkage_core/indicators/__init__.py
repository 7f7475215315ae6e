"""Drug indicators: from joined events to one value and one reason a person."""

from linkage_core.indicators.evaluate import evaluate
from linkage_core.indicators.values import Measure, Period, PersonValues, RowEntries, RowValues

__all__ = ["Measure", "Period", "PersonValues", "RowEntries", "RowValues", "evaluate"]
