"""Exceptions from a policy's rules: an officer signs one, the audit trail keeps it, and a run looks it up there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from linkage.definition_errors import refusal
from linkage.disclosure_policy import DisclosurePolicy, load_policy
from linkage.errors import Conflict, InputRefused, OrderRejected
from linkage.free_text import refuse_identity_number
from linkage.policy_exceptions import ExceptedRule, SignedException
from linkage_server.access.certificates import Caller
from linkage_server.audit.trail import AuditTrail
from linkage_server.storage.files import write_atomically

ACTION = "policy.except"
_VERSION = re.compile(r'^version[ \t]*=[ \t]*"[^"\n]*"', re.MULTILINE)


def sign_exception(
    file: Path,
    *,
    rule: ExceptedRule,
    cell: Mapping[str, str],
    reason: str,
    version: str,
    officer: Caller,
    at: datetime,
    folder: Path,
    trail: AuditTrail,
) -> tuple[DisclosurePolicy, Path]:
    """Write a new version of a policy with one more exception; the trail tells who, when, what and why.

    Args:
        file: the policy.
        rule, cell, reason: as in `SignedException`.
        version: of the new policy.
        officer: who signs.
        at: when, with time zone.
        folder: the holder's policies.
        trail: where it is written down.

    Returns:
        The new policy and its file.

    Raises:
        DefinitionRejected: the policy does not allow exceptions from the rule, or is wrong.
        InputRefused: the reason holds what looks like an identity number.
        Conflict: the new version is there already.
    """
    refuse_identity_number(reason, what="the reason")
    old = load_policy(file)
    try:
        signed = SignedException(
            rule=rule, cell=dict(cell), officer=officer.name, signed_at=at.replace(microsecond=0), reason=reason
        )
    except ValidationError as problem:
        raise refusal(problem, source="the exception") from None
    text, found = _VERSION.subn(f'version = "{version}"', file.read_text(encoding="utf-8"), count=1)
    if not found or version == old.version:
        raise InputRefused("the policy needs a new version for its exception.", mend="Give one with --version.")
    text = f"{text.rstrip()}\n\n{_as_toml(signed)}"
    new = load_policy(text)
    path = folder / f"{new.id}-{new.version}.toml"
    if path.exists():
        raise Conflict(f"{path.name} is there already.", mend="Give another version.")
    with trail.database.transaction() as session:
        trail.record(session, actor=officer.actor, role=officer.role, action=ACTION, subject=signed.told, outcome="OK")
        write_atomically(path, text.encode())
    return new, path


def require_signatures(policy: DisclosurePolicy, trail: AuditTrail) -> None:
    """Return if each exception of a policy stands in the audit trail, signed by the officer that it names.

    Raises:
        OrderRejected: one does not: the file was written by hand, or changed since.
    """
    for number, exception in enumerate(policy.exceptions, start=1):
        entries = trail.newest(limit=100, subject=exception.subject)
        signed = [one for one in entries if one.action == ACTION and one.outcome == "OK"]
        if not any(one.role == "officer" and one.actor.rpartition("/")[2] == exception.officer for one in signed):
            raise OrderRejected(
                f"exception {number} of policy {policy.name} was not signed here by the officer that it names.",
                mend="Sign it with: linkage-server policies except",
            )


def _as_toml(signed: SignedException) -> str:
    """One exception as the last table of a policy file."""
    # JSON's strings are TOML's basic strings.
    cell = ", ".join(f"{json.dumps(name)} = {json.dumps(level)}" for name, level in signed.cell.items())
    return "\n".join(
        [
            "[[exceptions]]",
            f"rule = {json.dumps(signed.rule)}",
            f"cell = {{ {cell} }}",
            f"officer = {json.dumps(signed.officer, ensure_ascii=False)}",
            f"signed_at = {signed.signed_at.isoformat()}",
            f"reason = {json.dumps(signed.reason, ensure_ascii=False)}",
            "",
        ]
    )
