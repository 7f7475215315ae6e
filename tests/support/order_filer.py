"""Files orders until it is killed; says which request it makes and which answer it got.

Run as a program: for each database URL on a line of its standard input it forks a child that does the filing, so that
a hundred kills cost one start of the interpreter. Lines: "child PID", "trying ID", "filed ID NAME", "ended".
"""

from __future__ import annotations

import os
import sys

from linkage_server.storage.database import Database
from tests.support.order_desk import ORDERER, Desks, new_id, small_offer
from tests.support.orders import ORDER


def file_orders(desks: Desks) -> None:
    while True:
        request_id = new_id()
        say(f"trying {request_id}")
        order = desks.book.file_order(ORDERER, document=ORDER, request_id=request_id)
        say(f"filed {request_id} {order.name}")


def say(line: str) -> None:
    # One system call for a line: it is there whole or not at all.
    os.write(1, f"{line}\n".encode())


def main() -> None:
    offer = small_offer()
    for url in sys.stdin:
        child = os.fork()
        if child == 0:
            file_orders(Desks(database=Database(url.strip()), offer=offer, open_orders_limit=10**9))
        say(f"child {child}")
        os.waitpid(child, 0)
        say("ended")


if __name__ == "__main__":
    main()
