"""`linkage-server lab evaluate`: a set of indicators on plain files, for the statistician who tries a definition."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import typer

from linkage.errors import InputRefused
from linkage.indicator_definition import load_indicator_set
from linkage.order import band_fault
from linkage.population_rules import PopulationRules, load_population_rules
from linkage_core.aggregates import count_by
from linkage_core.grids import row_variables
from linkage_core.indicators import PersonValues, evaluate
from linkage_server.lab.cell_statistics import cell_statistics
from linkage_server.lab.complete import CompletePeriods
from linkage_server.lab.drug_use_results import drug_use_periods, package_days
from linkage_server.lab.episode_results import episodes, times
from linkage_server.lab.event_results import supply_events
from linkage_server.lab.inhabitants_file import read_inhabitants
from linkage_server.lab.inputs import LabInputs, read_inputs
from linkage_server.lab.parameter_files import with_parameters
from linkage_server.lab.path_results import paths, treatment_lines
from linkage_server.lab.period_cells import with_age_groups
from linkage_server.lab.population_results import Asked, population_tables
from linkage_server.lab.rate_results import rolls
from linkage_server.lab.results import counts, per_person
from linkage_server.lab.run_record import run_record
from linkage_server.lab.survival_results import survival


def evaluate_command(
    set_file: Annotated[Path, typer.Argument(metavar="SET.toml", help="The indicator set.")],
    *,
    population: Annotated[Path | None, typer.Option(help="One row a person: person, index_date, strata.")] = None,
    population_from: Annotated[
        Path | None,
        typer.Option(metavar="TOML", help="Rules of registers: who belongs to it, index days, exclusions."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for what is computed; made if it is not there.")],
    events: Annotated[list[str], typer.Option(metavar="REGISTER=FILE", help="Rows of a register; repeat.")] = [],  # noqa: B006
    per_person_rows: Annotated[
        bool, typer.Option("--per-person", help="Write value and reason for each person and parameter point.")
    ] = False,
    per_event_rows: Annotated[
        bool, typer.Option("--per-event", help="Write interval, gap and carry-in for each event, where there are some.")
    ] = False,
    by: Annotated[list[str], typer.Option(help="Strata to cross, separated by spaces; repeat.")] = [],  # noqa: B006
    column: Annotated[
        list[str], typer.Option(metavar="REGISTER.CONCEPT=COLUMN", help="Which column is which; repeat.")
    ] = [],  # noqa: B006
    data_until: Annotated[
        list[str], typer.Option(metavar="REGISTER=DATE", help="Last day that a register holds in full; repeat.")
    ] = [],  # noqa: B006
    parameters: Annotated[
        list[str],
        typer.Option(metavar="MODEL.packages=FILE", help="Table of packages or drugs of a model of drug use; repeat."),
    ] = [],  # noqa: B006
    inhabitants: Annotated[
        Path | None, typer.Option(help="Mean population by year (or month), sex, age group: for rates.")
    ] = None,
    rolling: Annotated[
        int, typer.Option(min=0, help="Write series of crossings with index:month, say, so many periods at a time.")
    ] = 0,
    compare: Annotated[
        list[str], typer.Option(metavar="STRATUM", help="Compare shares of its levels with that of all; repeat.")
    ] = [],  # noqa: B006
    trend: Annotated[
        str | None,
        typer.Option(metavar="index:year", help="Compare in each index period too, and with the one before."),
    ] = None,
    only: Annotated[list[str], typer.Option(metavar="ID", help="Only this indicator of the set; repeat.")] = [],  # noqa: B006
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Evaluate an indicator set on plain files; the register store is never opened and nothing is protected."""
    written = evaluate_files(
        set_file,
        population=population,
        rules=load_population_rules(population_from) if population_from else None,
        events={name: Path(file) for name, file in _pairs(events, option="--events")},
        out=out,
        write_persons=per_person_rows,
        write_events=per_event_rows,
        by=[crossing.split() for crossing in by],
        columns=_by_register(column),
        data_until={name: _day(text) for name, text in _pairs(data_until, option="--data-until")},
        parameters={name: Path(file) for name, file in _pairs(parameters, option="--parameters")},
        only=only,
        inhabitants=inhabitants,
        asked=Asked(rolling, compare, trend),
    )
    warnings = json.loads((out / "definition.json").read_text(encoding="utf-8"))["warnings"]
    if as_json:
        typer.echo(json.dumps({"written": [str(path) for path in written], "warnings": warnings}))
    else:
        for warning in warnings:
            typer.echo(f"warning: {warning}", err=True)
        for path in written:
            typer.echo(f"wrote {path}")


def evaluate_files(
    set_file: Path,
    *,
    population: Path | None,
    events: dict[str, Path],
    out: Path,
    rules: PopulationRules | None = None,
    write_persons: bool = False,
    write_events: bool = False,
    by: Sequence[Sequence[str]] = (),
    columns: dict[str, dict[str, str]] | None = None,
    data_until: dict[str, date] | None = None,
    parameters: dict[str, Path] | None = None,
    only: Sequence[str] = (),
    inhabitants: Path | None = None,
    asked: Asked | None = None,
) -> list[Path]:
    """Evaluate a set on plain files and write the results into a folder; returns what was written.

    docs/manual/laboratory.md tells every file with its columns.

    Raises:
        DefinitionRejected: the set is wrong.
        InputRefused: a file is not as needed, or bands of age leave somebody out.
        EventsRejected: a register or column that the set needs is missing.
    """
    definition = load_indicator_set(set_file, fill=lambda raw: with_parameters(raw, parameters or {}))
    if unknown := set(only) - {indicator.id for indicator in definition.indicators}:
        raise InputRefused(f"The set has no indicator {sorted(unknown)[0]!r}.", mend="Mend --only.")
    _refuse_faulty_bands(by)
    inputs = read_inputs(definition, population=population, events=events, told=columns or {}, rules=rules)
    _refuse_missing_index_days(inputs, only=only)
    values = evaluate(
        inputs.definition,
        population=inputs.population,
        events=inputs.events,
        data_until=data_until or {},
        only=only,
        row_dimensions=row_variables(by),
    )
    out.mkdir(parents=True, exist_ok=True)
    people = read_inhabitants(inhabitants) if inhabitants is not None else None
    crossings = [with_age_groups(crossing, people, inputs.population) for crossing in by or _proposed(inputs)]
    complete = CompletePeriods(inputs.definition.indicators, data_until or {})
    tables = _of_cells(values, inputs, by=crossings, complete=complete)
    tables |= population_tables(
        values,
        inputs=inputs,
        by=crossings,
        inhabitants=people,
        asked=asked or Asked(),
        complete=complete,
        registers=list(events),
    )
    if write_persons:
        tables |= _of_persons(values, inputs.persons)
    if write_events:
        tables["events"] = supply_events(values, persons=inputs.persons)
    written = [path for name, table in tables.items() if table is not None for path in _write(table, out / name)]
    record = run_record(
        definition,
        values,
        rules=rules,
        data_until=data_until or {},
        files={"population": population, "inhabitants": inhabitants, **(parameters or {}), **events},
    )
    (out / "definition.json").write_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return [*written, out / "definition.json"]


def _refuse_missing_index_days(inputs: LabInputs, *, only: Sequence[str]) -> None:
    if inputs.population.index_date is not None:
        return
    counted = [one.id for one in inputs.definition.indicators if one.needs_index_date and (not only or one.id in only)]
    if counted:
        raise InputRefused(
            f"The population has no column index_date, from which {', '.join(counted[:5])} count.",
            mend="Add the column, or say --column population.index_date=NAME.",
        )


def _of_cells(
    values: Sequence[PersonValues], inputs: LabInputs, *, by: Sequence[Sequence[str]], complete: CompletePeriods
) -> dict[str, pa.Table | None]:
    """Tables by the name of their file, of the cells that the crossings make."""
    people = inputs.population
    # Rolling periods overlap, and what overlaps has no total in a table.
    apart = [value for value in values if not rolls(value)]
    return {
        "table": counts(count_by(apart, population=people, by=by if apart else []), complete=complete),
        "survival": survival(values, population=people, by=by),
        "statistics": cell_statistics(values, population=people, by=by),
        "paths": paths(values, population=people, by=by),
        "package_days": package_days(values),
    }


def _of_persons(values: Sequence[PersonValues], persons: pa.Array) -> dict[str, pa.Table | None]:
    return {
        "per_person": per_person(values, persons=persons),
        "episodes": episodes(values, persons=persons),
        "times": times(values, persons=persons),
        "treatment_lines": treatment_lines(values, persons=persons),
        "drug_use_periods": drug_use_periods(values, persons=persons),
    }


def _proposed(inputs: LabInputs) -> list[list[str]]:
    """Each stratum that the set proposes and the population can be split by."""
    population, possible = inputs.population, set(inputs.population.strata)
    return [
        [spec]
        for spec in inputs.definition.stratify.by
        if spec in possible
        or (spec == "sex" and population.sex is not None)
        or (spec.startswith("age:") and population.birth_date is not None and population.index_date is not None)
        or (spec.startswith("index:") and population.index_date is not None)
    ]


def _write(table: pa.Table, stem: Path) -> list[Path]:
    as_parquet, as_csv = stem.with_suffix(".parquet"), stem.with_suffix(".csv")
    pq.write_table(table, as_parquet)
    pyarrow.csv.write_csv(table, as_csv)
    return [as_parquet, as_csv]


def _pairs(options: Sequence[str], *, option: str) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in options]
    if any(not name or not value for name, _, value in pairs):
        raise InputRefused(f"{option} is written NAME=VALUE.", mend=f"For instance {option} lmed=...")
    return [(name, value) for name, _, value in pairs]


def _by_register(options: Sequence[str]) -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = {}
    for place, column in _pairs(options, option="--column"):
        register, _, concept = place.partition(".")
        told.setdefault(register, {})[concept] = column
    return told


def _refuse_faulty_bands(by: Sequence[Sequence[str]]) -> None:
    for name in {name for crossing in by for name in crossing if name.startswith("age:")}:
        if fault := band_fault(name.removeprefix("age:")):
            raise InputRefused(f"--by {name} {fault[0]}", mend=fault[1])


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputRefused("--data-until names no date.", mend="Write it as lmed=2024-12-31.") from None
