"""Why a cell is blank, in words, in English and in Swedish."""

from __future__ import annotations

from typing import Literal

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.table_review.reviewed_table import Rule

Language = Literal["en", "sv"]

_WORDS: dict[Rule, dict[Language, str]] = {
    Rule.HIDDEN_BY_HAND: {"en": "hidden by an officer", "sv": "dolt av en handläggare"},
    Rule.COMPANY_SECRECY: {
        "en": "it tells what one company sells",
        "sv": "det visar vad ett enskilt företag säljer",
    },
    Rule.SMALL_CELL: {
        "en": "{least} to {most} persons are not shown",
        "sv": "{least} till {most} personer visas inte",
    },
    Rule.SMALL_STRATUM: {
        "en": "the stratum has fewer than {stratum} persons",
        "sv": "gruppen har färre än {stratum} personer",
    },
    Rule.FEW_OF_THE_INHABITANTS_LEFT: {
        "en": "fewer than {cell} of those who live there are not counted",
        "sv": "färre än {cell} av dem som bor där räknas inte",
    },
    Rule.CLASS_DISCLOSURE: {
        "en": "everybody in a total is of one kind, so it tells of each",
        "sv": "alla i en summa är av samma slag, så det röjer var och en",
    },
    Rule.FEW_CONTRIBUTORS: {
        "en": "fewer than {contributors} persons make up the sum",
        "sv": "färre än {contributors} personer bidrar till summan",
    },
    Rule.CONTRIBUTORS_HIDDEN: {
        "en": "the number of persons behind the sum is hidden",
        "sv": "antalet personer bakom summan är dolt",
    },
    Rule.TELLS_OF_FEW: {
        "en": "the sum would tell of few persons beside numbers that are shown",
        "sv": "summan skulle berätta om få personer bredvid tal som visas",
    },
    Rule.HOLDS_A_SMALL_REST: {
        "en": "it keeps a rest of few persons from being computed",
        "sv": "det hindrar att en rest av få personer räknas fram",
    },
    Rule.HOLDS_ANOTHER: {
        "en": "it keeps another hidden cell from being computed",
        "sv": "det hindrar att en annan dold cell räknas fram",
    },
    Rule.STANDS_BESIDE: {
        "en": "every line that shows it stands beside a hidden number",
        "sv": "varje rad som visar det står bredvid ett dolt tal",
    },
}


def rule_words(rule: Rule, policy: DisclosurePolicy, language: Language) -> str:
    """The rule with the policy's numbers."""
    return _WORDS[rule][language].format(
        least=1 if policy.zero_shown else 0,
        most=policy.minimum_cell - 1,
        cell=policy.minimum_cell,
        stratum=policy.minimum_stratum,
        contributors=policy.minimum_contributors,
    )
