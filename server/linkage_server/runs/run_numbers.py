"""What was expected of an order's run and what it did, as kept beside its plan."""

from __future__ import annotations

from linkage.order_states import parse_order_name
from linkage_server.orders.explanation import Explanation
from linkage_server.runs.run_report import RunReport
from linkage_server.storage.database import Database
from linkage_server.storage.tables import RunRow


def run_numbers(database: Database, order: str) -> tuple[Explanation | None, RunReport | None]:
    """Expectation and report of an order's run; None for what there is not.

    Args:
        order: resource name; whether the caller may know of it was decided before.
    """
    _, order_id = parse_order_name(order)
    with database.reading() as session:
        run = session.get(RunRow, order_id)
    if run is None:
        return None, None
    return (
        Explanation.model_validate(run.expected) if run.expected else None,
        RunReport.model_validate(run.report) if run.report else None,
    )
