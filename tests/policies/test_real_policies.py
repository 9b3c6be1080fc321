"""The pure rules on real policies: every one of the exports that lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantatlas.core import json
from tenantatlas.policies import backup_only, canonical, paths, redact, references, registry, writes
from tenantatlas.policies.diff import differences
from tests.exports.normaliser import Normaliser

from .builders import a_context

EXPORTS = Path(__file__).parents[3] / "shared" / "data"

#: Kinds that these exports hold and Graph as it is today does not give in that form.
MOST_REFUSED = 25


@pytest.fixture(scope="module")
def bodies():
    if not EXPORTS.is_dir():
        pytest.skip(f"there are no exports at {EXPORTS}")
    return [found for export in Normaliser(EXPORTS).run().real if (found := typed(export)) is not None]


def typed(export):
    """The type and the composed body of an export."""
    body = json.loads(json.dumps(export.body))
    for version in ("/beta", "/v1.0"):
        policy_type = registry.type_of_row(version + export.collection, body)
        if policy_type is not None:
            body = {"@odata.type": policy_type.odata_type, "assignments": [], **body}
            return policy_type, policy_type.compose(body) if policy_type.compose else body
    return None


def test_there_are_more_than_a_thousand(bodies):
    assert len(bodies) > 1000


def test_each_is_itself_whatever_the_order(bodies):
    for policy_type, body in bodies:
        form = canonical.canonical_form(policy_type, body)
        assert canonical.canonical_form(policy_type, form) == form
        other = turned_round(policy_type, body)
        assert canonical.canonical_form(policy_type, other) == form
        assert differences(policy_type, body, other) == ()


def turned_round(policy_type, body):
    """The same policy with every set in the opposite order."""
    other = json.loads(json.dumps(body))
    for path in canonical.unordered(policy_type):
        for place in paths.find(other, path):
            if isinstance(place.value, list):
                place.value.reverse()
    return other


def test_each_needs_no_write_where_it_is_there_already(bodies):
    for policy_type, body in bodies:
        ctx = a_context(policy_type, body, body)
        assert writes.update_steps(ctx) == ()
        assert writes.assign_steps(ctx) == ()


def test_references_stay_what_they_are_when_they_are_kept(bodies):
    for policy_type, body in bodies:
        assert references.rewrite(policy_type, body, lambda *_: references.KEEP) == body


def test_nearly_all_of_them_may_be_written(bodies):
    held = [
        body
        for policy_type, body in bodies
        if backup_only.reasons(policy_type, body) or writes.refusals(a_context(policy_type, body))
    ]
    assert len(held) <= MOST_REFUSED


def test_each_may_be_shown(bodies):
    for policy_type, body in bodies:
        shown = redact.redact(policy_type, body)
        assert canonical.canonical_form(policy_type, shown).keys() <= body.keys()
