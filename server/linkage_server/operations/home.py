"""The home folder of a service: where each thing lies, and that nobody else can look into it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from linkage.errors import Conflict, InputRefused, NotFound, ServiceUnavailable
from linkage.key_files import read_secret_file, write_secret_file

FOLDERS = (
    "keys",
    "store",
    "spool",
    "populations",
    "runs",
    "releases",
    "budgets",
    "definitions",
    "definitions/registers",
    "definitions/indicators",
    "definitions/policies",
    "definitions/preapprovals",
    "definitions/manufacturers",
    "quarantine",
    "logs",
)
_PAGE_KEY = "page-tokens.key"


@dataclass(frozen=True, slots=True)
class HomeFolder:
    """The paths of one home folder."""

    root: Path

    @property
    def settings_file(self) -> Path:
        """What the operator may change."""
        return self.root / "settings.toml"

    @property
    def database_file(self) -> Path:
        """The embedded database, where the settings name no other."""
        return self.root / "database.sqlite"

    @property
    def keys(self) -> Path:
        """Pepper, envelope, signing and TLS keys; every file 0600."""
        return self.root / "keys"

    @property
    def store(self) -> Path:
        """The registers."""
        return self.root / "store"

    @property
    def spool(self) -> Path:
        """Sealed uploads, as received."""
        return self.root / "spool"

    @property
    def populations(self) -> Path:
        """Hashed populations."""
        return self.root / "populations"

    @property
    def runs(self) -> Path:
        """Protected tables, and what a run under way puts aside."""
        return self.root / "runs"

    @property
    def releases(self) -> Path:
        """Deliveries, as fetched."""
        return self.root / "releases"

    @property
    def definitions(self) -> Path:
        """Registers, indicator sets and policies that the holder added to the shipped ones."""
        return self.root / "definitions"

    @property
    def quarantine(self) -> Path:
        """Rows of deliveries that broke a rule, with the rule."""
        return self.root / "quarantine"

    @property
    def logs(self) -> Path:
        """Typed events."""
        return self.root / "logs"

    @classmethod
    def create(cls, root: Path, *, settings: str) -> HomeFolder:
        """Make a home folder, for its owner only.

        Args:
            root: a folder that is not there yet, or is empty.
            settings: text of settings.toml.

        Raises:
            Conflict: something lies there already.
            ServiceUnavailable: the folder cannot be made.
        """
        home = cls(root.absolute())
        try:
            if root.exists() and any(root.iterdir()):
                raise Conflict(f"{root} is not empty.", mend="Choose a new folder, or use the home that is there.")
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            root.chmod(0o700)
            for name in FOLDERS:
                (home.root / name).mkdir(mode=0o700)
        except OSError as refusal:
            reason = os.strerror(refusal.errno or 0)
            raise ServiceUnavailable(f"{root} cannot be made: {reason}.", mend="Choose another folder.") from None
        write_secret_file(home.keys / _PAGE_KEY, secrets.token_bytes(32))
        # Last: a home folder without settings is one whose making was cut off.
        write_secret_file(home.settings_file, settings.encode())
        return home

    @classmethod
    def open(cls, root: Path) -> HomeFolder:
        """A home folder that `create` made.

        Raises:
            NotFound: there is none.
            InputRefused: others can look into it.
        """
        home = cls(root.absolute())
        if not home.settings_file.is_file():
            raise NotFound(f"{root} is not a home folder.", mend=f"Make one with: linkage-server init {root}")
        if open_to_others := home.open_to_others():
            raise InputRefused(
                f"{open_to_others[0]} is open to other users of this machine.",
                mend=f"Run: chmod -R go= {home.root}",
            )
        return home

    def open_to_others(self) -> list[Path]:
        """Key files and folders that somebody else on this machine could read."""
        if os.name != "posix":
            return []
        guarded = [self.root, self.keys, *sorted(self.keys.iterdir())]
        return [path for path in guarded if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]

    @contextlib.contextmanager
    def served_once(self) -> Iterator[None]:
        """Hold the home folder for one service: two would take each other's work for what a killed one left behind.

        The lock is the operating system's, so a killed service leaves none.

        Raises:
            Conflict: another service serves it.
        """
        with (self.root / "serving.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Conflict(
                    f"another service serves {self.root} already.", mend="Stop it first, or serve another home folder."
                ) from None
            yield

    def page_key(self) -> bytes:
        """Secret that binds page tokens to their question."""
        return read_secret_file(self.keys / _PAGE_KEY)
