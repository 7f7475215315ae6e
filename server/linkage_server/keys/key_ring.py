"""The service's secret keys, in one folder of files that only their owner can read.

    pepper-N.key         keys the hashed ids; all versions are needed, the highest is the newest
    envelope-N.pem       opens sealed populations; the highest is given to organisations, older ones still open
    release-signing.pem  signs released tables
    noise-N.key          changes counts of policies that perturb; each policy names its version

Keys are never overwritten or removed here. The private certificate authority keeps its own files in the same folder
(linkage_server.access). How registers follow a new pepper: docs/decisions/pepper-rotation.md.
"""

from __future__ import annotations

import re
from pathlib import Path

from linkage.envelope_keys import RecipientKeyPair
from linkage.errors import Conflict, InputRefused, NotFound, StateConflict
from linkage.signatures import SigningKeyPair
from linkage_core.perturbation.cell_keys import NoiseKey
from linkage_core.pseudonyms import Pepper
from linkage_server.keys.noise_key_file import load_noise_key, new_noise_key, save_noise_key
from linkage_server.keys.pepper_file import load_pepper, new_pepper, save_pepper

_PEPPER = re.compile(r"pepper-([1-9]\d*)\.key")
_NOISE = re.compile(r"noise-([1-9]\d*)\.key")
_ENVELOPE = re.compile(r"envelope-([1-9]\d*)\.pem")
_RELEASE_SIGNING = "release-signing.pem"


class KeyRing:
    """The keys of one service.

    Args:
        folder: where they lie; see `create` for a new one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def create(cls, folder: Path) -> KeyRing:
        """Make the first key of each kind in a folder of mode 0700.

        Raises:
            Conflict: there is a key ring already.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        ring = cls(folder)
        if _versions(folder, _PEPPER) or _versions(folder, _ENVELOPE) or (folder / _RELEASE_SIGNING).exists():
            raise Conflict("the folder holds a key ring already.", mend="Keep it; keys are never made over.")
        save_pepper(new_pepper(1), folder / "pepper-1.key")
        save_noise_key(new_noise_key(1, pepper_version=1), folder / "noise-1.key")
        RecipientKeyPair.generate().save(folder / "envelope-1.pem")
        SigningKeyPair.generate().save(folder / _RELEASE_SIGNING)
        return ring

    def pepper(self, version: int | None = None) -> Pepper:
        """One pepper; the newest where no version is given.

        Raises:
            NotFound: the ring has no such version.
            InputRefused: its file is damaged or open to others.
        """
        versions = _versions(self._folder, _PEPPER)
        wanted = version or max(versions, default=0)
        if wanted not in versions:
            raise NotFound(
                f"the key ring has no pepper version {wanted or 1}.",
                mend="Restore it from a backup of the keys; without it no population can be linked to what was loaded.",
            )
        return load_pepper(self._folder / f"pepper-{wanted}.key", version=wanted)

    def peppers(self) -> list[Pepper]:
        """Every pepper from the first to the newest, as `linkage_core.pepper_chain` wants them.

        Raises:
            NotFound: one between them is missing.
            InputRefused: a file is damaged or open to others.
        """
        newest = max(_versions(self._folder, _PEPPER), default=1)
        return [self.pepper(version) for version in range(1, newest + 1)]

    def rotate_pepper(self) -> Pepper:
        """Add the next pepper. Registers and the number history stay under theirs until they are re-hashed.

        Raises:
            Conflict: somebody else rotates at the same time.
        """
        pepper = new_pepper(self.peppers()[-1].version + 1)
        save_pepper(pepper, self._folder / f"pepper-{pepper.version}.key")
        return pepper

    def noise_key(self, version: int) -> NoiseKey:
        """One noise key. There is no newest one to be taken: a policy names its key.

        Raises:
            NotFound: the ring has no such version.
            InputRefused: its file is damaged or open to others.
            StateConflict: persons have other hashed ids since it was made, so its noise would be fresh.
        """
        if version not in self.noise_key_versions():
            raise NotFound(
                f"the key ring has no noise key version {version}.",
                mend="Restore it from a backup of the keys, or let the policy name another; see: linkage-server keys",
            )
        key = load_noise_key(self._folder / f"noise-{version}.key", version=version)
        if key.pepper_version != (newest := self.pepper().version):
            raise StateConflict(
                f"noise key {version} was made for pepper {key.pepper_version}, and the newest is {newest}: everybody "
                "would get fresh noise, and two draws of noise tell more than one.",
                mend="If that is meant: linkage-server keys new-noise, and a new version of the policy that names it.",
            )
        return key

    def noise_key_versions(self) -> list[int]:
        """The versions there are, ascending; none in a ring that is older than noise."""
        return sorted(_versions(self._folder, _NOISE))

    def add_noise_key(self) -> NoiseKey:
        """Make the next noise key, for the newest pepper. Nothing uses it until a policy names it.

        Raises:
            Conflict: somebody else adds one at the same time.
        """
        version = max(self.noise_key_versions(), default=0) + 1
        key = new_noise_key(version, pepper_version=self.pepper().version)
        save_noise_key(key, self._folder / f"noise-{version}.key")
        return key

    def envelope_key(self, key_id: str | None = None) -> RecipientKeyPair:
        """The key pair that opens what was sealed to `key_id`; the newest where none is given.

        Raises:
            NotFound: the ring has no such key.
        """
        for key in self.envelope_keys():
            if key_id is None or key.key_id == key_id:
                return key
        raise NotFound(
            "the key ring has no such envelope key.", mend="The sender should enrol again and seal to the current key."
        )

    def envelope_keys(self) -> list[RecipientKeyPair]:
        """Every envelope key pair, the newest first."""
        versions = sorted(_versions(self._folder, _ENVELOPE), reverse=True)
        return [RecipientKeyPair.load(self._folder / f"envelope-{version}.pem") for version in versions]

    def rotate_envelope_key(self) -> RecipientKeyPair:
        """Add a new envelope key; organisations are given it from now on, and what was sealed to older ones opens."""
        version = max(_versions(self._folder, _ENVELOPE), default=0) + 1
        key = RecipientKeyPair.generate()
        key.save(self._folder / f"envelope-{version}.pem")
        return key

    def release_signing_key(self) -> SigningKeyPair:
        """The release desk's key pair.

        Raises:
            InputRefused: its file is missing, damaged or open to others.
        """
        return SigningKeyPair.load(self._folder / _RELEASE_SIGNING)

    def check(self) -> None:
        """Read every key once, as the service does when it starts.

        Raises:
            NotFound: a key is missing.
            InputRefused: a key file, or the folder itself, is damaged or open to others.
        """
        if self._folder.stat().st_mode & 0o077:
            raise InputRefused("the folder of keys is open to other users.", mend=f"Run: chmod 700 {self._folder}")
        self.peppers()
        for version in self.noise_key_versions():
            load_noise_key(self._folder / f"noise-{version}.key", version=version)
        self.envelope_key()
        self.release_signing_key()


def _versions(folder: Path, pattern: re.Pattern[str]) -> set[int]:
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    return {int(found.group(1)) for name in names if (found := pattern.fullmatch(name))}
