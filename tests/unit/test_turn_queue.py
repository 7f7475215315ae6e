"""Runs share the cores: simulated on a clock of its own, so that every turn is where it must be."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from linkage_server.runs.turn_queue import Ticket, TurnQueue


def simulate(slots: int, runs: Mapping[str, tuple[float, int, list[float]]]) -> tuple[dict[str, float], float]:
    """Let runs compute: for each its arrival, its number of threads, and the lengths of its blocks.

    Returns:
        When each ended, and the largest distance between accounts while every run had blocks to begin.
    """
    queue = TurnQueue(slots)
    blocks = {run: list(lengths) for run, (_, _, lengths) in runs.items()}
    waiting: dict[Ticket, float] = {}
    left = {run: len(lengths) for run, lengths in blocks.items()}
    number = count()
    events: list[tuple[float, int, str, Ticket | None]] = []
    ends: dict[str, float] = {}
    widest = 0.0
    for run, (arrival, _, _) in runs.items():
        heapq.heappush(events, (arrival, next(number), run, None))
    while events:
        now, _, run, ended = heapq.heappop(events)
        if ended is None:
            queue.join(run, now=now)
        else:
            queue.give_back(ended, now=now)
            left[run] -= 1
        for _ in range(runs[run][1] if ended is None else 1):
            if blocks[run]:
                length = blocks[run].pop()
                waiting[queue.ask(run, now=now)] = length
        for ticket in [ticket for ticket in waiting if ticket.given]:
            heapq.heappush(events, (now + waiting.pop(ticket), next(number), ticket.run, ticket))
        if all(blocks.values()) and (accounts := [queue.used(other, now=now) for other in queue.runs]):
            widest = max(widest, max(accounts) - min(accounts))
        if not left[run]:
            ends[run] = now
            queue.leave(run)
    return ends, widest


def test_a_small_run_waits_for_no_block_of_a_big_one() -> None:
    ends, _ = simulate(2, {"big": (0.0, 2, [1.0] * 200), "small": (10.5, 2, [0.25])})
    assert ends["small"] == 10.75
    assert 100.0 <= ends["big"] <= 101.0


def test_a_big_run_keeps_one_core_while_others_want_theirs() -> None:
    ends, _ = simulate(2, {"big": (0.0, 2, [1.0] * 40), "other": (10.5, 2, [1.0] * 20)})
    # From 11 on each has one core for twenty seconds: sixty blocks on two cores, and neither is done much earlier.
    assert 29.0 <= ends["other"] <= 31.0
    assert 29.0 <= ends["big"] <= 31.0


def test_a_big_run_is_not_starved_by_a_stream_of_small_ones() -> None:
    # A small run of 1.5 seconds comes every second: three quarters of two cores, for five minutes.
    small = {f"small {place}": (1.0 * place, 2, [0.5] * 3) for place in range(300)}
    ends, _ = simulate(2, {"big": (0.0, 2, [0.5] * 100), **small})
    # 50 seconds of one core come out of the quarter that is left in 100 seconds.
    assert ends["big"] <= 100
    assert max(ends[name] - float(name.split()[1]) for name in small) <= 5


def test_a_newcomer_begins_where_the_least_served_stands() -> None:
    queue = TurnQueue(3)
    queue.join("old", now=0.0)
    queue.ask("old", now=0.0)
    queue.join("new", now=100.0)
    assert (queue.used("old", now=100.0), queue.used("new", now=100.0)) == (100.0, 100.0)
    first, second = queue.ask("new", now=100.0), queue.ask("new", now=100.0)
    olds, news = queue.ask("old", now=100.0), queue.ask("new", now=100.0)
    assert (first.given, second.given, olds.given, news.given) == (True, True, False, False)
    # The newcomer held two cores for a second, so the spare one goes to the other run.
    queue.give_back(second, now=101.0)
    assert (olds.given, news.given) == (True, False)


def test_who_gives_up_waiting_is_passed_over() -> None:
    queue = TurnQueue(1)
    queue.join("run", now=0.0)
    held, given_up, last = (queue.ask("run", now=0.0) for _ in range(3))
    queue.give_back(given_up, now=1.0)
    assert not last.given
    queue.give_back(held, now=2.0)
    assert last.given


SHARES = st.lists(
    st.tuples(st.integers(1, 4), st.lists(st.integers(1, 8), min_size=1, max_size=20)), min_size=1, max_size=5
)


@given(slots=st.integers(1, 4), shares=SHARES)
def test_every_run_ends_and_no_core_idles_while_somebody_waits(slots: int, shares: list[tuple[int, list[int]]]) -> None:
    runs = {str(place): (0.0, threads, [float(b) for b in blocks]) for place, (threads, blocks) in enumerate(shares)}
    ends, _ = simulate(slots, runs)
    assert ends.keys() == runs.keys()
    work = [length for _, _, lengths in runs.values() for length in lengths]
    if all(threads >= slots for _, threads, _ in runs.values()):
        # As long as list scheduling may take: an idle core at the end for one block at most.
        assert max(ends.values()) <= sum(work) / slots + max(work)


@given(
    slots=st.integers(1, 3),
    blocks=st.lists(st.lists(st.integers(1, 8), min_size=60, max_size=60), min_size=2, max_size=4),
)
def test_accounts_of_runs_that_want_all_cores_stay_together(slots: int, blocks: list[list[int]]) -> None:
    # With a thread to spare each run is always in line for the spare cores.
    runs = {str(place): (0.0, slots + 1, [float(length) for length in lengths]) for place, lengths in enumerate(blocks)}
    _, widest = simulate(slots, runs)
    # One turn on each core, begun while the run was the least served.
    assert widest <= slots * 8
