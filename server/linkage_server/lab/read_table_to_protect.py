"""Reads the files of `lab protect`: table, layout, contributors, companies, earlier releases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import InputRefused
from linkage.perturbation_rules import Mechanism
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_server.lab.company_marks import read_company_marks
from linkage_server.lab.contributions import ContributionRows, read_contributions
from linkage_server.lab.earlier_releases import read_history
from linkage_server.lab.lattice import absent_cells
from linkage_server.lab.layout import Codes, Layout, known_cells, number_codes, published_cells, read_layout
from linkage_server.lab.layout_refusals import (
    refuse_all_but_counts_once,
    refuse_changes_over_time,
    refuse_many_cells,
    refuse_more_than_one_count,
)
from linkage_server.lab.leaf_rows import leaf_places, refuse_repeated_leaves
from linkage_server.lab.mechanism import chosen_mechanism
from linkage_server.lab.noise_key import noise_key_of
from linkage_server.lab.perturb import NoiseSource
from linkage_server.lab.table_to_protect import ReadersView, TableToProtect
from linkage_server.lab.whole_files import read_table


def read_table_to_protect(
    policy: DisclosurePolicy,
    table: Path,
    *,
    layout: Path,
    contributions: Path | None,
    earlier: Sequence[Path],
    moved: Path | None,
    home: Path | None,
    manufacturers: Path | None,
    month: str,
    today: date,
) -> TableToProtect:
    """Read everything that protection needs, and refuse what it cannot do.

    Args:
        policy: the rules.
        table: leaf cells, one a row.
        layout: dimensions, measures, what a reader knows.
        contributions: who stands behind each cell.
        earlier: folders of the releases so far, oldest first.
        moved: who joined and left since.
        home: folder with noise keys and budgets.
        manufacturers: companies by code, of `month`.
        month: such as 2026-10.
        today: the day that consents of companies must cover.

    Raises:
        InputRefused: a file is wrong, or asks for protection that is not built yet.
    """
    plan = read_layout(layout)
    mechanism = chosen_mechanism(plan, policy, path=layout)
    codes = _codes(plan, policy, mechanism, is_repeated=bool(earlier), path=layout)
    published, known = published_cells(plan, codes, layout), known_cells(plan, codes, layout)
    refuse_many_cells(plan, codes, is_repeated=bool(earlier), path=layout)
    refuse_more_than_one_count(plan, mechanism, is_repeated=bool(earlier), path=layout)
    history = read_history(earlier, moved, codes=codes, plan=plan, policy=policy)
    rows = read_table(table)
    places = leaf_places(rows, codes, table)
    refuse_repeated_leaves(places, codes, table)
    behind = read_contributions(contributions, codes) if contributions is not None else None
    return TableToProtect(
        path=table,
        rows=rows,
        places=places,
        plan=plan,
        codes=codes,
        policy=policy,
        mechanism=mechanism,
        seen=ReadersView(published, _absent(plan, codes, places, published), known),
        behind=behind,
        company=read_company_marks(policy.company_secrecy, codes, manufacturers, month=month, on=today),
        noise=_noise_source(mechanism, behind, home),
        history=history,
        home=home,
    )


def _codes(
    plan: Layout, policy: DisclosurePolicy, mechanism: Mechanism | None, *, is_repeated: bool, path: Path
) -> dict[str, Codes]:
    """The dimensions, their codes numbered; refuses what they cannot have beside them."""
    refuse_changes_over_time(mechanism, policy, is_repeated=is_repeated, path=path)
    overlapping = plan.multi_response(policy)
    refuse_all_but_counts_once(plan, overlapping, is_repeated=is_repeated, is_changed=mechanism is not None, path=path)
    return {
        name: number_codes(name, dimension, adds_up=name not in overlapping) for name, dimension in plan.dims.items()
    }


def _absent(plan: Layout, codes: dict[str, Codes], places: tuple[Ints, ...], published: Flags | None) -> Flags | None:
    if plan.attacker.absent != "unknown":
        return None
    # What has no row is printed as a blank, and may be any number as far as a reader can tell.
    absent = absent_cells(places, list(codes.values()))
    return absent if published is None else absent & published


def _noise_source(
    mechanism: Mechanism | None, behind: ContributionRows | None, home: Path | None
) -> NoiseSource | None:
    if mechanism is None or mechanism.noise is None:
        return None
    if behind is None:
        raise InputRefused(
            "noise follows from who is counted, and nobody said who.", mend="Name them with --contributions."
        )
    return NoiseSource(mechanism.noise, noise_key_of(home, version=mechanism.noise.key_version), behind)
