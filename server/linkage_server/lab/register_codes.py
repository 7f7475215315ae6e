"""The distinct codes of a register with their names, from a plain file or from the store's own dictionaries.

No row of a person is read out: of the store the dictionaries of code columns, and of its newest segment which name
stands beside each code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage.code_lists import CodeList, load_code_lists
from linkage.code_systems import OF_CODE_SETS
from linkage.errors import InputRefused
from linkage.register_catalogue import RegisterDefinition, load_registers, shipped_registers
from linkage.register_variable import Variable
from linkage_server.lab.whole_files import read_table
from linkage_server.operations.home import HomeFolder
from linkage_server.registers.store import RegisterStore

ROW_CODES = "substitution"
"""What stands for a system where codes are the register's own."""

# The name of the substance; names of products point out a manufacturer, which is a company's secret.
_NAME_COLUMNS = {"atc": "subnamn"}


@dataclass(frozen=True, slots=True)
class RegisterCodes:
    """Distinct codes of one column.

    Args:
        system: as code sets name it.
        names: code as delivered -> its name, "" where nobody tells it.
    """

    register: str
    column: str
    system: str
    names: Mapping[str, str]


def codes_of_file(register: str, path: Path) -> list[RegisterCodes]:
    """Codes of a plain file, its columns found by the names that the register's definition accepts.

    Raises:
        InputRefused: the file cannot be read, or none of its columns holds codes.
    """
    table = read_table(path)
    by_lower = {name.lower(): name for name in table.column_names}
    found: list[RegisterCodes] = []
    for system, variable in _coded(shipped_registers().get(register)):
        names = [name for name in _accepted(variable) if name in by_lower]
        columns = [table[by_lower[name]] for name in (names if variable.many else names[:1])]
        if columns:
            titles = _titles(variable, load_code_lists())
            beside = by_lower.get(_NAME_COLUMNS.get(system, ""))
            told: dict[str, str] = {}
            for column in columns:
                told |= _named(_plain(column), _plain(table[beside]) if beside else None)
            found.append(_register_codes(register, variable.column, system, told, titles))
    if not found:
        raise InputRefused(f"{path.name}: no column holds codes of {register!r}.", mend="Mend --register NAME=FILE.")
    return found


def codes_of_home(home: Path) -> list[RegisterCodes]:
    """Codes of every register that a home folder serves."""
    folder = HomeFolder.open(home)
    store, definitions = RegisterStore(folder.store), load_registers(folder.definitions / "registers")
    lists = load_code_lists(folder.definitions / "codes")
    found: list[RegisterCodes] = []
    for register in store.registers():
        partitions = store.partitions(store.current(register))
        for system, variable in _coded(definitions.get(register)):
            told: dict[str, str] = {}
            for partition in partitions:
                if variable.column in partition.rows.schema.names:
                    told |= dict.fromkeys(_distinct(partition.rows.column(variable.column)), "")
            newest = partitions[-1].rows
            beside = _NAME_COLUMNS.get(system)
            if beside in newest.schema.names and variable.column in newest.schema.names:
                told |= _named(newest.column(variable.column), newest.column(beside))
            found.append(_register_codes(register, variable.column, system, told, _titles(variable, lists)))
    return found


def _coded(definition: RegisterDefinition | None) -> Iterable[tuple[str, Variable]]:
    systems = {name: system for system, names in OF_CODE_SETS.items() for name in names}
    for variable in definition.variables if definition else ():
        if variable.code_system in systems:
            yield systems[variable.code_system], variable
        elif variable.concept == ROW_CODES:
            yield ROW_CODES, variable


def _accepted(variable: Variable) -> list[str]:
    return [variable.column, *(name.lower() for name in variable.accepted_names())]


def _titles(variable: Variable, lists: Mapping[str, CodeList]) -> dict[str, str]:
    listed = lists.get(variable.code_system or "")
    titles = {code: one.title_sv for code, one in listed.codes.items()} if listed else {}
    return titles | {code.code: code.title.sv for code in variable.codes}


def _register_codes(
    register: str, column: str, system: str, told: Mapping[str, str], titles: Mapping[str, str]
) -> RegisterCodes:
    return RegisterCodes(register, column, system, {code: name or titles.get(code, "") for code, name in told.items()})


def _plain(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole.flatten() if pa.types.is_list(whole.type) else whole


def _distinct(column: pa.Array) -> list[str]:
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        column = column.values
    codes = column.dictionary if pa.types.is_dictionary(column.type) else pc.unique(column)
    return [code for code in codes.cast(pa.string()).to_pylist() if code]


def _named(codes: pa.Array, names: pa.Array | None) -> dict[str, str]:
    """Each code with the name that stands beside it in its first row."""
    coded = codes if pa.types.is_dictionary(codes.type) else codes.cast(pa.string()).dictionary_encode()
    if names is None or len(names) != len(codes):
        return dict.fromkeys(_distinct(coded), "")
    place = pc.fill_null(coded.indices.cast(pa.int64()), -1).to_numpy(zero_copy_only=False)
    first = np.full(len(coded.dictionary) + 1, -1, np.int64)
    # Written backwards, so that the first row is what stays; rows without a code share the place at the end.
    first[place[::-1]] = np.arange(len(place))[::-1]
    first = first[:-1]
    beside = names.take(pa.array(first, pa.int64(), mask=first < 0)).cast(pa.string()).to_pylist()
    texts = coded.dictionary.cast(pa.string()).to_pylist()
    return {text: name or "" for text, name, row in zip(texts, beside, first, strict=True) if text and row >= 0}
