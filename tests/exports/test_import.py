"""What an import recognises in real exports of several tools."""

from __future__ import annotations

import json as stdjson
from pathlib import Path

import pytest

from tenantatlas.backups.recognising import NotRecognised, recognise
from tenantatlas.backups.services import capture_document
from tenantatlas.core import json
from tenantatlas.policies.document import Document

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
#: Where the manifest's word for a kind is not the end of our path.
ELSEWHERE = {"identity/conditionalAccess/authenticationStrength/policies": "authenticationStrengthPolicies"}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the public exports are not at {DATA}")


def test_thousands_are_recognised_and_none_is_taken_for_another() -> None:
    found = 0
    for entry in stdjson.loads((DATA / "manifest.json").read_text(encoding="utf-8"))["files"]:
        try:
            policies = recognise(entry["path"], (DATA / entry["path"]).read_bytes())
        except NotRecognised:
            continue
        kind = entry["kind"]
        for one in policies:
            captured = capture_document(
                one.policy_type,
                Document(type_key=one.policy_type.key, object=json.dumps(one.body)),
                graph_id=one.graph_id,
            )
            assert captured.digest
            end = "assignmentFilters" if kind == "wrapper/filters" else ELSEWHERE.get(kind, kind)
            assert one.policy_type.path.endswith(end), entry["path"]
            found += 1
    assert found >= 3000
