"""One example of every indicator kind, for tests that hold whatever the kind: laws, chunks, bad persons.

A new kind needs an entry in `EXAMPLES`: bodies of [[indicator]] without `id` and `kind`, over the code sets and supply
models of `HEADER` and the columns of `tests/support/random_persons.py` (add a column there if the kind needs another).
Dates are written <day N>, N days after 1 January 2020, so that they can be shifted. `breaks` names laws of
tests/generative/test_laws_of_every_kind.py that a kind does not obey, each with the reason; think twice before adding
one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import get_args

from linkage.indicator_definition import IndicatorSet, load_indicator_set
from linkage.indicator_kinds import Indicator

KINDS: tuple[str, ...] = tuple(
    get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(Indicator)[0])
)
"""Every kind there is."""

HEADER = """
[set]
id = "every-kind"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.asa]
atc_include = ["B01AC06", "B01AC34"]
[codes.p2y12]
atc_include = ["B01AC04", "B01AC34"]
[codes.psychotropic]
atc_include = ["N05", "N06A"]
valid = { from = <day -50> }
[codes.infarction]
icd10_include = ["I21"]
[codes.bleeding]
icd10_include = ["K92"]
[codes.prevention]
snomed_include = ["22298006", "38341003"]
[codes.fibrillation]
snomed_include = ["49436004"]
[supply.given]
steps = ["days_supply"]
cap_days = 400
[supply.frozen]
steps = ["days_supply"]
cap_days = 400
hospital = "freeze"
[supply.periods]
steps = ["pre2dup:estimated", "days_supply"]
cap_days = 300
[drug_use.estimated]
drugs = { C10AA = { ddd_low = 0.5, ddd_usual = 1.5, days_min = 10, days_max = 100 } }
[exits]
emigration = { register = "migration", date = "emigration_date" }
"""
_OBSERVE = "observe = { from = 0, to = 200 }"
_CALENDAR = 'calendar = { from = <day 0>, until = <day 200>, step = "whole" }'
_FIRST = 'codes = "statin"\nsupply = "given"\nfollow_up_days = 300'
_REASONS = 'sets = ["prevention", "fibrillation"]'
_OUTCOME = (
    'outcome = { register = "par_sv", date = "admission_date", codes = "infarction", columns = "main_diagnosis" }'
)
_DIAGNOSIS = (
    'diagnosis = { register = "par_sv", date = "admission_date", codes = "bleeding", columns = "main_diagnosis", '
    "window = { from = -100, to = 200 } }"
)
_RATE = (
    f'codes = "statin"\nsupply = "given"\n{_OUTCOME}\nobserve = {{ from = 1, to = 300 }}\n'
    'statistic = ["count", "rate", "rate_ratio"]'
)

# Laws by name, as tests/generative/test_laws_of_every_kind.py tests them.
SPLIT, REVERSED_PAIR, ONE_MORE_ROW = "split", "reversed_pair", "one_more_row"


@dataclass(frozen=True)
class Example:
    """The body of an indicator, and the laws that it breaks with the reason."""

    body: str
    breaks: dict[str, str] = field(default_factory=dict)


def examples(*bodies: str, breaks: dict[str, str] | None = None) -> tuple[Example, ...]:
    """Examples of one kind that break the same laws, or none."""
    return tuple(Example(body, breaks or {}) for body in bodies)


_COUNTS_ROWS = {SPLIT: "rows are what it counts: two rows are two"}
_SIDE_BY_SIDE = {SPLIT: "nothing is carried over: two dispensings of one day run side by side"}

EXAMPLES: dict[str, tuple[Example, ...]] = {
    "users": examples(
        f'codes = "statin"\n{_OBSERVE}',
        f'codes = "psychotropic"\n{_CALENDAR}\nrow_strata = ["atc:5"]',
        f'{_CALENDAR}\nby_reason = {{ {_REASONS}, rule = "any" }}',
    ),
    "dispensings": examples(f'codes = "statin"\n{_OBSERVE}', _CALENDAR, breaks=_COUNTS_ROWS),
    "packages": examples(f'codes = "statin"\n{_OBSERVE}\nend_at_exit = false', _CALENDAR),
    "units": examples(f'codes = "asa"\n{_OBSERVE}'),
    "substance_amount": examples(f'codes = "statin"\n{_OBSERVE}'),
    "ddd": examples(_OBSERVE, _CALENDAR),
    "cost": examples(
        f'{_OBSERVE}\ncost = ["total", "patient"]\nrow_strata = ["prescribing_reason:prevention+fibrillation"]',
        f'{_CALENDAR}\nrow_strata = ["prescribing_reason"]',
    ),
    "generic_substitution": examples(
        f'{_OBSERVE}\nsubstituted = ["utbytt"]\nnot_substituted = ["ej utbytt"]',
        breaks={**_COUNTS_ROWS, REVERSED_PAIR: "it is about dispensed rows, those that are reversed later among them"},
    ),
    "initiation": examples(
        'codes = "statin"\nwindow = { from = 0, to = [30, 90] }\n'
        'washout = { from = -90, to = -1, effect = "stratify" }\ndenominator = ["all", "alive_at_N"]',
        'codes = ["asa", "p2y12"]\ncombine = "all"\nwindow = { from = 0, to = 60 }',
    ),
    "proportion_of_days_covered": (
        *examples(
            f'codes = "statin"\nsupply = "given"\n{_OBSERVE}\nthreshold = [0.5, 0.8]',
            f'codes = ["asa", "p2y12"]\ncombine = "all"\nsupply = "frozen"\n{_OBSERVE}\nstock_cap_days = 60',
            f'codes = "statin"\nsupply = "given"\n{_OBSERVE}\ncarry_over = "pooled"\nlookback_days = 30\n'
            f"by_reason = {{ {_REASONS}, window = {{ from = -30, to = 100 }} }}",
        ),
        *examples(f'codes = "statin"\nsupply = "given"\n{_OBSERVE}\ncarry_over = "none"', breaks=_SIDE_BY_SIDE),
        *examples(
            f'codes = "statin"\nsupply = "periods"\n{_OBSERVE}',
            breaks={ONE_MORE_ROW: "who collects more often is taken to use more a day"},
        ),
    ),
    "medication_availability": examples(
        'codes = ["statin", "asa"]\nsupply = "given"\nthreshold = 0.5\n'
        'measure = ["cma1", "cma2", "cma3", "cma4", "cma5", "cma6", "cma7", "cma8", "cma9"]\n'
        'follow_up = { anchor = "index_date", offset = -60, length = 300 }\n'
        'observation = { anchor = "index_date", length = 200 }',
        'codes = "statin"\nsupply = "given"\nmeasure = "cma7"\nsame_medication = true\n'
        'follow_up = { anchor = "first_event", length = "40 weeks" }\n'
        "sliding = { length = 60, every = 30, count = 3 }",
    ),
    "treatment_episodes": examples(
        f'{_FIRST}\ngap_days = [10, 60]\nat_days = [30, 90]\nnew_episode_on = "medication_change"'
    ),
    "time_to_discontinuation": examples(f'{_FIRST}\ngap_percent = [50, 100]\ncensoring = ["plain", "strict"]'),
    "covered_on_day": examples(f"{_FIRST}\nat_days = [0, 60, 200]"),
    "restart": examples(f"{_FIRST}\ngap_days = 30\nwithin_days = [60, 120]"),
    "switch": examples(f"{_FIRST}\ngap_days = 30", f'{_FIRST}\ngap_days = 30\nto = "asa"'),
    "add_on": examples(f'{_FIRST}\ngap_days = 30\nto = "psychotropic"'),
    "dose_change": examples('codes = "statin"\nsupply = "given"\nleast_percent = 50\nfollow_up_days = 200'),
    "drugs_at_date": (
        *examples('at_day = [0, 90]\nrule = "dispensed"\ndispensed_within_days = [90, 120]\nat_least = [2, 4]'),
        *examples(
            'codes = "psychotropic"\nat_day = 60\nrule = "supply"\nsupply = "given"\ndenominator = "all"',
            breaks=_SIDE_BY_SIDE,
        ),
    ),
    "event_in_window": examples(
        'register = "par_sv"\ndate = "admission_date"\ncodes = "bleeding"\ncolumns = "main_diagnosis"\n'
        'window = { from = 1, to = 200 }\nstatistic = ["count", "rate"]',
        'register = "dors"\ndate = "death_date"\nwindow = { from = 0, to = [30, 200] }',
    ),
    "in_registers": examples(
        _CALENDAR + '\n[indicator.sources]\ndrug = { kind = "drug", codes = "statin" }\n'
        'patient = { kind = "diagnosis", codes = "infarction", columns = "main_diagnosis" }'
    ),
    "outcome_rate": (
        *examples(f'{_RATE}\nexposure = "by_day"\ngrace_days = [0, 30]'),
        *examples(_RATE, breaks=_SIDE_BY_SIDE),
    ),
    "landmark_outcome": examples(
        f'codes = "statin"\nsupply = "frozen"\nlandmark_day = 90\nthreshold = [0.3, 0.7]\n{_OUTCOME}'
    ),
    "drug_burden": examples(
        'at_day = [30, 120]\nrule = "dispensed"\ndispensed_within_days = 90\nat_least = 2\n'
        'weights = [{ codes = "statin", weight = 1 }, { codes = "psychotropic", weight = 1.5 }]',
    ),
    "dose_above_limit": examples(
        'codes = "statin"\nat_day = [60, 150]\nrule = "dispensed"\ndispensed_within_days = 90\namong = "treated"\n'
        'limits = [{ atc = "C10AA05", most_mg = 20 }]\nmeasure = ["any", "substance", "assumed_dose"]',
    ),
    "polypharmacy": (
        *examples(f'{_OBSERVE}\nrule = "dispensed"\ndispensed_within_days = 60\nat_least = [2, 3]\nthreshold = 0.5'),
        *examples(f'{_OBSERVE}\nrule = "supply"\nsupply = "given"\nat_least = 2', breaks=_SIDE_BY_SIDE),
    ),
    "interacting_pairs": examples(
        f'supply = "given"\n{_OBSERVE}\ntogether_days = [1, 14]\nmeasure = ["any", "class", "pair"]\n'
        'pairs = [{ id = "bleeding", first = "asa", second = "p2y12", class = "D" }, '
        '{ id = "other", first = "statin", second = "psychotropic", class = "C" }]'
    ),
    "duplicate_therapy": examples(f'supply = "given"\n{_OBSERVE}\ntogether_days = [10, 30]\nconsecutive = true'),
    "treatment_lines": examples(
        f'codes = ["statin", "asa", "psychotropic"]\nsupply = "given"\n{_OBSERVE}\nlookback_days = 60\n'
        'collapse_gap_days = 10\ncombination_days = 10\nleast_piece_days = 5\nstatistic = ["mean", "paths"]',
        f'codes = ["asa", "p2y12"]\nsupply = "given"\n{_OBSERVE}\nlines = "first"\nmost_lines = 2\nleast_era_days = 5',
    ),
    "drug_after_diagnosis": examples(
        f'codes = ["statin", "asa"]\nsupply = "given"\n{_OBSERVE}\ncovered_days = [1, 30]\n{_DIAGNOSIS}'
    ),
    "incidence": examples(
        f'codes = "statin"\nwashout_days = [60, 120]\nobserved_from = {{ register_start = <day -150> }}\n{_OBSERVE}',
        f'codes = "statin"\nwashout_days = 60\nrepeated = true\nstatistic = ["count", "rate", "sum"]\n{_CALENDAR}',
    ),
    "prevalence": examples(
        'codes = ["statin", "asa"]\nrule = "covered"\nsupply = "given"\nat_day = [30, 120]',
        f'codes = "statin"\nrule = "dispensed"\n{_CALENDAR}',
    ),
    "on_treatment": examples(
        'codes = "statin"\nsupply = "frozen"\nmonth = [1, 4]\nrule = ["covered", "dispensed"]\ncarry_over = "pooled"'
    ),
    "time_to_initiation": examples('codes = "statin"\nfollow_up_days = 200\nwashout = { from = -60, to = -1 }'),
    "new_or_continuing": examples(
        'codes = "statin"\nlookback_days = [60, 100]\nwindow = { from = 0, to = [30, 120] }\n'
        "observed_from = { register_start = <day -80> }"
    ),
    "combination": examples('codes = ["statin", "asa", "p2y12"]\nwindow = { from = 0, to = 90 }\nat_least = [2, 3]'),
    "primary_non_adherence": examples(
        'prescriptions = "eprescriptions"\ncodes = ["statin", "psychotropic"]\nwindow = { from = 0, to = 150 }\n'
        'measure = ["first", "share", "prescriptions", "not_dispensed"]'
    ),
    "high_intensity": examples(
        'codes = "statin"\nat_day = [60, 200]\nthresholds = [{ atc = "C10AA05", least_mg = 40 }]\n'
        'among = "treated"\nmeasure = ["high_intensity", "assumed_dose"]'
    ),
    "medication_possession_ratio": examples(
        f'codes = "statin"\nsupply = "given"\n{_OBSERVE}\nthreshold = 0.8',
        f'codes = "asa"\nsupply = "given"\n{_OBSERVE}\nstart = "first_dispensing"\ncap_at_1 = true',
    ),
    "drug_use_periods": examples(
        f'codes = "statin"\ndrug_use = "estimated"\n{_OBSERVE}\nmeasure = ["periods", "days_in_use", "in_use"]\n'
        "at_days = [0, 100]"
    ),
    "waiting_time_distribution": examples(
        'codes = "statin"\nbetween = { from = <day 0>, until = <day 200> }',
        'codes = "asa"\nbetween = { from = <day 0>, until = <day 200> }\ndirection = "ordinary"\n'
        "random_index_dates = 2",
    ),
    "sequence_symmetry": examples(
        'codes = "statin"\nmarker = "psychotropic"\nstatistic = ["count", "share", "crude_ratio", "null_ratio"]'
    ),
}


def identifiers() -> list[str]:
    """Identifiers of all examples: kind-1, kind-2 and so on."""
    return [f"{kind.replace('_', '-')}-{number + 1}" for kind, own in EXAMPLES.items() for number in range(len(own))]


def example_set(*, shift: int = 0, without: str = "", only: str = "") -> IndicatorSet:
    """A set with every example of the kinds that exist.

    Args:
        shift: days by which all dates of the definition are later.
        without: a law; examples that break it are left out.
        only: the identifier of the one example that is wanted.
    """
    text = HEADER
    named = zip(identifiers(), ((kind, one) for kind, own in EXAMPLES.items() for one in own), strict=True)
    for name, (kind, example) in named:
        if without not in example.breaks and only in ("", name):
            text += f'\n[[indicator]]\nid = "{name}"\nkind = "{kind}"\n{example.body}\n'
    return load_indicator_set(re.sub(r"<day (-?\d+)>", lambda found: _date(int(found[1]) + shift), text))


def _date(day: int) -> str:
    return (date(2020, 1, 1) + timedelta(days=day)).isoformat()
