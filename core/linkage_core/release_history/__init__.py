"""What earlier releases of nearly the same people allow the next one to say.

Two releases that are safe one by one are not safe together: whoever holds both subtracts them and sees the few who
joined or left. So a cell keeps the number it printed until enough different people have moved in it, and so does each
sum that a reader can form by subtraction within one line of the table.
"""

from linkage_core.release_history.hold_back import Next, hold_back
from linkage_core.release_history.movement import Incidence, Moves
from linkage_core.release_history.next_release import next_release
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Axis, PublishedCells

__all__ = ["Axis", "Incidence", "Moves", "Next", "Printed", "PublishedCells", "hold_back", "next_release"]
