"""Which cells of a laboratory table are sensitive by themselves: the policy's rules on what stands behind each cell."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import InputRefused
from linkage.policy_exceptions import SignedException
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.primary_rules import Contributions, Mark, Marked, mark_sums, profile
from linkage_server.lab.company_marks import CompanyMarks
from linkage_server.lab.contributions import ContributionRows
from linkage_server.lab.layout import Codes

MEASURE = "measure"
"""How an exception names the measure of a laboratory table, beside the levels."""

Excepted = Mapping[Mark, Flags]

_MARK_OF_RULE = {
    "company_secrecy": Mark.COMPANY_SECRECY,
    "dominance": Mark.DOMINANCE,
    "p_percent": Mark.P_PERCENT,
    "class_disclosure": Mark.CLASS_DISCLOSURE,
}
_HUNDREDTHS = 100


def mark_magnitudes(
    amounts: Ints,
    measure: str,
    behind: ContributionRows | None,
    policy: DisclosurePolicy,
    *,
    excepted: Excepted,
    company: CompanyMarks,
) -> tuple[Marked, Contributions]:
    """Marks of a table of sums, flat, and who contributes what; without amounts where no rule asks for them.

    Raises:
        InputRefused: nobody said who contributes, or the contributions do not add up to the table.
    """
    if behind is None:
        raise InputRefused(
            f"the magnitude {measure!r} needs the contributors of each cell.", mend="Name them with --contributions."
        )
    given = behind.of_presence(policy)
    if policy.dominance or policy.p_percent:
        given = behind.of_measure(measure, _HUNDREDTHS, policy)
        _refuse_other_sums(amounts, behind.leaf_sums(given), measure, behind)
    marked = mark_sums(profile(given, cells=behind.cells), policy, excepted=excepted)
    contributors = np.bincount(given.cell, minlength=behind.cells)
    secret = without(company.of(measure, is_magnitude=True, given=contributors), excepted)
    return Marked(marked.marks | secret | mark_behind(behind, policy), marked.upper), given


def mark_with_counts(
    marked: Marked, given: Contributions, hidden: Mapping[str, tuple[Ints, Flags]], *, named: Collection[str]
) -> Marked:
    """The marks of a sum, which is sensitive too where somebody contributes and a count that it follows is hidden.

    It follows counts that it is divided by, and those of its own contributors: who knows what each of these pays
    divides each sum. Whichever counts fit what is printed, sums then fit that have as much a person as the true ones:
    the moves that prove the counts hidden run through cells in which the sums are blank, too.

    Args:
        marked: the sum's own.
        given: who contributes.
        hidden: of each count, its numbers and which of them are blank; flat.
        named: counts that it is divided by.
    """
    if not hidden:
        return marked
    contributors = profile(given, cells=marked.marks.size).contributors
    marks = marked.marks
    for name, (counts, blank) in hidden.items():
        if name in named or np.array_equal(counts, contributors):
            marks = np.where(blank & (contributors > 0), marks | Mark.COUNT_HIDDEN, marks)
    return Marked(marks, marked.upper)


def mark_behind(behind: ContributionRows | None, policy: DisclosurePolicy) -> Ints | int:
    """Marks of cells that too few prescribers or workplaces stand behind.

    Raises:
        InputRefused: the policy has such a rule, and nobody said who stands behind the cells.
    """
    if behind is not None:
        return behind.few_behind(policy)
    if policy.minimum_prescribers or policy.minimum_workplaces:
        raise InputRefused(
            f"policy {policy.name} counts prescribers or workplaces, and the table does not tell them.",
            mend="Name them with --contributions: columns prescriber and workplace beside the dimensions.",
        )
    return 0


def excepted_cells(policy: DisclosurePolicy, measure: str, codes: Mapping[str, Codes]) -> Excepted:
    """Cells that an officer excepted from a rule, flat.

    Raises:
        InputRefused: an exception names a stratum or a level that the table does not have.
    """
    shape = tuple(len(own.codes) for own in codes.values())
    found: dict[Mark, Flags] = {}
    for exception in policy.exceptions:
        if exception.cell.get(MEASURE, measure) != measure:
            continue
        mark = _MARK_OF_RULE[exception.rule]
        cells = found.setdefault(mark, np.zeros(shape, dtype=np.bool_))
        cells[_place(exception, codes)] = True
    return {mark: cells.ravel() for mark, cells in found.items()}


def without(marks: Ints, excepted: Excepted) -> Ints:
    """The marks, but for rules that a cell is excepted from."""
    for mark, cells in excepted.items():
        marks = np.where(cells, marks & ~int(mark), marks)
    return marks


def _place(exception: SignedException, codes: Mapping[str, Codes]) -> tuple[int | slice, ...]:
    levels = {name: level for name, level in exception.cell.items() if name != MEASURE}
    if not levels:
        return (slice(None),) * len(codes)
    for name, level in levels.items():
        if name not in codes or level not in codes[name].codes:
            raise InputRefused(
                f"an exception from {exception.rule} is about {name} = {level!r}, which the table does not have.",
                mend="Take the exception out of the policy, or mend it.",
            )
    return tuple(own.codes.index(levels.get(name, own.codes[-1])) for name, own in codes.items())


def _refuse_other_sums(amounts: Ints, given: Ints, measure: str, behind: ContributionRows) -> None:
    if wrong := int(np.count_nonzero(amounts != given)):
        raise InputRefused(
            f"{behind.path}: the contributions to {measure!r} do not add up to the table in {wrong} cells.",
            mend="Give every contribution of each leaf cell once, corrections with their sign.",
        )
