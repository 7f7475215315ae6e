"""`linkage-server organisation`: who may come in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from linkage.enrolment import EnrolmentRequest, read_letter
from linkage_server.access.organisations import list_organisations, revoke_organisation
from linkage_server.access.permits import Role
from linkage_server.command_line import (
    As,
    AsJson,
    Home,
    day_and_time,
    open_home,
    print_facts,
    print_json,
    print_table,
)
from linkage_server.enrolment_desk import EnrolmentDesk

app = typer.Typer(no_args_is_help=True, help="Organisations that may call this service.")


@app.command()
def add(
    request: Annotated[Path, typer.Argument(help="enrolment-request.json, as the organisation sent it.")],
    *,
    home: Home,
    out: Annotated[Path, typer.Option("--out", help="Where to write the reply.")] = Path("enrolment-reply.json"),
    role: Annotated[Role, typer.Option("--role", help="What the certificate lets its holder be.")] = Role.ORDERER,
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """Admit an organisation: issue its certificate and write the reply it enrols with."""
    with open_home(home, as_json=as_json) as service:
        letter = read_letter(request, EnrolmentRequest)
        desk = EnrolmentDesk(service.database, service.trail, keys=service.folder.keys, settings=service.settings)
        reply = desk.admit(service.operator(name), letter, role=role, out=out)
        facts = {
            "organisation": reply.organisation,
            "role": reply.role,
            "reply": str(out),
            "signing key": letter.public_signing_keys.key_id,
            "fingerprint": reply.fingerprint,
        }
        if as_json:
            print_json({key.replace(" ", "_"): fact for key, fact in facts.items()})
        else:
            print_facts(facts)
            typer.echo("Send the reply, and read the fingerprint aloud over another channel; they enrol with --pin.")


@app.command()
def revoke(
    organisation: Annotated[str, typer.Argument(help="Short name of the organisation.")],
    *,
    home: Home,
    name: As = "",
    as_json: AsJson = False,
) -> None:
    """End an organisation's access at once."""
    with open_home(home, as_json=as_json) as service:
        caller = service.operator(name)
        with service.database.transaction() as session:
            revoke_organisation(session, organisation)
            service.trail.record(
                session,
                actor=caller.actor,
                role=caller.role,
                action="organisation.revoke",
                subject=f"organisations/{organisation}",
                outcome="OK",
            )
        if as_json:
            print_json({"organisation": organisation, "revoked": True})
        else:
            typer.echo(f"{organisation} has no access from now on; calls under way end within seconds.")


@app.command("list")
def list_(home: Home, as_json: AsJson = False) -> None:
    """Show every organisation ever admitted, with its certificates that are still trusted."""
    with open_home(home, as_json=as_json) as service:
        with service.database.reading() as session:
            known = list_organisations(session)
        if as_json:
            print_json(
                [
                    {
                        "organisation": o.organisation,
                        "title": o.title,
                        "created_at": o.created_at.isoformat(),
                        "revoked_at": o.revoked_at.isoformat() if o.revoked_at else None,
                        "certificates": o.certificates,
                    }
                    for o in known
                ]
            )
            return
        rows = [
            (
                o.organisation,
                o.title,
                day_and_time(o.created_at),
                ", ".join(f"{count} {role}" for role, count in sorted(o.certificates.items())) or "none",
                f"revoked {day_and_time(o.revoked_at)}" if o.revoked_at else "admitted",
            )
            for o in known
        ]
        print_table(("organisation", "title", "since", "certificates", "state"), rows)
