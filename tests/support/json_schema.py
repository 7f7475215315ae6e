"""A validator for the part of JSON Schema that our own schemas use; an unknown keyword is an error of the test."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}
_ANNOTATIONS = {"title", "description", "default", "format", "discriminator", "$schema", "$defs"}


def complaints(value: Any, schema: dict[str, Any]) -> list[str]:
    """What is wrong with a value, as place and rule; empty where it is valid."""
    return list(_complaints(value, schema, schema, "set"))


def _complaints(value: Any, shape: dict[str, Any], root: dict[str, Any], place: str) -> Iterator[str]:
    if unknown := shape.keys() - _ANNOTATIONS - _RULES.keys() - {"$ref"}:
        raise NotImplementedError(f"{place}: {sorted(unknown)}")
    if "$ref" in shape:
        yield from _complaints(value, root["$defs"][shape["$ref"].rpartition("/")[2]], root, place)
    for rule, check in _RULES.items():
        if rule in shape:
            yield from check(value, shape, root, place)


def _type(value: Any, shape: dict[str, Any], _root: Any, place: str) -> Iterator[str]:
    if not _TYPES[shape["type"]](value):
        yield f"{place}: type"


def _properties(value: Any, shape: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    for name, content in value.items() if isinstance(value, dict) else ():
        if name in shape["properties"]:
            yield from _complaints(content, shape["properties"][name], root, f"{place}.{name}")


def _additional(value: Any, shape: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    known = shape.get("properties", {}).keys()
    patterns = shape.get("patternProperties", {})
    for name in value if isinstance(value, dict) else ():
        if name not in known and not any(re.search(pattern, name) for pattern in patterns):
            if shape["additionalProperties"] is False:
                yield f"{place}.{name}: unknown"
            elif isinstance(shape["additionalProperties"], dict):
                yield from _complaints(value[name], shape["additionalProperties"], root, f"{place}.{name}")


def _patterns(value: Any, shape: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    for pattern, content in shape["patternProperties"].items():
        for name in value if isinstance(value, dict) else ():
            if re.search(pattern, name):
                yield from _complaints(value[name], content, root, f"{place}.{name}")


def _required(value: Any, shape: dict[str, Any], _root: Any, place: str) -> Iterator[str]:
    yield from (
        f"{place}.{name}: missing" for name in shape["required"] if isinstance(value, dict) and name not in value
    )


def _items(value: Any, shape: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from _complaints(item, shape["items"], root, f"{place}[{number}]")


def _any_of(value: Any, shape: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    if all(list(_complaints(value, part, root, place)) for part in shape["anyOf"]):
        yield f"{place}: none of its forms"


def _one_of(value: Any, shape: dict[str, Any], root: Any, place: str) -> Iterator[str]:
    key = shape["discriminator"]["propertyName"]
    chosen = shape["discriminator"]["mapping"].get(value.get(key)) if isinstance(value, dict) else None
    if chosen is None:
        yield f"{place}.{key}: unknown"
    else:
        yield from _complaints(value, {"$ref": chosen}, root, place)


def _bound(rule: str, fits: Callable[[Any, Any], bool]) -> Any:
    def check(value: Any, shape: dict[str, Any], _root: Any, place: str) -> Iterator[str]:
        if not fits(value, shape[rule]):
            yield f"{place}: {rule}"

    return check


def _number(fits: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, bound: not _TYPES["number"](value) or fits(value, bound)


def _list(fits: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda value, bound: not isinstance(value, list | dict) or fits(len(value), bound)


# Any: rules of JSON values.
_RULES: dict[str, Any] = {
    "type": _type,
    "properties": _properties,
    "patternProperties": _patterns,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "enum": _bound("enum", lambda value, known: value in known),
    "const": _bound("const", lambda value, known: value == known),
    "pattern": _bound("pattern", lambda value, text: not isinstance(value, str) or bool(re.search(text, value))),
    "minimum": _bound("minimum", _number(lambda value, bound: value >= bound)),
    "maximum": _bound("maximum", _number(lambda value, bound: value <= bound)),
    "exclusiveMinimum": _bound("exclusiveMinimum", _number(lambda value, bound: value > bound)),
    "exclusiveMaximum": _bound("exclusiveMaximum", _number(lambda value, bound: value < bound)),
    "minLength": _bound("minLength", lambda value, bound: not isinstance(value, str) or len(value) >= bound),
    "maxLength": _bound("maxLength", lambda value, bound: not isinstance(value, str) or len(value) <= bound),
    "minItems": _bound("minItems", _list(lambda value, bound: value >= bound)),
    "maxItems": _bound("maxItems", _list(lambda value, bound: value <= bound)),
    "minProperties": _bound("minProperties", _list(lambda value, bound: value >= bound)),
    "maxProperties": _bound("maxProperties", _list(lambda value, bound: value <= bound)),
}
