"""JSON Schema of an indicator set as people write it, for editors: fields, defaults, choices, and a word on each.

Written from the models, so that it never says anything else than what is accepted; what a model only accepts on its way
in (one value for a list of one, `atc_include`, a number for a span of days) is added here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, BeforeValidator

from linkage.field_words import words_of
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import CodeSet
from linkage.indicator_kinds.common import as_list
from linkage.indicator_kinds.time_windows import TimeSpan

# Any: a JSON schema.
Schema = dict[str, Any]

_SPAN_READER = next(one.func for one in get_args(TimeSpan) if isinstance(one, BeforeValidator))
_FILLED_IN = {"Criterion": ("register", "date"), "InRegisters": ("register",)}
"""Fields that a model fills in before it asks for them."""


def indicator_set_schema() -> Schema:
    """The schema, as draft 2020-12."""
    schema = IndicatorSet.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    models = {model.__name__: model for model in _models(IndicatorSet)}
    for name, shape in [("IndicatorSet", schema), *definitions.items()]:
        _complete(name, shape, models[name])
    _codes(definitions["CodeSet"])
    death = definitions["Exits"]["properties"]["death"]
    death["anyOf"] = [part for part in death["anyOf"] if part.get("type") != "null"] + [{"const": False}]
    if "SexLimit" in definitions:
        _also(definitions["Criterion"]["properties"]["sex"], {"enum": ["man", "woman"]})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Indicator set of Linkage",
        "description": "Codes, supply models and indicators of one versioned set, as a TOML file.",
    }


def schema_text() -> str:
    """The schema as a file."""
    return json.dumps(indicator_set_schema(), ensure_ascii=False, indent=1) + "\n"


def _complete(name: str, shape: Schema, model: type[BaseModel]) -> None:
    shape["description"] = " ".join(shape.get("description", "").split())
    for field, info in model.model_fields.items():
        written = info.alias or field
        entry = shape["properties"][written]
        functions = [one.func for one in info.metadata if isinstance(one, BeforeValidator)]
        functions += [one.func for one in _inner(info.annotation) if isinstance(one, BeforeValidator)]
        if as_list in functions:
            _one_or_many(entry)
        if _SPAN_READER in functions:
            _also(entry, {"type": "integer"})
        if words := next((found for one in model.__mro__ if (found := words_of(one.__name__, written))), ""):
            entry["description"] = words
    if model.__name__ in _FILLED_IN and "required" in shape:
        shape["required"] = [one for one in shape["required"] if one not in _FILLED_IN[name]]


# Any: a type annotation.
def _inner(annotation: Any) -> Iterator[object]:
    for part in get_args(annotation):
        yield part
        yield from _inner(part)


def _one_or_many(entry: Schema) -> None:
    if entry.get("type") == "object":
        for values in [entry.get("additionalProperties"), *entry.get("patternProperties", {}).values()]:
            if isinstance(values, dict):
                _one_or_many(values)
    elif entry.get("type") == "array":
        many = {key: entry.pop(key) for key in ("type", "items", "minItems", "maxItems") if key in entry}
        entry["anyOf"] = [many["items"], many]


def _also(entry: Schema, other: Schema) -> None:
    """Accept one more form beside what is there."""
    if "anyOf" in entry:
        entry["anyOf"].append(other)
        return
    kept = {key: entry.pop(key) for key in ("type", "pattern", "$ref") if key in entry}
    entry["anyOf"] = [kept, other]


def _codes(shape: Schema) -> None:
    """A code set is mostly written with the name of its system in its keys."""
    systems = get_args(CodeSet.model_fields["system"].annotation)
    parts = {part: shape["properties"][part] for part in ("include", "exclude")}
    for system in systems:
        for part, plain in parts.items():
            words = f"{plain['description'].rstrip('.')}, of {system.upper()}."
            shape["properties"][f"{system}_{part}"] = {
                key: value for key, value in plain.items() if key not in ("title", "default")
            } | {"description": words}
    shape.pop("required", None)
    shape["anyOf"] = [{"required": [f"{system}_include"]} for system in systems] + [{"required": ["system", "include"]}]


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model and all that its fields are made of."""
    seen: dict[str, type[BaseModel]] = {}
    waiting: list[type[BaseModel]] = [model]
    while waiting:
        one = waiting.pop()
        if one.__name__ not in seen:
            seen[one.__name__] = one
            for info in one.model_fields.values():
                found = [info.annotation, *_inner(info.annotation)]
                waiting += [part for part in found if isinstance(part, type) and issubclass(part, BaseModel)]
    yield from seen.values()
