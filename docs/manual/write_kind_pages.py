"""Writes docs/manual/kinds: one page for each kind of indicator, with a worked example that the core evaluates.

python docs/manual/write_kind_pages.py          writes the pages
python docs/manual/write_kind_pages.py --check  exits with 1 if one is not fresh, missing or too many

Words come from linkage/definitions/kinds/KIND.toml and linkage/field_words.py, parameters from the class of the kind.
"""

from __future__ import annotations

import inspect
import runpy
import sys
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from linkage import indicator_kinds
from linkage.field_words import words_of
from linkage.kind_words import KindWords, example_set, kind_words
from linkage.register_catalogue import shipped_registers
from linkage_server.examples.draw_text import as_text
from linkage_server.examples.worked_example import WorkedExample, worked_example
from linkage_server.release.wording import parameters_title

FOLDER = Path(__file__).with_name("kinds")
_TABLES = runpy.run_path(str(Path(__file__).with_name("write_tables.py")))
_FRESH = "<!-- Written by docs/manual/write_kind_pages.py: change the kind's words or its class, then run it. -->"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def pages() -> dict[str, str]:
    """Every page by file name; a kind without words has none."""
    models = {get_args(kind.model_fields["kind"].annotation)[0]: kind for kind in _kinds()}
    known = {name: words for name, words in kind_words().items() if name in models}
    found = {f"{name}.md": _page(name, words, models[name]) for name, words in known.items()}
    return {"README.md": _index(known), **found}


def _kinds() -> tuple[type[indicator_kinds.IndicatorBase], ...]:
    return get_args(get_args(indicator_kinds.Indicator)[0])


def _index(known: dict[str, KindWords]) -> str:
    lines = [
        "# Kinds of indicators",
        "",
        _FRESH,
        "",
        "What each kind computes, its parameters, edge cases, and an example to check by hand. The examples are of",
        "five made-up persons; what stands in their tables was evaluated by the core when the page was written, and a",
        "test holds the pages to it.",
        "",
        "| kind | answers | svarar på |",
        "|---|---|---|",
        *(f"| [`{name}`]({name}.md) | {words.title.en} | {words.title.sv} |" for name, words in sorted(known.items())),
    ]
    return "\n".join(lines) + "\n"


def _page(name: str, words: KindWords, model: type[BaseModel]) -> str:
    definition = example_set(name)
    (indicator,) = definition.indicators
    example = worked_example(definition, indicator, registers=shipped_registers())
    parts = [
        f"# `{name}`: {words.title.en}",
        "",
        _FRESH,
        "",
        *_documentation(model),
        f"**Formula.** {words.formula.en}",
        "",
        f"**Formel ({words.title.sv}).** {words.formula.sv}",
        "",
        "## Parameters",
        "",
        *_parameters(model),
        "## Edge cases",
        "",
        *(f"- {case}" for case in words.edge_cases),
        "",
        "## Worked example",
        "",
        "```toml",
        words.example.strip(),
        "```",
        "",
        *(_worked(example) if example is not None else _without_persons()),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _documentation(model: type[BaseModel]) -> list[str]:
    paragraphs = (inspect.getdoc(model) or "").split("\n\n")
    return [line for paragraph in paragraphs for line in (" ".join(paragraph.split()), "")]


def _parameters(model: type[BaseModel]) -> list[str]:
    shared = set(indicator_kinds.IndicatorBase.model_fields)
    shape = model.model_json_schema(by_alias=True)
    lines = ["| field | means | value | default |", "|---|---|---|---|"]
    for name, info in model.model_fields.items():
        field = info.alias or name
        if name == "kind" or (name in shared and not info.is_required()) or field in ("id",):
            continue
        entry: dict[str, Any] = shape["properties"][field]
        means = next((found for one in model.__mro__ if (found := words_of(one.__name__, field))), "")
        default = "required" if field in shape.get("required", []) else _TABLES["_default"](model, name)
        lines.append(f"| `{field}` | {means} | {_TABLES['_value'](entry)} | {default} |")
    return [
        *lines,
        "",
        "Fields that every kind has, and tables such as `window`: [tables.md](../tables.md#every-kind).",
        "",
    ]


def _worked(example: WorkedExample) -> list[str]:
    points = list(zip(_LETTERS, example.points, strict=False))
    return [
        "What the registers hold (days from day 0, the index day; a dispensing is a package of 98 tablets, one a day,",
        "unless the table says otherwise):",
        "",
        "| person | day | register | code | packages |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(map(str, row))} |" for row in sorted(example.rows, key=lambda row: (row[0], row[1]))),
        "",
        "```text",
        as_text(example).rstrip("\n"),
        "```",
        "",
        f"| person | {' | '.join(letter for letter, _ in points)} |",
        "|---" * (len(points) + 1) + "|",
        *(f"| {person.name} | {' | '.join(person.outcomes)} |" for person in example.persons),
        "",
        *(
            f"- {letter}: {parameters_title(point) or 'the value'} (`{point or 'no parameter'}`)"
            for letter, point in points
        ),
    ]


def _without_persons() -> list[str]:
    return ["The kind tells nothing of single persons, or reads a register that does not come with the program."]


def stale() -> list[str]:
    """Names of pages that are not fresh, missing, or of no kind."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def main() -> int:
    """Write the pages, or say which are not fresh."""
    if "--check" in sys.argv[1:]:
        found = stale()
        sys.stdout.writelines(f"{name} is not fresh\n" for name in found)
        return 1 if found else 0
    FOLDER.mkdir(exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
