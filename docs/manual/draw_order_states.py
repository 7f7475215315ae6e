"""Writes docs/manual/order-states.md from the table of moves.

python docs/manual/draw_order_states.py          writes the page
python docs/manual/draw_order_states.py --check  exits with 1 if the page is not fresh
"""

from __future__ import annotations

import sys
from pathlib import Path

from linkage.order import MOVES, OrderState, waits_for

PAGE = Path(__file__).with_name("order-states.md")

_WORDS = {
    OrderState.AWAITING_POPULATION: "Filed. The orderer uploads the population.",
    OrderState.AWAITING_APPROVAL: "Sent, or defined by registers. An officer, or a written policy, decides.",
    OrderState.APPROVED: "The secrecy decision is recorded. The order waits for a free worker.",
    OrderState.RUNNING: "Linked, computed and protected. If the server stops, the run starts again.",
    OrderState.AWAITING_RELEASE: "The protected table is ready. An officer reviews it.",
    OrderState.RELEASED: "The orderer can fetch the results.",
    OrderState.RETURNED: "Handed back with a reason. The orderer mends the order file and files a new order.",
    OrderState.REJECTED: "Refused for good, with a reason.",
    OrderState.WITHHELD: "Computed, but not released, with a reason.",
    OrderState.CANCELLED: "Withdrawn by the orderer.",
    OrderState.FAILED: "The run could not finish; the reason says why.",
}


def page() -> str:
    """The whole page."""
    lines = [
        "# The states of an order",
        "",
        "<!-- Drawn from linkage/order_states.py by docs/manual/draw_order_states.py. Change the table there. -->",
        "",
        "```mermaid",
        "stateDiagram-v2",
        f"    [*] --> {OrderState.AWAITING_POPULATION}: orderer",
        f"    [*] --> {OrderState.AWAITING_APPROVAL}: orderer, where registers define the population",
    ]
    lines += [f"    {old} --> {new}: {' or '.join(sorted(roles))}" for (old, new), roles in MOVES.items()]
    leading_on = {old for old, _ in MOVES}
    lines += [f"    {state} --> [*]" for state in OrderState if state not in leading_on]
    lines += ["```", "", "| state | waits for | what it means |", "|---|---|---|"]
    lines += [f"| `{state}` | {waits_for(state) or 'nobody'} | {_WORDS[state]} |" for state in OrderState]
    lines += [
        "",
        "An arrow names who may make the move: `service` is the server itself, `policy` a written policy that decides",
        "in an officer's stead and is named in the order. A move without an arrow does not exist, for anybody.",
        "",
    ]
    return "\n".join(lines)


def main() -> int:
    """Write the page, or say whether it is fresh."""
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
