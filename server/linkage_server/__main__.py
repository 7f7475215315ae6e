"""The program of the register holder: `linkage-server`."""

from __future__ import annotations

import sys

import typer

from linkage.errors import EXIT_CODES
from linkage_server import (
    commands_audit,
    commands_benchmark,
    commands_keys,
    commands_orders,
    commands_organisation,
    commands_policies,
    commands_register,
    commands_releases,
    commands_service,
    commands_trial,
)
from linkage_server.command_line import refusals_as_exit_codes
from linkage_server.demo import tour
from linkage_server.lab import catalogue, evaluate, lint, protect, schema
from linkage_server.lab.refusals import in_words_of_the_laboratory
from linkage_server.software_version import software_version

app = typer.Typer(
    name="linkage-server",
    help="Links encrypted populations to health registers and releases de-identified drug indicators.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
lab = typer.Typer(
    no_args_is_help=True,
    help="Tries definitions and policies on plain files; only `lint --home` opens the store, for its codes.",
)

app.command("init")(commands_service.init)
app.command("serve")(commands_service.serve)
app.command("doctor")(commands_service.doctor)
app.command("backup")(commands_service.backup)
app.command("restore")(commands_service.restore)
app.command("benchmark")(commands_benchmark.benchmark)
app.command("demo")(tour.demo)
app.command("made-up")(commands_trial.made_up)
app.add_typer(commands_register.register_app, name="register")
app.add_typer(commands_organisation.app, name="organisation")
app.add_typer(commands_orders.app, name="orders")
# Some say "order explain": the same commands.
app.add_typer(commands_orders.app, name="order", hidden=True)
app.add_typer(commands_releases.app, name="releases")
app.add_typer(commands_policies.app, name="policies")
app.add_typer(commands_audit.app, name="audit")
app.add_typer(commands_keys.app, name="keys")
lab.command("evaluate")(in_words_of_the_laboratory(evaluate.evaluate_command))
lab.command("protect")(in_words_of_the_laboratory(protect.protect_command))
lab.command("lint")(in_words_of_the_laboratory(lint.lint_command))
lab.command("catalogue")(in_words_of_the_laboratory(catalogue.catalogue_command))
lab.command("schema")(in_words_of_the_laboratory(schema.schema_command))
app.add_typer(lab, name="lab")


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(software_version())
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Print the version."),
) -> None:
    """Links encrypted populations to health registers and releases de-identified drug indicators."""


def main() -> None:
    """Run the command line; a bug of ours ends with exit code 1 and one line, never with a stack trace."""
    try:
        # The laboratory lies below the command line and raises its refusals; other commands have answered theirs.
        with refusals_as_exit_codes(as_json="--json" in sys.argv):
            app()
    except typer.Exit as refused:
        sys.exit(refused.exit_code)
    except Exception as bug:  # the last door: no text of a foreign exception passes it
        sys.stderr.write(f"An error of the program itself ({type(bug).__name__}). Please report it.\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
