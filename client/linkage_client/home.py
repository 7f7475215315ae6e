"""The client's home folder: its keys, whom it is enrolled with, and submissions under way.

tls.key  signing.pem        secret keys, 0600
enrolment-request.json      for the register holder
enrolment.json              the holder's reply, kept once its pin was checked
submissions/                a folder for each submission that is not finished
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from linkage.enrolment import REQUEST_FILE, EnrolmentReply, read_letter
from linkage.errors import InputRefused, NotFound, ServiceUnavailable
from linkage.key_files import read_secret_file
from linkage.signatures import SigningKeyPair

VARIABLE = "LINKAGE_HOME"


def default_home() -> Path:
    """The folder that LINKAGE_HOME names, or .linkage in the user's own."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path.home() / ".linkage"


@dataclass(frozen=True, slots=True)
class ClientHome:
    """Paths and keys of one home folder."""

    root: Path

    @property
    def tls_key_file(self) -> Path:
        """The key that speaks TLS."""
        return self.root / "tls.key"

    @property
    def signing_key_file(self) -> Path:
        """The keys that sign what is sent."""
        return self.root / "signing.pem"

    @property
    def request_file(self) -> Path:
        """What goes to the register holder."""
        return self.root / REQUEST_FILE

    @property
    def reply_file(self) -> Path:
        """What came back from the register holder."""
        return self.root / "enrolment.json"

    @property
    def submissions(self) -> Path:
        """Where unfinished submissions lie."""
        return self.root / "submissions"

    def create(self) -> None:
        """Make the folder, for its owner only.

        Raises:
            ServiceUnavailable: it cannot be made.
        """
        try:
            self.submissions.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
        except OSError as refusal:
            reason = os.strerror(refusal.errno or 0)
            raise ServiceUnavailable(f"{self.root} cannot be made: {reason}.", mend="Choose another --home.") from None

    def enrolment(self) -> EnrolmentReply:
        """Whom this client is enrolled with.

        Raises:
            NotFound: it is not enrolled yet.
        """
        if not self.signing_key_file.exists():
            raise NotFound(f"{self.root} holds no keys.", mend="Run: linkage init --organisation ID --title NAME")
        if not self.reply_file.exists():
            raise NotFound(
                "this client is not enrolled yet.",
                mend=f"Send {self.request_file} to the register holder, then run: linkage enrol REPLY.json --pin ...",
            )
        return read_letter(self.reply_file, EnrolmentReply)

    def signing_key(self) -> SigningKeyPair:
        """The keys that sign what is sent; `InputRefused` if they cannot be read."""
        return SigningKeyPair.load(self.signing_key_file)

    def tls_key(self) -> bytes:
        """The TLS key, PEM; `InputRefused` if it cannot be read."""
        return read_secret_file(self.tls_key_file)


def require_file(path: Path) -> Path:
    """The path, if a file lies there.

    Raises:
        InputRefused: none does.
    """
    if not path.is_file():
        raise InputRefused(f"there is no file {path}.", mend="Check the path.")
    return path
