"""Makes a released delivery again from what is stored: counts, recipe, table and decision; no register is read."""

from __future__ import annotations

from dataclasses import dataclass

from linkage.errors import LinkageError, StateConflict
from linkage.release_manifest import MANIFEST, RELEASE, SIGNATURE_CONTEXT, ReleaseStatement
from linkage.signatures import Signature
from linkage_core.disclosure import to_bytes
from linkage_server.access.certificates import Caller
from linkage_server.release.context import ReleaseContext
from linkage_server.release.delivery import delivery_of
from linkage_server.release.recipe import Recipe
from linkage_server.release.release_desk import Released, ReleaseDesk
from linkage_server.release.table_versions import chosen_version, load_counts, load_table
from linkage_server.reviews.review_desk import ReviewDesk
from linkage_server.runs.make_version import counts_of, make_version
from linkage_server.runs.plan import RunPlan
from linkage_server.storage.tables import RunRow


@dataclass(frozen=True, slots=True)
class Replay:
    """How a replay compares, byte for byte.

    Args:
        table_alike: the counts, protected again, give the stored table, whose hash is checked.
        files: how many files were made again.
        differing: names of those that differ from what was delivered; `release.json` where its signature does not
            hold for the manifest made again.
    """

    table_alike: bool
    files: int
    differing: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether nothing differs."""
        return self.table_alike and not self.differing


def replay(reviews: ReviewDesk, releases: ReleaseDesk, caller: Caller, order: str) -> Replay:
    """Make a delivery again and compare.

    Raises:
        NotFound: there is no release, or its run was before counts were kept.
        StateConflict: the run was made by another version of the software.
    """
    released = releases.find(caller, order)
    with reviews.database.reading() as session:
        order_id = reviews.order_id(session, caller, order)
        version = chosen_version(session, order_id)
        counted = load_counts(session, reviews.home, order_id)
        plan = RunPlan.from_json(session.get_one(RunRow, order_id).plan)
    if plan.software_version != reviews.run_desk.software_version:
        raise StateConflict(
            f"the run was made by version {plan.software_version}, this is {reviews.run_desk.software_version}.",
            mend="Install the version that the manifest names, and repeat.",
        )
    recipe = Recipe.model_validate(version.recipe)
    stored = load_table(reviews.home, file=version.file, sha256=version.sha256)
    protected = stored
    # A table that was laid beside earlier releases is taken as it was stored: counts do not tell who moved since.
    if stored.hidden is not None and not plan.earlier:
        protected = make_version(plan, reviews.run_desk.sources(plan), counts_of(recipe, counted), recipe)
    delivery = delivery_of(protected, ReleaseContext.model_validate(version.description))
    manifest = delivery.manifest.to_json()
    contents = {file.path: file.content for file in delivery.files} | {MANIFEST: manifest}
    differing = [name for name, content in contents.items() if _delivered(released, name) != content]
    if not _signed(releases, released, manifest):
        differing.append(RELEASE)
    alike = to_bytes(protected) == to_bytes(stored)
    return Replay(alike, len(contents) + 1, tuple(sorted(differing)))


def _delivered(released: Released, name: str) -> bytes | None:
    path = released.folder / name
    return path.read_bytes() if path.is_file() else None


def _signed(releases: ReleaseDesk, released: Released, manifest: bytes) -> bool:
    """Whether the delivered statement, of the release as the database has it, signs the manifest made again."""
    content = _delivered(released, RELEASE)
    if content is None:
        return False
    key = releases.signing_key().public
    try:
        told = ReleaseStatement.model_validate_json(content)
        expected = ReleaseStatement.of(
            manifest, release=released.name, released_at=released.released_at, key_id=key.key_id
        )
        key.verify(expected.message(), Signature.from_json(told.signature), context=SIGNATURE_CONTEXT)
    except (LinkageError, ValueError):
        return False
    return expected.model_copy(update={"signature": told.signature}).to_json() == content
