"""What every policy type file promises, whatever its kind."""

from __future__ import annotations

import re

import pytest

from tenantatlas.policies import canonical, references, registry, writes
from tenantatlas.policies.model import AssignWrite, RestoreMode, WriteContext
from tenantatlas.policies.permissions import LOOKUPS
from tenantatlas.policies.registry import all_types

from .bodies import a_row, composed

every_type = pytest.mark.parametrize("policy_type", all_types(), ids=lambda found: found.key)

FAMILIES = {
    "rbac",
    "deviceConfiguration",
    "deviceConfigV2",
    "notifications",
    "companyTerms",
    "conditionalAccess",
    "gpAnalytics",
    "intuneDevices",
    "updates",
    "managedApplications",
    "apps",
    "enrollment",
}
#: Named by our types and not backed up: looked for in the tenant.
CHECKED_KINDS = {
    "mobileApps",
    "derivedCredentials",
    "groupPolicyDefinitions",
    "termsOfUse.agreements",
    "conditionalAccess.authenticationContexts",
    "servicePrincipals",
}
SENTENCE = re.compile(r"[A-Z].*\.")


@every_type
class TestEveryType:
    def test_the_file_has_the_name_of_the_key(self, policy_type):
        assert registry.get_type(policy_type.key) is policy_type
        module = __import__(f"tenantatlas.policies.types.{policy_type.module_name}", fromlist=["POLICY_TYPE"])
        assert module.POLICY_TYPE is policy_type
        assert module.__doc__

    def test_it_says_where_it_is_and_who_may(self, policy_type):
        assert re.fullmatch(r"/(beta|v1\.0)/[A-Za-z/]+", policy_type.path)
        assert policy_type.family in FAMILIES
        assert policy_type.docs.startswith("https://learn.microsoft.com/graph/api/resources/")
        assert policy_type.platforms
        for permission in (*policy_type.reads, *policy_type.writes, *policy_type.writes_also):
            assert re.fullmatch(r"[A-Za-z.]+", permission)
        assert ".Read." in policy_type.reads[0]
        assert all(".ReadWrite." in permission for permission in policy_type.writes)

    def test_admins_read_whole_sentences(self, policy_type):
        rule = policy_type.restore
        sentences = [*policy_type.limits, rule.reason, *([rule.recreate] if rule.recreate else [])]
        assert all(SENTENCE.fullmatch(sentence) for sentence in sentences), sentences

    def test_parts_have_names_of_their_own(self, policy_type):
        names = [part.name for part in policy_type.parts]
        assert len(names) == len(set(names))
        assert all(part.path.startswith("{item}") for part in policy_type.parts)
        assert all(":" not in name for name in names)

    def test_assignments_are_read_where_they_are_written(self, policy_type):
        if policy_type.assignments is None or policy_type.assignments.write is AssignWrite.NONE:
            assert not [found for found in policy_type.references if found.path.startswith("assignments")]
            return
        ways = (policy_type.list_query, policy_type.item_query, *(part.path for part in policy_type.parts))
        assert any("assignments" in way for way in ways)
        kinds = {found.kind for found in policy_type.references if found.path.startswith("assignments")}
        assert kinds == ({"groups", "assignmentFilters"} if policy_type.assignments.filters else {"groups"})

    def test_scope_tags_are_mapped(self, policy_type):
        kinds = {found.kind: found for found in policy_type.references if found.path.endswith("Tags[]")}
        kinds |= {found.kind: found for found in policy_type.references if found.path == "roleScopeTagIds[]"}
        if not policy_type.scope_tags:
            assert not kinds
            return
        assert kinds["roleScopeTags"].path == f"{policy_type.scope_tags}[]"
        assert "0" in kinds["roleScopeTags"].portable

    def test_what_it_names_is_ours_or_checked(self, policy_type):
        keys = {found.key for found in all_types()}
        for reference in policy_type.references:
            if reference.kind in CHECKED_KINDS:
                assert reference.check.endswith(("{id}", "('{id}')")), reference
                assert reference.kind in LOOKUPS, reference
            else:
                assert reference.kind in keys | {"groups", "users"}, reference

    def test_kinds_are_written_in_full(self, policy_type):
        names = (*policy_type.odata_types, *([policy_type.odata_type] if policy_type.odata_type else []))
        assert names
        assert all(name.startswith("#microsoft.graph.") for name in names)
        if policy_type.odata_type:
            assert policy_type.odata_type in policy_type.odata_types

    def test_a_bare_row_is_read_compared_and_written(self, policy_type):
        body = composed(policy_type.key, a_row(policy_type))
        form = canonical.canonical_form(policy_type, body)
        assert canonical.canonical_form(policy_type, form) == form
        assert references.find(policy_type, body) == ()
        steps = writes.create_steps(
            WriteContext(policy_type=policy_type, wanted=body, graph_root="https://g/beta")
        )
        if policy_type.restore.mode is not RestoreMode.FULL:
            assert steps == ()
            return
        assert (steps[0].method, steps[0].path) == ("POST", policy_type.path)
        assert "id" not in steps[0].body
        assert not steps[0].repeatable


def test_each_shared_collection_has_one_type_that_takes_the_rest():
    for path, sharers in registry.collections().items():
        rest = [found.key for found in sharers if found.takes_rest]
        assert len(rest) == (1 if len(sharers) > 1 else 0), path
        assert len({found.list_query for found in sharers}) == 1, path
        assert len({found.family for found in sharers}) == 1, path


def test_what_is_named_is_written_first():
    order = {found.key: found.restore.order for found in all_types()}
    late = {
        (policy_type.key, reference.kind)
        for policy_type in all_types()
        for reference in policy_type.references
        if order.get(reference.kind, 0) > policy_type.restore.order
    }
    assert late == {
        ("deviceConfigurations", "deviceConfigurations.certificates"),
        ("deviceConfigurations", "deviceConfigurations.network"),
    }
