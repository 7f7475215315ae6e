"""linkage explain."""

from __future__ import annotations

from typing import Annotated

import typer

from linkage_client.api import Linkage
from linkage_client.console import Shown
from linkage_client.explanations import ExplainedRegister, Explanation
from linkage_client.options import AsJson, Home

_MOST_PERSONS = 100_000_000
_LEAST_SECONDS = 0.001
_MIB = 1024**2


def explain(
    order: Annotated[str, typer.Argument(help="The order, or an order file (.toml).")],
    persons: Annotated[
        int,
        typer.Option(
            "--persons", min=0, max=_MOST_PERSONS, help="Explain for so many; needed where a population is sent."
        ),
    ] = 0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Tell what a run is expected to read and take; nothing is linked for it."""
    with Linkage(home) as linkage:
        told = linkage.explain(order, persons=persons)
    shown = Shown(as_json=as_json)
    shown.result(told)
    _say(shown, told)


def _say(shown: Shown, told: Explanation) -> None:
    stages = ", ".join(f"{stage} {in_seconds(seconds)}" for stage, seconds in told.seconds.items())
    blocks = "block" if told.blocks == 1 else "blocks"
    shown.say(f"{told.persons:,} persons, in {told.blocks:,} {blocks}, {told.threads} at once.")
    shown.say(f"About {in_seconds(sum(told.seconds.values()))} seconds on an idle machine: {stages}.")
    shown.say(
        f"Memory {three_figures(told.memory_bytes / _MIB)} of {three_figures(told.memory_limit_bytes / _MIB)} MiB."
    )
    for register in told.registers:
        _say_register(shown, register)
    if not shown.as_json:
        shown.say(f"\n{told.rule}")


def _say_register(shown: Shown, register: ExplainedRegister) -> None:
    shown.say(f"\n{register.name}, snapshot {register.snapshot[:12]}: {', '.join(register.columns)}")
    read, held = three_figures(register.bytes / _MIB), three_figures(register.bytes_held / _MIB)
    shown.say(f"  At most {register.rows:,} rows of {register.persons:,} persons, {read} of {held} MiB.")
    for one in register.segments:
        shown.say(
            f"  segment {one.segment}, {one.first_day or '-'} to {one.last_day or '-'}, deliveries: {one.deliveries}; "
            f"{one.rows:,} rows by {one.method} ({one.reason})."
        )


def three_figures(number: float) -> str:
    """Three figures, never as a power of ten."""
    return f"{float(f'{number:.3g}'):,.12g}"


def in_seconds(seconds: float) -> str:
    """Two figures, and no more precise than a thousandth."""
    return f"{float(f'{seconds:.2g}'):,.12g}" if seconds >= _LEAST_SECONDS else f"below {_LEAST_SECONDS}"
