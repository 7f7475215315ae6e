"""TOML from people who may be careless or hostile: read with bounds, so that no text takes the program down."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from linkage.errors import DefinitionRejected
from linkage.free_text import find_identity_number

MOST_KEY_PARTS = 64

# tomllib takes memory by the square of the parts of one dotted key: forty kilobytes of them take two gigabytes.
# Possessive repetition and the look behind keep the search itself to one pass over any text.
_LONG_KEY = re.compile(
    rf"""(?<![A-Za-z0-9_-])(?:(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{MOST_KEY_PARTS}}}"""
)


def parse_toml(text: str) -> dict[str, Any]:
    """Parse a document.

    Raises:
        tomllib.TOMLDecodeError: not TOML, a key of more than 64 parts, values nested too deep, or a number of more
            digits than Python reads; repeats no value.
    """
    if match := _LONG_KEY.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise tomllib.TOMLDecodeError(f"a key has more than {MOST_KEY_PARTS} parts (at line {line})")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("values are nested too deep") from None
    except tomllib.TOMLDecodeError:
        raise
    except ValueError:
        raise tomllib.TOMLDecodeError("a number has too many digits") from None


def parse_definition(text: str, *, source: str) -> dict[str, Any]:
    """Parse a definition, of which refusals may repeat what was written: no personal identity number may be in it.

    Raises:
        DefinitionRejected: it is not TOML, or holds what looks like a personal identity number; names the line.
    """
    if line := find_identity_number(text):
        raise DefinitionRejected(
            f"{source}: line {line} holds what looks like a personal identity number.", mend="Take it out."
        )
    try:
        return parse_toml(text)
    except tomllib.TOMLDecodeError as problem:
        raise DefinitionRejected(f"{source}: is not TOML: {problem}.", mend="Mend the line that is named.") from None
