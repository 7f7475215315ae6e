"""What the release desk tells about a table besides its numbers: what was asked, by which definitions, of which data.

A `ReleaseContext` is made once, when a run is planned, and kept with the protected table: a release that is approved
weeks later describes the run, not what has changed since.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from linkage.release_manifest import DefinitionEntry, EarlierEntry, ManufacturersEntry, RegisterEntry

Format = Literal["parquet", "csv", "json-stat", "xlsx", "px", "html"]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Text(_Words):
    """The same words in English and in Swedish."""

    en: str
    sv: str = ""


class Target(_Words):
    """A target band for a share, both ends between 0 and 1.

    Args:
        better: which way is better.
    """

    lower: float | None = None
    upper: float | None = None
    better: Literal["high", "low"] = "high"


class IndicatorText(_Words):
    """One indicator as a reader meets it.

    Args:
        id: as in the table's `indicator` column.
        definition: what is counted, in words.
        indicator_set: "id@version" of the set it comes from.
        register_name: name of the register whose rows it counts.
        first_day: first day of its window, from the index day.
        unit: of sums and means, such as "DDD"; "" for persons.
        facts: what the definition fixes, as pairs of name and text: codes, window, denominator.
        source: paper, report or standard behind the definition.
    """

    id: str
    title: Text
    definition: Text = Text(en="")
    kind: str = ""
    target: Target | None = None
    indicator_set: str = ""
    register_name: str = ""
    first_day: int = 0
    unit: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    source: str = ""


class RegisterText(_Words):
    """A linked register: what the manifest says of it, and its title."""

    entry: RegisterEntry
    title: Text


class ReleaseContext(_Words):
    """All that a delivery says besides the table.

    Args:
        order: resource name.
        by: the crossings asked for, as in the order file.
        strata_titles: column name of a stratum -> its title.
        level_titles: column name of a stratum -> code of a level -> its title.
        manufacturers: tables that company secrecy was decided by.
        policy_text: the policy's main rule in words, for the legend.
        match_rate_band: in words; never a number.
        population: what registers decide about it, as pairs of name and text.
        inhabitants: version of the table of inhabitants that rates are per; "" for none.
        coarsened: what an officer made coarser than ordered, in words; the delivery says so.
        earlier_releases: those of the same table that it was laid beside.
        officers_to_release: so many different officers must approve it, by the policy.
    """

    order: str
    title: str
    purpose: str
    organisation: str = ""
    registers: tuple[RegisterText, ...]
    indicator_sets: tuple[DefinitionEntry, ...]
    indicators: tuple[IndicatorText, ...]
    by: tuple[tuple[str, ...], ...] = ()
    strata_titles: dict[str, Text] = {}
    level_titles: dict[str, dict[str, Text]] = {}
    policy: DefinitionEntry
    manufacturers: tuple[ManufacturersEntry, ...] = ()
    policy_text: Text = Text(en="Counts of few persons are kept back.")
    match_rate_band: str = "not stated"
    population: tuple[tuple[str, str], ...] = ()
    software_version: str
    inhabitants: str = ""
    coarsened: tuple[str, ...] = ()
    officers_to_release: int = 1
    earlier_releases: tuple[EarlierEntry, ...] = ()
    formats: tuple[Format, ...] = Field(default=("parquet", "csv", "json-stat", "html"), min_length=1)

    def indicator(self, identifier: str) -> IndicatorText:
        """The words for an indicator; its identifier where there are none."""
        found = next((one for one in self.indicators if one.id == identifier), None)
        return found or IndicatorText(id=identifier, title=Text(en=_spaced(identifier)))

    def stratum_title(self, name: str) -> str:
        """The English title of a stratum."""
        return self.strata_titles[name].en if name in self.strata_titles else _spaced(name)

    def level_title(self, stratum: str, level: str) -> str:
        """The English title of a level; its code where there is none."""
        titles = self.level_titles.get(stratum, {})
        title = titles[level].en if level in titles else "All" if level == "total" else level
        # A level is whatever a population file held: line breaks and the like would break a chart or a file.
        return "".join(sign if sign.isprintable() else " " for sign in title)


def _spaced(name: str) -> str:
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
