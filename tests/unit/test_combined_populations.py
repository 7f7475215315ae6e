"""Signed sums of up to four populations that leave a few persons, found as by trying all of them person by person."""

from __future__ import annotations

from functools import partial
from itertools import combinations, product

import numpy as np
import pyarrow as pa
import pytest

from linkage_core.events import HASHED_ID, Population
from linkage_server.runs import combined_populations
from linkage_server.runs.combined_populations import few_left

FEW = 10
Persons = dict[int, str]


def population(persons: Persons) -> Population:
    ids = [bytes(np.random.default_rng(number).bytes(16)) for number in persons]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    hospital = [list(persons.values())[row] for row in order]
    return Population(
        hashed_ids=pa.array([ids[row] for row in order], HASHED_ID),
        strata={"hospital": pa.array(hospital, pa.string()).dictionary_encode()},
    )


def asked(new: Persons, *earlier: Persons) -> bool:
    """Of the earlier ones the first is the oldest."""
    sources = [partial(population, one) for one in reversed(earlier)]
    return few_left(partial(population, new), sources, few=FEW)


def people(first: int, many: int, hospital: str = "a") -> Persons:
    return dict.fromkeys(range(first, first + many), hospital)


@pytest.mark.parametrize("few", [1, 9])
def test_all_less_two_parts_of_it_is_few(few: int) -> None:
    one, other, rest = people(0, 60), people(100, 50), people(900, few)
    assert asked(other, one | other | rest, one)
    assert asked(one | other | rest, one, other)
    assert not asked(other, one | other | people(900, FEW), one)


def test_parts_that_make_up_the_whole_tell_of_nobody() -> None:
    one, other = people(0, 60), people(100, 50)
    assert not asked(other, one | other, one)
    assert not asked(one | other, one, other)


def test_a_tracker_of_four() -> None:
    groups = [people(100 * i, 40 + i) for i in range(4)]
    sent = [groups[0] | groups[1], groups[0] | groups[2], groups[1] | groups[3], groups[2] | groups[3] | people(900, 1)]
    assert asked(sent[3], *sent[:3])
    assert not asked(sent[2], *sent[:2])
    assert not asked(groups[2] | groups[3], *sent[:3])


def test_persons_whose_facts_changed_are_left() -> None:
    one, other = people(0, 60), people(100, 50)
    changed = one | other | people(0, 3, "b")
    assert asked(other, changed, one)
    assert not asked(other, one | other | people(0, FEW, "b"), one)


def test_a_series_of_nearly_the_same_persons_is_left_to_the_comparison_of_two() -> None:
    """Each month two leave and two join; such tables repeat what they said before."""
    months = [people(2 * i, 80) for i in range(8)]
    for last in range(1, 8):
        assert not asked(months[last], *months[:last])
    # What the series tells of still counts.
    assert asked(months[0] | people(200, 50) | people(900, 2), *months[:4], people(200, 50))


def test_only_so_many_populations_are_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = people(0, 60), people(100, 50)
    others = [people(1000 * i, 70 + 13 * i) for i in range(1, 4)]
    assert asked(other, one | other | people(900, 3), one, *others)
    monkeypatch.setattr(combined_populations, "MOST_COMBINED", 3)
    assert not asked(other, one | other | people(900, 3), one, *others)


def test_whoever_makes_many_suspects_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = people(0, 60), people(100, 60)
    monkeypatch.setattr(combined_populations, "_in_buckets", lambda _: np.zeros(4096, dtype=np.int64))
    assert not asked(people(300, 60), one, other)
    monkeypatch.setattr(combined_populations, "_MOST_ADDED_UP", 0)
    assert asked(people(300, 60), one, other)


@pytest.mark.parametrize("seed", range(40))
def test_as_all_signed_sums_say(seed: int) -> None:
    random = np.random.default_rng(seed)
    blocks = [people(1000 * i, int(random.choice([1, 4, 8, 15, 40]))) for i in range(6)]
    sent: list[Persons] = []
    for _ in range(5):
        chosen = np.flatnonzero(random.random(6) < 0.5).tolist()
        persons = {number: place for block in chosen for number, place in blocks[block].items()}
        if all(len(persons.keys() ^ other.keys()) >= FEW for other in sent) and persons:
            sent.append(persons)
    new, earlier = sent[-1], sent[:-1]
    expected = False
    for number in (2, 3):
        for others in combinations(earlier, number):
            for signs in product((1, -1), repeat=number):
                weight = dict.fromkeys(new, 1)
                for one, sign in zip(others, signs, strict=True):
                    for person in one:
                        weight[person] = weight.get(person, 0) + sign
                expected |= 0 < sum(map(bool, weight.values())) < FEW
    assert asked(new, *earlier) == expected
