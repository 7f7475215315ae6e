"""Writes docs/manual/tables.md from the code: exit codes, indicator kinds, permits, log events.

python docs/manual/write_tables.py          writes the page
python docs/manual/write_tables.py --check  exits with 1 if the page is not fresh
"""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from linkage import errors, indicator_definition, indicator_kinds, population_rules
from linkage.indicator_kinds import concurrent, criteria, dose_limits
from linkage_server.access.permits import PERMITS, Role
from linkage_server.operations.logs import EVENTS
from linkage_server.settings import Settings

PAGE = Path(__file__).with_name("tables.md")

_EXIT_WORDS = {
    0: "done",
    1: "a bug of ours",
    2: "the command line is not as agreed",
    3: "input refused",
    4: "not permitted, or not known",
    5: "not found",
    6: "conflict with what is there",
    7: "the service is not there, is full or is ill",
    8: "no answer in time",
    130: "stopped with Ctrl-C (`linkage`)",
}
_KINDS = get_args(get_args(indicator_kinds.Indicator)[0])
_PARTS = (
    indicator_kinds.Window,
    indicator_kinds.Observation,
    indicator_kinds.DrugUseModel,
    indicator_kinds.DateWindow,
    indicator_kinds.PackageDays,
    indicator_kinds.DrugDays,
    indicator_kinds.Calendar,
    indicator_kinds.RollingCalendar,
    indicator_kinds.Washout,
    indicator_kinds.ObservedFrom,
    indicator_kinds.IntensityThreshold,
    indicator_kinds.AnchoredWindow,
    indicator_kinds.SlidingWindows,
    indicator_kinds.EpisodeWindows,
    indicator_kinds.Outcome,
    indicator_kinds.ByReason,
    concurrent.DrugWeight,
    concurrent.InteractingPair,
    concurrent.Diagnosis,
    dose_limits.DoseLimit,
    indicator_kinds.CodeSet,
    indicator_kinds.SupplyModel,
    indicator_kinds.Target,
    indicator_kinds.Standard,
    indicator_definition.Exits,
)

_RULES = (
    population_rules.PopulationRules,
    population_rules.Definition,
    population_rules.Entry,
    population_rules.Barrier,
    population_rules.IndexEvent,
    population_rules.Exclusion,
    population_rules.Period,
    population_rules.DayWindow,
    population_rules.RegisterStratum,
    criteria.AgeLimits,
    criteria.SexLimit,
    criteria.CodeLimit,
)


def page() -> str:
    """The whole page."""
    parts = [
        "# Tables",
        "",
        "<!-- Written from the code by docs/manual/write_tables.py. Change the code, then run it. -->",
        "",
        *_exit_codes(),
        *_kinds(),
        *_population_rules(),
        *_settings(),
        *_permits(),
        *_events(),
    ]
    return "\n".join(parts) + "\n"


def _exit_codes() -> list[str]:
    refusals: dict[int, list[str]] = {}
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.LinkageError) and kind is not errors.LinkageError:
            refusals.setdefault(kind.exit_code, []).append(f"`{name}`")
    lines = ["## Exit codes", "", "| code | means | errors of the Python API |", "|---|---|---|"]
    lines += [f"| {code} | {words} | {', '.join(refusals.get(code, []))} |" for code, words in _EXIT_WORDS.items()]
    return [*lines, ""]


def _kinds() -> list[str]:
    shared = set(indicator_kinds.IndicatorBase.model_fields)
    lines = ["## Indicator kinds", "", "### Every kind", "", *_fields(indicator_kinds.IndicatorBase)]
    for kind in _KINDS:
        own = {name for name in kind.model_fields if name != "kind" and name not in shared}
        own |= {"register_name"} if kind.model_fields["register_name"].is_required() else set()
        (word,) = get_args(kind.model_fields["kind"].annotation)
        lines += [f"### `{word}`", "", _first_line(kind), "", *_fields(kind, only=own)]
    lines += ["## Parts of a set", ""]
    for part in _PARTS:
        lines += [f"### {part.__name__}", "", _first_line(part), "", *_fields(part)]
    return lines


def _population_rules() -> list[str]:
    lines = ["## Rules of a population", "", "Fields of [population] in an order; see defined-populations.md.", ""]
    for part in _RULES:
        lines += [f"### {part.__name__}", "", _first_line(part), "", *_fields(part)]
    return lines


def _fields(model: type[BaseModel], *, only: set[str] | None = None) -> list[str]:
    schema = model.model_json_schema(by_alias=True)
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    lines = ["| field | value | default |", "|---|---|---|"]
    for field, shape in schema["properties"].items():
        if only is None or names[field] in only:
            default = "required" if field in schema.get("required", []) else _default(model, names[field])
            lines.append(f"| `{field}` | {_value(shape)} | {default} |")
    return [*lines, ""]


def _default(model: type[BaseModel], name: str) -> str:
    default = model.model_fields[name].get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        default = default.model_dump(mode="json", by_alias=True)
    if default in (None, "", []) or (isinstance(default, dict) and not any(default.values())):
        return "none"
    return f"`{json.dumps(default, ensure_ascii=False)}`"


# Any: a JSON schema.
def _value(shape: dict[str, Any]) -> str:
    if "$ref" in shape:
        return f"table {shape['$ref'].rpartition('/')[2]}"
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return ", ".join(f"`{choice}`" for choice in shape["enum"])
    if "anyOf" in shape:
        return " or ".join(_value(part) for part in shape["anyOf"] if part.get("type") != "null")
    if shape.get("type") == "array":
        return f"list of {_value(shape['items'])}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true, false"}
    if shape.get("format") == "date":
        return "date"
    low, high = shape.get("minimum", shape.get("exclusiveMinimum")), shape.get("maximum")
    bounds = f" {low} to {high}" if high is not None else f" from {low}" if low is not None else ""
    return words.get(str(shape.get("type")), str(shape.get("type", "any"))) + bounds


def _settings() -> list[str]:
    lines = ["## Settings", "", "| field of settings.toml | value | default |", "|---|---|---|"]
    for section, field in Settings.model_fields.items():
        model = field.annotation
        assert model is not None, "settings are made of sections"
        shapes = model.model_json_schema()["properties"]
        lines += [f"| `{section}.{name}` | {_value(shapes[name])} | {_default(model, name)} |" for name in shapes]
    return [*lines, ""]


def _permits() -> list[str]:
    lines = ["## Permits", "", "What is not in the table is refused.", ""]
    lines += [f"| method | {' | '.join(Role)} |", "|---" * (len(Role) + 1) + "|"]
    for method, roles in PERMITS.items():
        lines.append(f"| `{method}` | {' | '.join('yes' if role in roles else '' for role in Role)} |")
    return [*lines, ""]


def _events() -> list[str]:
    lines = ["## Log events", "", "| event | fields |", "|---|---|"]
    lines += [
        f"| `{event}` | {', '.join(f'`{field}`' for field in sorted(fields))} |" for event, fields in EVENTS.items()
    ]
    return lines


def _first_line(model: type[BaseModel]) -> str:
    return " ".join((inspect.getdoc(model) or "").split("\n\n")[0].split())


def main() -> int:
    """Write the page, or say whether it is fresh."""
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
