"""Common typing errors: a long word that is one slip away from words of one meaning is read as that."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from linkage_core.dosage_texts.vocabulary import NUMBERS, ORDINALS, PARTS, phrases, without_marks

_SHORTEST = 6
"""Letters of the shortest word that is mended: shorter ones are too close to each other."""
_LONGEST = 24


def mended(word: str) -> str | None:
    """The known word that a typing error made of another; None where there is none or it could be another's too."""
    if not _SHORTEST <= len(word) <= _LONGEST or word in NUMBERS or word in ORDINALS:
        return None
    words = _by_shortened()
    near = {
        known for shortened in (word, *_shortened(word)) for known in words.get(shortened, ()) if _one_slip(word, known)
    }
    meanings = {_meanings()[known] for known in near}
    return min(near) if len(meanings) == 1 else None


def _shortened(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place in range(len(word))]


def _one_slip(written: str, known: str) -> bool:
    """One letter is missing, too many or wrong, or two neighbours changed places."""
    if len(written) == len(known):
        wrong = [place for place in range(len(known)) if written[place] != known[place]]
        if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
            return written[wrong[0]] == known[wrong[1]] and written[wrong[1]] == known[wrong[0]]
        return len(wrong) == 1
    longer, shorter = (written, known) if len(written) > len(known) else (known, written)
    return len(longer) == len(shorter) + 1 and shorter in _shortened(longer)


@cache
def _meanings() -> dict[str, frozenset[object]]:
    """Each long word of a phrase, with the phrases that it stands in, its own place left open."""
    found: defaultdict[str, set[object]] = defaultdict(set)
    numbers = {*NUMBERS, *ORDINALS, *map(without_marks, (*NUMBERS, *ORDINALS))}
    for words, meaning in phrases().items():
        for place, word in enumerate(words):
            if len(word) >= _SHORTEST and word.isalpha() and word not in numbers:
                around = tuple(map(without_marks, (*words[:place], "", *words[place + 1 :])))
                found[word].add((around, meaning))
    for word, name in PARTS.items():
        if len(word) >= _SHORTEST:
            found[word].add(name)
    return {word: frozenset(uses) for word, uses in found.items()}


@cache
def _by_shortened() -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for word in _meanings():
        for shortened in (word, *_shortened(word)):
            found[shortened].add(word)
    return {shortened: frozenset(words) for shortened, words in found.items()}
