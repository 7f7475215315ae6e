"""A real service on loopback for the benchmarks: a home folder, a process that serves it, an enrolled client."""

from __future__ import annotations

from pathlib import Path

from linkage_server.assembly import Service, create_home
from linkage_server.operations.machine import free_port
from linkage_server.settings import settings_of_a_trial
from tests.support.loaded_service import LoadedService

ORGANISATION = "heart-register"

PREAPPROVAL = f"""
id = "benchmark"
version = "1.0.0"

[title]
sv = "Mätning"
en = "Benchmark"

[decision]
decider = "The benchmark"
decided_on = 2020-01-01
valid_until = 2098-12-31
exception = "OSL 24:8 statistics"
no_harm = true
reasoning = "Made-up persons only: nobody is harmed by a table of nobody."

[allows]
organisations = ["{ORGANISATION}"]
purposes = ["quality assurance"]
registers = ["dispensings"]
sets = ["benchmark@1.0.0"]
strata = ["hospital"]
dimensions = ["hospital", "sex"]
maximum_crossing = 2
maximum_crossings = 2
policies = ["standard@1.0.0"]
minimum_persons = 1000
"""

REGISTER = """
name = "dispensings"
version = "1.0.0"
title = { sv = "Uttag", en = "Dispensings" }
holder = "Nobody"
person_format = "personnummer"
event_date = "edatum"

[description]
sv = "Det en läkemedelsfråga behöver."
en = "What a question about drugs needs."

[coverage]
first_day = 2098-07-01
period = "month"
"""

VARIABLES = (
    ("personnummer", 'source_names = ["personnummer"]', 'type = "string"', 'role = "person"', "filled = true"),
    ("edatum", 'source_names = ["EDATUM"]', 'type = "date"', 'role = "date"', 'concept = "dispensing_date"'),
    ("atc", 'source_names = ["ATC"]', 'type = "code"', 'role = "dimension"', 'concept = "atc"', 'code_system = "atc"'),
    (
        "antal", 'source_names = ["ANTAL"]', 'type = "decimal"', "scale = 100", 'role = "measure"',
        'concept = "packages"',
    ),
    (
        "forpddd", 'source_names = ["forpddd"]', 'type = "decimal"', "scale = 100", 'role = "measure"',
        'concept = "ddd_per_package"',
    ),
)  # fmt: skip


def make_home(root: Path, *, indicators: str) -> Service:
    """A home folder with a register of dispensings, an indicator set and a policy that approves orders of it at once.

    Args:
        root: where it goes.
        indicators: TOML text of the set `benchmark@1.0.0`.
    """
    text = settings_of_a_trial(free_port()).replace("disk_reserve_bytes = 1073741824", "disk_reserve_bytes = 0")
    service = create_home(root, settings_text=text, holder_title="Made-up authority", hosts=())
    for folder, content in (("registers", _register()), ("indicators", indicators), ("preapprovals", PREAPPROVAL)):
        (root / "definitions" / folder).mkdir(parents=True, exist_ok=True)
        (root / "definitions" / folder / "benchmark.toml").write_text(content)
    return service


def served(root: Path) -> LoadedService:
    """The service of a home folder in a process of its own, serving."""
    service = LoadedService(root)
    service.start()
    return service


def _register() -> str:
    title = 'title = { sv = "Uppgift", en = "Variable" }\nrequired = true'
    variables = ("\n".join(["[[variables]]", f'name = "{name}"', title, *rest]) for name, *rest in VARIABLES)
    return "\n\n".join([REGISTER, *variables])
