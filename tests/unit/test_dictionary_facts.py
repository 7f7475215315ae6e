"""Facts about a dictionary are found again while they are used, and bounded: many orders meet the same texts."""

from __future__ import annotations

import pyarrow as pa

from linkage_core.indicators.dictionary_facts import DictionaryFacts


def test_facts_that_are_used_again_are_kept_and_the_others_make_room() -> None:
    facts = DictionaryFacts(pa.array(["C10AA05"]))
    worked_out: list[int] = []

    def ask(number: int) -> int:
        def work_out() -> int:
            worked_out.append(number)
            return number

        return facts.remember(("number", number), work_out)

    for number in range(1, 3000):
        assert ask(number) == number
        assert ask(0) == 0
    assert worked_out.count(0) == 1
    assert ask(2999) == 2999
    assert worked_out.count(2999) == 1
    assert ask(1) == 1
    assert worked_out.count(1) == 2
