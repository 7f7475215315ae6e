"""Work done by several threads whose results come in the order in which it was given."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


class _NotDone:
    """Stands for the result of a task that was not begun, because another had failed."""


def in_order(work: Callable[[Task], Result], tasks: Sequence[Task], *, threads: int) -> Iterator[Result]:
    """Results of all tasks in their order; no more are begun than threads can hold, none after a failure."""
    if threads == 1 or len(tasks) == 1:
        yield from map(work, tasks)
        return
    stop = threading.Event()

    def unless_stopped(task: Task) -> Result | _NotDone:
        return _NotDone() if stop.is_set() else work(task)

    with ThreadPoolExecutor(max_workers=min(threads, len(tasks)), thread_name_prefix="block") as pool:
        waiting: deque[Future[Result | _NotDone]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(unless_stopped, task))
                if len(waiting) > threads:
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            stop.set()


def _result(future: Future[Result | _NotDone]) -> Result:
    result = future.result()
    assert not isinstance(result, _NotDone)
    return result
