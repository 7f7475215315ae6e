"""Checks the rules of an order's population against the registers: each register, column and code list they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from linkage.indicator_kinds.criteria import Criterion
from linkage.order import OrderDocument, OrderFault
from linkage.population_rules import Definition, PopulationRules, columns_read, needed_columns
from linkage.register_catalogue import RegisterDefinition
from linkage.register_variable import Role, Variable, VariableType

_DATES = (VariableType.DATE, VariableType.PARTIAL_DATE)
_HOSPITALS = "hospital"
"""Code system whose levels persons may be split by though they point out a workplace: hospitals are compared openly."""


def population_faults(document: OrderDocument, registers: Mapping[str, RegisterDefinition]) -> Iterator[OrderFault]:
    """Every fault of the population's rules.

    Args:
        registers: those that are held here, by name.
    """
    rules = document.population
    needed = needed_columns(rules)
    for name in sorted(needed):
        if name not in registers:
            known = ", ".join(sorted(registers))
            yield OrderFault("population", f"reads {name!r}, which is no register held here.", f"There is: {known}.")
        elif name not in document.registers:
            yield OrderFault("registers", f"lack {name!r}, which the population's rules read.", "Add it to registers.")
    for field, criterion in _named(rules):
        if criterion.register_name in registers:
            yield from criterion_faults(field, criterion, registers[criterion.register_name])
    if rules.defined is not None:
        yield from _strata_faults(rules.defined, registers)
        yield from _person_faults(document, rules.defined, registers)


def _named(rules: PopulationRules) -> Iterator[tuple[str, Criterion]]:
    """Each criterion with the field that it stands in."""
    if rules.defined is not None:
        lists: dict[str, Sequence[Criterion]] = {
            "all": rules.defined.all_of,
            "any": rules.defined.any_of,
            "none": rules.defined.none_of,
        }
        for name, criteria in lists.items():
            for at, one in enumerate(criteria):
                yield f"population.defined.{name}[{at}]", one
    if rules.index_event is not None:
        yield "population.index_event", rules.index_event
    for at, exclusion in enumerate(rules.exclude):
        yield f"population.exclude[{at}]", exclusion


def criterion_faults(field: str, criterion: Criterion, register: RegisterDefinition) -> Iterator[OrderFault]:
    """Every fault of a criterion, of a population or of an indicator, by the columns of its register."""
    held = _variables(register)
    for column in sorted(criterion.needed_columns - held.keys()):
        yield _no_column(field, column, register)
    date = held.get(criterion.date_column)
    if date is not None and date.type not in _DATES:
        yield OrderFault(f"{field}.date", f"is {date.column!r}, which holds no date.", f"There is: {_dates(register)}.")
    limited = [("where", limit.column) for limit in criterion.where]
    for part, column in [*(("columns", name) for name in criterion.code_columns), *limited]:
        if column in held and held[column].type is not VariableType.CODE:
            yield OrderFault(f"{field}.{part}", f"name {column!r}, which holds no codes.", "Name a column of codes.")
        elif column in held and _points_out(held[column]):
            # A population of one prescriber's patients, or of one company's product, tells about these.
            rule = f"name {column!r}, which points out a prescriber, a workplace or a company."
            yield OrderFault(f"{field}.{part}", rule, "Persons are not selected by it.")
    for name, wanted in (("age", VariableType.INTEGER), ("sex", VariableType.CODE)):
        limit = getattr(criterion, name)
        if limit is not None and limit.column in held and held[limit.column].type is not wanted:
            yield OrderFault(f"{field}.{name}", f"is read from {limit.column!r}, which does not tell it.", "Mend it.")


def _strata_faults(defined: Definition, registers: Mapping[str, RegisterDefinition]) -> Iterator[OrderFault]:
    for name, stratum in defined.strata.items():
        field = f"population.defined.strata.{name}"
        register = registers.get(stratum.register_name)
        if register is None:
            continue
        variable = _variables(register).get(stratum.column)
        if variable is None:
            yield _no_column(field, stratum.column, register)
        elif variable.many or variable.type is not VariableType.CODE or not _splits(variable):
            splitting = [one.column for one in register.variables if _splits(one) and not one.many]
            yield OrderFault(
                field, f"is {stratum.column!r}, which persons are not split by.", f"There is: {', '.join(splitting)}."
            )


def _splits(variable: Variable) -> bool:
    return variable.role is Role.DIMENSION or variable.code_system == _HOSPITALS


def _points_out(variable: Variable) -> bool:
    """Whether it tells of a prescriber, a workplace or a company; of hospitals nobody makes a secret."""
    return variable.role in (Role.PRESCRIBER, Role.COMPANY) and variable.code_system != _HOSPITALS


def _person_faults(
    document: OrderDocument, defined: Definition, registers: Mapping[str, RegisterDefinition]
) -> Iterator[OrderFault]:
    """Tables by sex or age need a register that tells them: nobody sent identity numbers."""
    read = columns_read(document.population)
    entering = {entry.register_name for entry in defined.entries}
    told = {column for name in entering if name in registers for column in _variables(registers[name])}
    for place, crossing in enumerate(document.by):
        for column in sorted({part.partition(":")[0] for part in crossing} & {"sex", "age"}):
            if column not in told & set().union(*(read[name] for name in entering)):
                yield OrderFault(
                    f"by[{place}]",
                    f"asks for {column}, which no register tells that persons enter the population by.",
                    "Leave it out, or enter by a register that tells it.",
                )


def _variables(register: RegisterDefinition) -> dict[str, Variable]:
    return {variable.column: variable for variable in register.variables if variable.role is not Role.PERSON}


def _no_column(field: str, column: str, register: RegisterDefinition) -> OrderFault:
    known = ", ".join(sorted(_variables(register)))
    return OrderFault(field, f"reads {column!r}, which {register.name} lacks.", f"There is: {known}.")


def _dates(register: RegisterDefinition) -> str:
    return ", ".join(one.column for one in register.variables if one.type in _DATES)
