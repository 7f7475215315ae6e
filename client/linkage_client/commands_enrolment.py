"""linkage init, enrol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linkage.enrolment import EnrolmentReply, read_letter
from linkage_client.console import Shown
from linkage_client.enrolment import accept_reply, make_request
from linkage_client.home import ClientHome, default_home, require_file
from linkage_client.options import AsJson, Home


def init(
    organisation: Annotated[
        str, typer.Option("--organisation", help="Identifier: lower-case letters, digits and hyphens.")
    ],
    title: Annotated[str, typer.Option("--title", help="The organisation's name for people.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make keys and write the enrolment request for the register holder."""
    own = ClientHome(home or default_home())
    request = make_request(own, organisation=organisation, title=title or organisation)
    shown = Shown(as_json=as_json)
    fingerprint = request.public_signing_keys.key_id
    shown.result({"request": own.request_file, "home": own.root, "signing_key_fingerprint": fingerprint})
    shown.say(f"Keys made in {own.root}; they never leave it.")
    shown.say(f"Send this file to the register holder: {own.request_file}")
    shown.say(f"Fingerprint of the signing keys, to be read aloud: {fingerprint}")


def enrol(
    reply: Annotated[Path, typer.Argument(help="The file that the register holder sent back.")],
    pin: Annotated[str, typer.Option("--pin", help="The fingerprint, told over another channel.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Keep the register holder's reply, if it carries the fingerprint that was told."""
    own = ClientHome(home or default_home())
    require_file(own.request_file)
    enrolled = accept_reply(own, read_letter(require_file(reply), EnrolmentReply), pin=pin)
    shown = Shown(as_json=as_json)
    shown.result(enrolled)
    shown.say(f"Enrolled as {enrolled.role} of {enrolled.organisation} at {enrolled.server_address}.")
    shown.say(f"The certificate is valid until {enrolled.certificate_not_after:%Y-%m-%d}.")
