"""What earlier releases of nearly the same people allow the next one to say.

Two releases that are safe one by one are not safe together: whoever holds both subtracts them and sees the few who
joined or left. So a cell keeps the number it printed until enough different people have moved in it, and so does each
sum that a reader can form by subtraction within one line of the table.
"""

from linkage_core.release_history.cell_states import CellStates
from linkage_core.release_history.hold_back import Next, hold_back
from linkage_core.release_history.members import Members, differences, number_members
from linkage_core.release_history.movement import Incidence, Moves
from linkage_core.release_history.mover_groups import MoverGroup, mover_groups
from linkage_core.release_history.next_release import next_release
from linkage_core.release_history.next_table import (
    EarlierTable,
    NextTable,
    decided_by_cell,
    first_states,
    next_table,
)
from linkage_core.release_history.other_people import table_beside_others
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Axis, PublishedCells

__all__ = [
    "Axis",
    "CellStates",
    "EarlierTable",
    "Incidence",
    "Members",
    "MoverGroup",
    "Moves",
    "Next",
    "NextTable",
    "Printed",
    "PublishedCells",
    "decided_by_cell",
    "differences",
    "first_states",
    "hold_back",
    "mover_groups",
    "next_release",
    "next_table",
    "number_members",
    "table_beside_others",
]
