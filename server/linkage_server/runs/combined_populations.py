"""Finds a population that, added to and taken from two or three earlier ones, leaves a few persons alone.

No two of the tables need to be alike for that (trackers: Denning, Denning and Schwartz, The tracker, 1979). A person
whose facts changed between two populations is left in both passes: one looks at persons, one at persons and facts.

What it costs is bounded: each of the newest 48 different populations is read once and counted in 4,096 buckets; all
signed sums of up to four of them are looked at in the buckets, and the few that leave hardly anything there are read
again and added up exactly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage_core.events import Population, split_ids

MOST_COMBINED = 48
_LARGEST_SUM = 4
_MOST_ADDED_UP = 200
_BUCKETS, _COARSE = 4096, 64
_AT_ONCE = 1 << 18
_ONE, _OTHER, _FACT = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9)

UInt64s = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Source = Callable[[], Population]


@dataclass(frozen=True, slots=True)
class _Items:
    """What a pass tells apart: one item a person, with or without facts; and the number of the person."""

    item: UInt64s
    person: UInt64s


def few_left(asked: Source, earlier: Sequence[Source], *, few: int) -> bool:
    """Whether a signed sum of a population and two or three earlier ones is of some persons, but fewer than `few`.

    Earlier populations of which one differs by few persons from another count once, and one that differs by few from
    the one asked for decides alone: two populations are compared by `persons_apart`, and a table of nearly the same
    persons repeats the numbers of the one before.

    Args:
        asked: reads the population.
        earlier: read those that the same recipients had tables of, the newest first.
        few: so many persons may be told of.
    """
    names = sorted(_facts(asked()))
    return any(_few_in_pass(asked, earlier, few=few, names=pass_names) for pass_names in ([], names))


def _few_in_pass(asked: Source, earlier: Sequence[Source], *, few: int, names: Sequence[str]) -> bool:
    own = _items(asked(), names)
    sources: list[Source] = [asked]
    counts, marks = [_in_buckets(own)], [_mark(own)]
    for source in earlier:
        population = source()
        if not _facts(population).keys() >= set(names):
            continue
        items = _items(population, names)
        bucketed = _in_buckets(items)
        alike = [i for i, one in enumerate(counts) if np.abs(one - bucketed).sum() < 2 * few]
        near = [i for i in alike if _persons_left([items, _items(sources[i](), names)], [1, -1]) < few]
        if 0 in near:
            return False
        if near:
            continue
        sources.append(source)
        counts.append(bucketed)
        marks.append(_mark(items))
        if len(sources) > MOST_COMBINED:
            break
    # What adds up to nobody, as all less two parts that make it up, has the mark of nobody.
    suspects = (
        (places, signs)
        for places, signs in _nearly_nothing(np.stack(counts), few)
        if sum(sign * marks[place] for place, sign in zip(places, signs, strict=True)) % (1 << 64)
    )
    for number, (places, signs) in enumerate(suspects):
        left = _persons_left([_items(sources[place](), names) for place in places], signs)
        # So many suspects do not come by chance: nothing is told to whoever made them.
        if 0 < left < few or number >= _MOST_ADDED_UP:
            return True
    return False


def _nearly_nothing(counts: Counts, few: int) -> Iterator[tuple[list[int], list[int]]]:
    """Signed sums of the first population and two or three others that leave so little in buckets as few persons do.

    Args:
        counts: persons by population and bucket, shape (populations, buckets).
    """
    levels = [counts.sum(axis=1, keepdims=True), counts.reshape(len(counts), _COARSE, -1).sum(axis=2), counts]
    for number in range(3, _LARGEST_SUM + 1):
        others = np.array(list(combinations(range(1, len(counts)), number - 1)), dtype=np.int64)
        for signs in product((1, -1), repeat=number - 1) if others.size else ():
            left = others
            for level in levels:
                # A person counts once in each population, so that few persons leave no more than this.
                enough = np.zeros(len(left), dtype=np.bool_)
                several = _AT_ONCE // level.shape[1]
                for start in range(0, len(left), several):
                    some = left[start : start + several]
                    sums = level[0] + np.einsum("n,cnb->cb", np.array(signs), level[some])
                    enough[start : start + several] = np.abs(sums).sum(axis=1) <= number * (few - 1)
                left = left[enough]
            for places in left.tolist():
                yield [0, *places], [1, *signs]


def _persons_left(populations: Sequence[_Items], signs: Sequence[int]) -> int:
    """Persons of whom the signed sum leaves an item."""
    items = np.concatenate([one.item for one in populations])
    persons = np.concatenate([one.person for one in populations])
    weight = np.repeat(signs, [one.item.size for one in populations])
    order = np.argsort(items, kind="stable")
    begins = np.flatnonzero(np.diff(items[order].astype(np.uint64), prepend=items[order][:1] + np.uint64(1)))
    left = np.add.reduceat(weight[order], begins) if begins.size else begins
    return int(np.unique(persons[order][begins[left != 0]]).size)


def _in_buckets(items: _Items) -> Counts:
    mixed = (items.item ^ (items.item >> np.uint64(32))) * _ONE
    return np.bincount((mixed >> np.uint64(52)).astype(np.int64), minlength=_BUCKETS)


def _mark(items: _Items) -> int:
    """The sum of all items: of equal sums of populations it is equal, of others by chance once in 2**64."""
    return int(items.item.sum(dtype=np.uint64))


def _items(population: Population, names: Sequence[str]) -> _Items:
    high, low = (np.asarray(word) for word in split_ids(population.hashed_ids))
    person = high * _ONE + low * _OTHER
    item = person.copy()
    facts = _facts(population)
    for place, name in enumerate(names):
        item += _hashed(name, facts[name]) * (_FACT + np.uint64(2 * place))
    return _Items(item, person)


def _hashed(name: str, facts: pa.Array) -> UInt64s:
    """A number for each fact, the same in all populations."""
    coded = pc.fill_null(facts.cast(pa.string()), "").dictionary_encode()
    digests = [
        hashlib.blake2b(f"{name}={text}".encode(), digest_size=8).digest() for text in coded.dictionary.to_pylist()
    ]
    numbers = np.array([int.from_bytes(digest, "big") for digest in digests] or [0], dtype=np.uint64)
    found: UInt64s = numbers[coded.indices.to_numpy()]
    return found


def _facts(population: Population) -> dict[str, pa.Array]:
    optional = {"index_date": population.index_date, "birth_date": population.birth_date, "sex": population.sex}
    return {name: column for name, column in (optional | dict(population.strata)).items() if column is not None}
