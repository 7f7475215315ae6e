"""linkage: the quality register's command line.

Exit codes: 0 done; 1 a bug of ours; 2 usage; 3 input refused; 4 not permitted; 5 not found; 6 conflict;
7 server unavailable; 8 time-out; 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from linkage.errors import EXIT_CODES, LinkageError
from linkage_client import commands_catalogue, commands_enrolment, commands_explain, commands_orders, commands_results
from linkage_client.console import Shown, flush, report_bug, report_refusal

USAGE = 2
STOPPED = 130
_COMMAND_LINE_REFUSAL = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="linkage",
    help="Sends encrypted populations to a register holder and fetches de-identified indicators.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
for command in (
    commands_enrolment.init,
    commands_enrolment.enrol,
    commands_orders.check,
    commands_explain.explain,
    commands_orders.submit,
    commands_orders.status,
    commands_orders.cancel,
    commands_results.fetch,
    commands_results.verify,
):
    app.command()(command)
app.add_typer(commands_catalogue.app, name="catalogue")


def installed_version() -> str:
    """The version of the client, which comes alone (the slim wheel) or together with the service."""
    for distribution in ("register-linkage-client", "register-linkage"):
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(installed_version())
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Sends encrypted populations to a register holder and fetches de-identified indicators."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code and lets no exception out."""
    as_json = "--json" in arguments
    try:
        code = app(args=list(arguments), standalone_mode=False, prog_name="linkage")
    except LinkageError as refusal:
        return report_refusal(refusal, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return STOPPED
    except BrokenPipeError:
        return 0
    except Exception as error:
        # Typer's own refusals of a command line; where their class lives differs between its versions.
        if isinstance(error, _COMMAND_LINE_REFUSAL):
            return _report_usage(error, as_json=as_json)
        return report_bug(error, as_json=as_json)
    return code if isinstance(code, int) else 0


def _report_usage(error: Exception, *, as_json: bool) -> int:
    if as_json:
        described = {"reason": "USAGE", "message": "the command line is not as agreed.", "mend": "See --help."}
        Shown(as_json=True).result({"error": described, "exit_code": USAGE})
    else:
        error.show()  # type: ignore[attr-defined]  # the base class of BadParameter has it
    return USAGE


def main() -> None:
    """The program."""
    code = run(sys.argv[1:])
    flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
