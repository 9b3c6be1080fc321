from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantatlas.core import json
from tenantatlas.policies import redact
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import Part, Secret, SecretKind, Shape

from .builders import a_type

OMA = a_type(
    parts=(
        Part(
            name="plain",
            path="{item}/plain(ref='{ref}')",
            shape=Shape.VALUE,
            into="value",
            for_each="rows",
            secret=True,
        ),
        Part(name="other", path="{item}/other", into="other"),
    ),
    secrets=(
        Secret(path="rows[].value", kind=SecretKind.RECOVERABLE, when=lambda row: row.get("encrypted")),
        Secret(
            path="tokens[].value",
            kind=SecretKind.NEEDS_INPUT,
            note="Graph gives a token.",
            when=lambda row: row.get("kind") == "secret",
            given=lambda row: row.get("state") == "clear",
        ),
        Secret(path="certificate", kind=SecretKind.IMPOSSIBLE),
    ),
)


def a_document(missing):
    rows = [
        {"encrypted": True, "ref": "r1", "value": "****"},
        {"encrypted": True, "ref": "r2", "value": "****"},
        {"encrypted": False, "value": "shown"},
    ]
    return Document(
        type_key="widgets",
        object=json.dumps({"rows": rows, "tokens": [{"kind": "secret", "value": "gAAA"}]}),
        parts={"plain:r1": (json.dumps({"value": "canary"}),)},
        missing=missing,
    )


def test_status_says_what_we_have_and_why_not():
    status = redact.secret_status(OMA, a_document({"plain:r2": "Graph answered 403."}))
    assert [(row["path"], str(row["kind"]), row["captured"], row["reason"]) for row in status] == [
        ("rows[0].value", "recoverable", True, ""),
        ("rows[1].value", "recoverable", False, "Graph answered 403."),
        ("tokens[0].value", "needs input at restore", False, "Graph gives a token."),
    ]
    assert b"canary" not in orjson.dumps(status)


def test_status_without_a_reason_says_what_the_kind_means():
    statuses = redact.secret_status(OMA, a_document({}))
    assert "could not be read" in statuses[1]["reason"]


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({"rows": [{"encrypted": True, "value": "plain"}]}, []),
        ({"rows": [{"encrypted": True, "value": None}]}, ["rows[0].value"]),
        ({"rows": [{"encrypted": False, "value": None}]}, []),
        ({"tokens": [{"kind": "secret", "value": "typed", "state": "clear"}]}, []),
        ({"tokens": [{"kind": "plain", "value": "x"}]}, []),
        ({"certificate": "PGEvPg=="}, ["certificate"]),
        ({"certificate": None}, []),
        ({"certificate": {"data": 1}}, []),
    ],
)
def test_what_stands_in_the_way_of_a_write(body, missing):
    assert [status.path for status in redact.missing_secrets(OMA, body)] == missing


def test_redacted_bodies_may_be_shown():
    body = {
        "rows": [
            {"encrypted": True, "value": "canary"},
            {"value": "shown"},
            {"encrypted": True, "value": None},
        ],
        "tokens": [{"kind": "secret", "value": "canary", "state": "clear"}],
        "certificate": {"data": "canary"},
        "deep": [
            {"preSharedKey": "canary", "passwordRequired": True, "password": None, "Password": "canary"}
        ],
        "unknown": "****",
    }
    assert redact.redact(OMA, body) == {
        "rows": [{"encrypted": True, "value": "•••"}, {"value": "shown"}, {"encrypted": True, "value": None}],
        "tokens": [{"kind": "secret", "value": "•••", "state": "clear"}],
        "certificate": "•••",
        "deep": [{"preSharedKey": "•••", "passwordRequired": True, "password": None, "Password": "•••"}],
        "unknown": "•••",
    }
    assert body["rows"][0]["value"] == "canary"


@given(st.text(min_size=1).map(lambda text: f"canary{text}"))
def test_no_secret_survives(secret):
    body = {"rows": [{"encrypted": True, "value": secret}], "sharedSecret": secret, "certificate": [secret]}
    assert "canary" not in json.dumps(redact.redact(OMA, body)).decode()
