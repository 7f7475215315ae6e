"""What can be ordered: the order file, the closed list of purposes, and the states an order goes through.

`load_order` finds every fault of a file at once, each with its field, the rule it breaks and the mend, so that an
order is mended in one go. Whether what it names exists (registers, indicator sets, policies) is the holder's to say:
see `linkage_server.orders`.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from linkage.errors import OrderRejected
from linkage.free_text import find_identity_number
from linkage.order_states import MOVES, OrderState, waits_for
from linkage.population_rules import Definition, PopulationRules
from linkage.toml_text import parse_toml

MAXIMUM_DOCUMENT_BYTES = 256 * 1024
MAXIMUM_CROSSINGS = 20
MAXIMUM_DIMENSIONS = 6

# SFS 2005:363 on the prescribed-drug register. Statistics, research and epidemiological studies were lawful from the
# start; SFS 2017:909 added the other three from 2018-01-01. See tests/unit/test_order.py.
_FROM_THE_START = date(2005, 7, 1)
_EXTENDED = date(2018, 1, 1)
PURPOSES: dict[str, date] = {
    "statistics": _FROM_THE_START,
    "research": _FROM_THE_START,
    "epidemiological studies": _FROM_THE_START,
    "follow-up": _EXTENDED,
    "evaluation": _EXTENDED,
    "quality assurance": _EXTENDED,
}

FORMATS = ("parquet", "csv", "json-stat", "xlsx", "px", "html")
AGE_BANDS = "age:<65,65-74,75-84,85+"
"""What "age" alone means."""
AGE_GROUP = "age_group"
"""Ages on 31 December of a period's year, of rates per inhabitant; bands may follow as in "age:"."""
ROW_PREFIX = "row:"
"""Begins the name of a row variable that an order's crossing is split by."""
INDEX_PERIODS = ("index:month", "index:quarter", "index:year")

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_STRATUM = re.compile(r"[a-zåäö][a-zåäö0-9_]{0,63}")
_BANDS = re.compile(r"(<\d{1,3}|\d{1,3}-\d{1,3}|\d{1,3}\+)(,(<\d{1,3}|\d{1,3}-\d{1,3}|\d{1,3}\+))*")
_POLICY = re.compile(r"[a-z][a-z0-9-]{0,63}@\d+\.\d+\.\d+")
# Column names of every released table: a stratum of that name would fall on top of them.
_RESERVED = frozenset(
    {"personnummer", "index_date", "index_month", "index_quarter", "index_year", "sex", "age", "indicator", "period"}
    | {"statistic", "value", "lower", "upper", "numerator", "denominator", "person_time", "status", "reason"}
    | {"parameters", "month", "quarter", "year", "calendar", "age_group"}
)

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]


@dataclass(frozen=True, slots=True)
class OrderFault:
    """One fault of an order file."""

    field: str
    rule: str
    mend: str

    def __str__(self) -> str:
        return f"{self.field}: {self.rule} {self.mend}".rstrip()


class OrderFaults(OrderRejected):
    """Every fault of an order file, in the order of its fields."""

    def __init__(self, faults: Iterable[OrderFault]) -> None:
        self.faults = tuple(faults)
        listed = "\n".join(f"  - {fault}" for fault in self.faults)
        super().__init__(
            f"the order has {len(self.faults)} fault{'s' if len(self.faults) > 1 else ''}:\n{listed}",
            facts={"faults": str(len(self.faults)), "fields": ", ".join(fault.field for fault in self.faults)},
        )


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class IndicatorChoice(_Part):
    """A shipped or held indicator set by name and version, or a set written out in the order itself."""

    set: Line | None = None
    version: Line | None = None
    # Ids of the set's indicators; all of them if not given.
    only: tuple[Line, ...] | None = None
    # TOML text of a whole set.
    inline: Annotated[str, StringConstraints(min_length=1)] | None = None

    @field_validator("only", mode="before")
    @classmethod
    def _as_tuple(cls, only: object) -> object:
        return tuple(only) if isinstance(only, list) else only

    @model_validator(mode="after")
    def _named_or_inline(self) -> IndicatorChoice:
        if self.inline is not None and (self.set is not None or self.version is not None):
            raise ValueError("is both named and written out.|Keep either set and version, or inline.")
        if self.inline is None and self.set is None:
            raise ValueError('names no set.|Write set = "..." and version = "...", or inline = """...""".')
        if self.inline is None and self.version is None:
            raise ValueError('names a set without its version.|Add version = "1.0.0", as the catalogue shows it.')
        if self.only is not None and not self.only:
            raise ValueError("chooses no indicator.|Name at least one in only, or leave only out for all.")
        return self


class PopulationOrder(PopulationRules):
    """Who the order is about: what the population file will hold beside the numbers, or the rules that define them.

    Beside either, rules may tell index days and exclusions; see `linkage.population_rules`.
    """

    model_config = ConfigDict(strict=True)

    # The file has a column of index dates.
    index_date: bool = False
    strata: tuple[str, ...] = ()
    # Day that resolves the century of ten-digit numbers; the day of the file if not given.
    reference_date: date | None = None

    @field_validator("strata", mode="before")
    @classmethod
    def _checked_strata(cls, strata: object) -> object:
        if not isinstance(strata, list | tuple):
            return strata
        for name in strata:
            if not isinstance(name, str) or not _STRATUM.fullmatch(name):
                raise ValueError("holds a name that is no column name.|Use lower-case letters, digits and _ .")
            if name in _RESERVED:
                raise ValueError(f"holds {name!r}, which the service names itself.|Give the column another name.")
        if len(set(strata)) != len(strata):
            raise ValueError("names a column twice.|Name each column once.")
        if len(strata) > 8:
            raise ValueError("names more than 8 columns.|Keep those that the tables need.")
        return tuple(strata)

    @field_validator("defined")
    @classmethod
    def _strata_of_registers(cls, defined: Definition | None) -> Definition | None:
        if taken := sorted(_RESERVED & (defined.strata.keys() if defined else set())):
            raise ValueError(f"has a stratum {taken[0]!r}, which the service names itself.|Give it another name.")
        return defined

    @model_validator(mode="after")
    def _sent_in_or_defined(self) -> PopulationOrder:
        if self.index_date and self.index_event is not None:
            raise ValueError("has an index date in its file and an index_event.|Keep one of them.")
        if self.defined is not None and (self.index_date or self.strata or self.reference_date):
            raise ValueError(
                "is defined, and says what a file holds.|Leave index_date, strata and reference_date out: a definition "
                "has its own index and strata."
            )
        return self

    @property
    def is_defined(self) -> bool:
        """Whether registers say who belongs to it, so that nobody sends a file."""
        return self.defined is not None

    @property
    def has_index_days(self) -> bool:
        """Whether its persons have index days, wherever they come from."""
        return self.index_date or self.defined is not None or self.index_event is not None

    @property
    def all_strata(self) -> tuple[str, ...]:
        """Strata of the file, or of the definition."""
        return self.strata if self.defined is None else tuple(self.defined.strata)


class Schedule(_Part):
    """When the order runs."""

    kind: Literal["once"] = "once"


class Contact(_Part):
    """Whom the register holder may ask."""

    name: Line
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$")]


class LegalBasis(_Part):
    """Why the orderer may process the answer."""

    text: Text
    # Approval of the ethics authority: number, date, scope. Research needs it.
    ethics: Text | None = None


class OrderDocument(_Part):
    """An order file that breaks no rule by itself."""

    title: Line
    purpose: str
    registers: tuple[str, ...]
    formats: tuple[str, ...] = ("parquet", "csv", "json-stat", "html")
    # "id@version"; the holder's standard policy if not given, never weaker than the holder's floor.
    policy: str | None = None
    indicators: tuple[IndicatorChoice, ...]
    population: PopulationOrder = PopulationOrder()
    # Each inner tuple is one crossing, published with all its margins. Empty: one total.
    by: tuple[tuple[str, ...], ...] = ()
    schedule: Schedule = Schedule()
    contact: Contact
    legal_basis: LegalBasis

    @field_validator("purpose", mode="before")
    @classmethod
    def _lawful_purpose(cls, purpose: object, info: ValidationInfo) -> object:
        if not isinstance(purpose, str):
            return purpose
        purpose = {"follow_up": "follow-up", "quality_assurance": "quality assurance"}.get(purpose, purpose)
        purpose = "epidemiological studies" if purpose == "epidemiological_studies" else purpose
        listed = ", ".join(PURPOSES)
        if purpose not in PURPOSES:
            raise ValueError(f"is not a lawful purpose.|Choose one of: {listed}.")
        ordered_on: date = (info.context or {}).get("ordered_on") or date.today()
        if ordered_on < PURPOSES[purpose]:
            raise ValueError(
                f"{purpose!r} is lawful from {PURPOSES[purpose]} (SFS 2017:909); the order is dated {ordered_on}."
                f"|Choose one of: {', '.join(word for word, since in PURPOSES.items() if since <= ordered_on)}."
            )
        return purpose

    @field_validator("registers", mode="before")
    @classmethod
    def _named_registers(cls, registers: object) -> object:
        return _words(registers, what="register", allowed=None)

    @field_validator("formats", mode="before")
    @classmethod
    def _known_formats(cls, formats: object) -> object:
        return _words(formats, what="format", allowed=FORMATS)

    @field_validator("policy")
    @classmethod
    def _policy_with_version(cls, policy: str | None) -> str | None:
        if policy is not None and not _POLICY.fullmatch(policy):
            raise ValueError('is not written as id@version.|Write for instance "standard@1.0.0".')
        return policy

    @field_validator("indicators", mode="before")
    @classmethod
    def _some_indicators(cls, indicators: object) -> object:
        if isinstance(indicators, list):
            if not indicators:
                raise ValueError("is empty.|Name at least one indicator set under [[indicators]].")
            return tuple(indicators)
        return indicators

    @field_validator("by", mode="before")
    @classmethod
    def _normalised_crossings(cls, by: object) -> object:
        if not isinstance(by, list | tuple):
            return by
        if by and all(isinstance(part, str) for part in by):
            by = [by]
        crossings = []
        for crossing in by:
            if not isinstance(crossing, list | tuple) or not all(isinstance(part, str) for part in crossing):
                raise ValueError('is not a list of lists of names.|Write for instance [["hospital"], ["sex", "age"]].')
            crossings.append(tuple(_normalised_dimension(part) for part in crossing))
        return tuple(dict.fromkeys(crossing for crossing in crossings if crossing))

    def canonical_form(self) -> bytes:
        """The order's meaning as bytes: the same for two files that only differ in layout."""
        content = self.model_dump(mode="json")
        if not self.population.read_registers:
            # An order that says nothing of this means what it meant before there was anything to say.
            for name in PopulationRules.model_fields:
                del content["population"][name]
        return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def canonical_sha256(self) -> str:
        """SHA-256 of the canonical form, hexadecimal."""
        return hashlib.sha256(self.canonical_form()).hexdigest()


def load_order(source: str | Path, *, ordered_on: date | None = None) -> OrderDocument:
    """Read an order file.

    Args:
        source: the TOML text itself, or the path of a file that holds it.
        ordered_on: the day of the order, against which the purpose is judged; today if not given.

    Raises:
        OrderFaults: with every fault of the file.
    """
    text = _read(source) if isinstance(source, Path) else source
    if len(text.encode()) > MAXIMUM_DOCUMENT_BYTES:
        raise _one_fault("the file", "is larger than 256 KiB.", "Refer to indicator sets by name instead of inline.")
    if line := find_identity_number(text):
        raise _one_fault(f"line {line}", "holds what looks like a personal identity number.", "Take it out.")
    try:
        content = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        line = getattr(error, "lineno", None)
        where = f"line {line}" if line else "the file"
        raise _one_fault(where, "is not valid TOML.", "Check quotes, brackets and doubled keys there.") from None
    if faults := list(_text_faults(content)):
        raise OrderFaults(faults)
    # The same day is used for all fields, and what is found later must not hide what is found here.
    try:
        document = OrderDocument.model_validate(content, context={"ordered_on": ordered_on})
    except ValidationError as error:
        faults = [_as_fault(detail) for detail in error.errors(include_url=False, include_input=False)]
        raise OrderFaults([*faults, *_faults_across(content)]) from None
    if faults := _faults_across(content):
        raise OrderFaults(faults)
    return document


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAXIMUM_DOCUMENT_BYTES + 1).decode("utf-8-sig")
    except FileNotFoundError:
        raise _one_fault("the file", "is not there.", f"Check the path {path}.") from None
    except UnicodeDecodeError:
        raise _one_fault("the file", "is not UTF-8 text.", "Save it as UTF-8.") from None
    except OSError:
        raise _one_fault("the file", "cannot be read.", f"Check that {path} is a readable file.") from None


def _text_faults(content: object, *, field: str = "") -> Iterator[OrderFault]:
    """Texts that must not be stored, as they read once quotes and escapes are resolved.

    Orders are shown, stored and logged; people do paste a patient's number into a title.
    """
    if isinstance(content, dict):
        for key, value in content.items():
            known = key if re.fullmatch(r"[a-z_]{1,64}", key) else "?"
            place = f"{field}.{known}".lstrip(".")
            yield from _text_faults(key, field=place)
            yield from _text_faults(value, field=place)
    elif isinstance(content, list):
        for index, value in enumerate(content):
            yield from _text_faults(value, field=f"{field}[{index}]")
    elif isinstance(content, str | int | float):
        text = str(content)
        if find_identity_number(text) is not None:
            yield OrderFault(field, "holds what looks like a personal identity number.", "Take it out.")
        if "\x00" in text:
            yield OrderFault(field, "holds a null character.", "Write plain text.")


def _faults_across(content: dict[str, Any]) -> list[OrderFault]:
    """Faults between fields. Works on the raw content, so that a fault elsewhere hides none of these."""
    faults: list[OrderFault] = []
    population = content.get("population")
    population = population if isinstance(population, dict) else {}
    strata, indexed = _declared(population)
    by = content.get("by")
    crossings = by if isinstance(by, list) else []
    if crossings and all(isinstance(part, str) for part in crossings):
        crossings = [crossings]
    if len(crossings) > MAXIMUM_CROSSINGS:
        mend = f"Keep at most {MAXIMUM_CROSSINGS}."
        faults.append(OrderFault("by", f"asks for {len(crossings)} crossings.", mend))
    for place, crossing in enumerate(crossings):
        names = [part for part in crossing if isinstance(part, str)] if isinstance(crossing, list) else []
        faults += _crossing_faults(f"by[{place}]", names, strata=strata, indexed=indexed)
    parts = [part for crossing in crossings if isinstance(crossing, list) for part in crossing if isinstance(part, str)]
    if len({_normalised_dimension(part) for part in parts if part.split(":")[0] in ("age", AGE_GROUP)}) > 1:
        # One table has one column of age; and two cuts of one age would publish narrower bands than either, as would
        # ages on two days.
        faults.append(OrderFault("by", "asks for two sets of age bands.", "Use the same bands in every crossing."))
    basis = content.get("legal_basis")
    if content.get("purpose") == "research" and isinstance(basis, dict) and not basis.get("ethics"):
        mend = "Add ethics with the approval's number, date and scope."
        faults.append(OrderFault("legal_basis.ethics", "is missing, and research needs it (2003:460).", mend))
    return faults


def _declared(population: dict[str, Any]) -> tuple[set[str], bool]:
    """Names of the strata of a population as written, and whether it has index days."""
    defined = population.get("defined")
    if isinstance(defined, dict):
        told = defined.get("strata")
        return {name for name in told if isinstance(name, str)} if isinstance(told, dict) else set(), True
    declared = population.get("strata")
    strata = {name for name in declared if isinstance(name, str)} if isinstance(declared, list) else set()
    return strata, population.get("index_date") is True or isinstance(population.get("index_event"), dict)


def _crossing_faults(field: str, names: list[str], *, strata: set[str], indexed: bool) -> list[OrderFault]:
    faults: list[OrderFault] = []
    if len(names) > MAXIMUM_DIMENSIONS:
        faults.append(OrderFault(field, f"crosses {len(names)} dimensions.", f"Cross at most {MAXIMUM_DIMENSIONS}."))
    columns = [name.split(":")[0] if not name.startswith(ROW_PREFIX) else name for name in names]
    if len(set(columns)) != len(columns):
        faults.append(OrderFault(field, "names a dimension twice.", "Name each dimension once in a crossing."))
    for name in names:
        if name in INDEX_PERIODS:
            if not indexed:
                mend = "Set index_date = true under [population], or leave the period out."
                faults.append(OrderFault(field, f"asks for {name!r}, but the population has no index date.", mend))
        elif name in {"sex", "age", AGE_GROUP} or name.startswith(ROW_PREFIX):
            continue
        elif name.split(":")[0] in ("age", AGE_GROUP):
            if fault := band_fault(name.split(":", 1)[1]):
                faults.append(OrderFault(field, *fault))
        elif name not in strata:
            mend = "Declare the column under [population] strata, or use sex, age:BANDS, index:month or row:VARIABLE."
            faults.append(OrderFault(field, "names a dimension that is not declared.", mend))
    return faults


def band_fault(bands: str) -> tuple[str, str] | None:
    """What is wrong with the bands of "age:BANDS", and its mend.

    They must rise and leave nobody out between them; the first may be open below, the last above.
    """
    mend = "Write for instance age:<65,65-74,75-84,85+ ."
    if not _BANDS.fullmatch(bands):
        return "has age bands that cannot be read.", mend
    edges: list[tuple[int, int]] = []
    for band in bands.split(","):
        if band.startswith("<"):
            edges.append((0, int(band[1:])))
        elif band.endswith("+"):
            edges.append((int(band[:-1]), 1000))
        else:
            low, high = band.split("-")
            edges.append((int(low), int(high) + 1))
    if any(low >= high for low, high in edges) or any(edges[i][1] != edges[i + 1][0] for i in range(len(edges) - 1)):
        return "has age bands that overlap, fall or leave a gap.", mend
    return None


def _normalised_dimension(name: str) -> str:
    name = name.strip()
    return (
        AGE_BANDS if name == "age" else re.sub(r"\s+", "", name) if name.startswith(("age:", f"{AGE_GROUP}:")) else name
    )


def _words(given: object, *, what: str, allowed: tuple[str, ...] | None) -> object:
    if not isinstance(given, list | tuple):
        return given
    if not given:
        raise ValueError(f"is empty.|Name at least one {what}.")
    for word in given:
        if not isinstance(word, str) or not _WORD.fullmatch(word):
            raise ValueError(f"holds something that is no name of a {what}.|Use the names of the catalogue.")
        if allowed is not None and word not in allowed:
            raise ValueError(f"holds a {what} that is not known.|Choose among: {', '.join(allowed)}.")
    return tuple(dict.fromkeys(given))


# Any: pydantic's error details.
def _as_fault(detail: Any) -> OrderFault:
    places = [f"[{place}]" if isinstance(place, int) else f".{place}" for place in detail["loc"]]
    field = "".join(places).lstrip(".") or "the order"
    kind = detail["type"]
    if kind == "missing":
        return OrderFault(field, "is missing.", f"Add {field.rsplit('.', maxsplit=1)[-1]} to the order.")
    if kind == "extra_forbidden":
        # The name is the orderer's own text: shown only where it looks like a field's name.
        known = field if re.fullmatch(r"[a-z_.\[\]0-9]{1,64}", field) and not re.search(r"\d{6}", field) else "a field"
        return OrderFault(known, "is not a field of an order.", "Check its spelling, or take it out.")
    if kind == "value_error":
        rule, _, mend = str(detail["ctx"]["error"]).partition("|")
        return OrderFault(field, rule, mend or "Write the field as the rule says.")
    if kind == "literal_error":
        return OrderFault(field, "is not among the choices.", f"Choose {detail['ctx']['expected']}.")
    if kind == "string_pattern_mismatch":
        if detail["loc"][0] == "population":
            return OrderFault(field, "is no name or code.", "Write lower-case names, and codes without dot or star.")
        return OrderFault(field, "is not an e-mail address.", "Write name@organisation.se .")
    if kind in _BOUNDS:
        return OrderFault(field, "is out of bounds.", f"It should be {_BOUNDS[kind]} {_bound(detail)}.")
    if kind in {"string_too_short", "string_too_long"}:
        return OrderFault(field, "is empty or too long.", "Write one line of text.")
    return OrderFault(field, "is of the wrong type.", f"It should be {_type_of(kind)}.")


def _type_of(kind: str) -> str:
    return kind.removesuffix("_type").removesuffix("_parsing").removesuffix("_from_datetime").replace("_", " ")


_BOUNDS = {
    "greater_than_equal": "at least",
    "less_than_equal": "at most",
    "too_long": "a list of at most",
    "too_short": "a list of at least",
}


# Any: pydantic's error details.
def _bound(detail: Any) -> str:
    names = ("ge", "le", "max_length", "min_length")
    return next(str(detail["ctx"][name]) for name in names if name in detail["ctx"])


def _one_fault(field: str, rule: str, mend: str) -> OrderFaults:
    return OrderFaults([OrderFault(field, rule, mend)])


__all__ = [
    "FORMATS",
    "INDEX_PERIODS",
    "MOVES",
    "PURPOSES",
    "Contact",
    "IndicatorChoice",
    "LegalBasis",
    "OrderDocument",
    "OrderFault",
    "OrderFaults",
    "OrderState",
    "PopulationOrder",
    "Schedule",
    "load_order",
    "waits_for",
]
