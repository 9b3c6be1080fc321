from __future__ import annotations

from tenantatlas.policies import backup_only
from tenantatlas.policies.backup_only import Cause
from tenantatlas.policies.model import Part, RestoreMode, RestoreRule, Secret, SecretKind

from .builders import a_type

STRICT = a_type(
    odata_types=frozenset({"#microsoft.graph.widget"}),
    properties=frozenset({"displayName"}),
    parts=(Part(name="rows", path="{item}/rows", into="rows"),),
    secrets=(Secret(path="token", kind=SecretKind.NEEDS_INPUT, given=lambda _body: False),),
)
KNOWN = {
    "@odata.type": "#microsoft.graph.widget",
    "id": "1",
    "version": 2,
    "displayName": "A",
    "rows": [],
    "rows@odata.context": "u",
    "assignments": [],
    "futureProperty": None,
}


def causes(policy_type, body):
    return [(found.cause, found.path) for found in backup_only.explain(policy_type, body)]


def test_what_is_known_may_be_restored():
    assert backup_only.reasons(STRICT, KNOWN) == ()
    assert backup_only.reasons(a_type(), {"anything": "goes"}) == ()


def test_unknown_kinds_properties_and_members():
    body = {
        **KNOWN,
        "@odata.type": "#microsoft.graph.future",
        "futureProperty": 1,
        "rows": [{"mode": "unknownFutureValue"}],
    }
    assert causes(STRICT, body) == [
        (Cause.TYPE, "@odata.type"),
        (Cause.PROPERTY, "futureProperty"),
        (Cause.VALUE, "rows[0].mode"),
    ]
    assert "future" in backup_only.reasons(STRICT, body)[0]


def test_a_kind_that_does_not_say():
    (found,) = backup_only.explain(STRICT, {"displayName": "A"})
    assert "without a type" in found.message


def test_secrets_that_are_not_there():
    (found,) = backup_only.explain(STRICT, {**KNOWN, "token": "gAAA"})[1:]
    assert (found.cause, found.path) == (Cause.SECRET, "token")


def test_types_that_are_never_written():
    rule = RestoreRule(order=1, mode=RestoreMode.BACKUP_ONLY, reason="Only Microsoft may write them.")
    assert backup_only.reasons(a_type(restore=rule), {}) == ("Only Microsoft may write them.",)
    silent = RestoreRule(order=1, mode=RestoreMode.BACKUP_ONLY)
    assert backup_only.reasons(a_type(restore=silent), {}) == ("Widgets are backed up and never written.",)
