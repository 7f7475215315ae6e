"""Which periods of a laboratory run are wholly observed, told from dates alone, as for delivered tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from linkage.indicator_kinds import Indicator
from linkage_server.release.complete_periods import period_is_complete
from linkage_server.release.definition_words import first_day_of


@dataclass(frozen=True, slots=True)
class CompletePeriods:
    """Periods that are over, by indicator.

    Args:
        indicators: of the set.
        data_until: by register, the last day that it holds in full.
    """

    indicators: Sequence[Indicator]
    data_until: Mapping[str, date]

    def has(self, period: str, *, stratum: str, indicator: str, parameters: str) -> bool:
        """Whether everybody of a period has been followed to the end of her window.

        Args:
            stratum: column of the period: of index days where it begins with `index_`, else of the calendar.
        """
        one = next(one for one in self.indicators if one.id == indicator)
        return period_is_complete(
            period,
            stratum=stratum,
            parameters=parameters,
            first_day=first_day_of(one),
            until=self.data_until.get(one.register_name),
        )
