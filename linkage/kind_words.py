"""What each kind of indicator computes, in words: title, formula, edge cases, and a set to try it with.

One TOML file a kind lies in `linkage/definitions/kinds`; catalogue and manual are written from it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from pydantic import Field

from linkage.indicator_definition import IndicatorSet, load_indicator_set
from linkage.indicator_kinds import Model
from linkage.register_variable import LocalizedText

_HEADER = '[set]\nid = "example"\nversion = "1.0.0"\n'


class KindWords(Model):
    """The words for a kind.

    Attributes:
        title, formula: for readers, in Swedish and English.
        edge_cases: what happens where two readers might count differently; for the manual, in English.
        example: TOML text of a set with one indicator of the kind, without its header.
    """

    title: LocalizedText
    formula: LocalizedText
    edge_cases: list[str] = Field(min_length=1)
    example: str


@cache
def kind_words() -> Mapping[str, KindWords]:
    """The words for every kind that has some, by its name."""
    folder = resources.files("linkage") / "definitions" / "kinds"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return {
        file.name.removesuffix(".toml"): KindWords.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        for file in files
    }


def example_set(kind: str) -> IndicatorSet:
    """The set to try a kind with: one indicator."""
    return load_indicator_set(_HEADER + kind_words()[kind].example)
