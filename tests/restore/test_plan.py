"""The plan, decided from values alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tenantatlas.core import json
from tenantatlas.core.ids import stable_id
from tenantatlas.policies.canonical import compose, digest
from tenantatlas.policies.document import Document
from tenantatlas.policies.model import NO_FILTER, Step, StepKind
from tenantatlas.policies.registry import get_type
from tenantatlas.restore.mapping import Decision, MappingAction
from tenantatlas.restore.order import ItemSteps, Phase, place_steps
from tenantatlas.restore.plan import build_plan, check_paths, ids_named, types_needed
from tenantatlas.restore.planned import (
    ABSENT,
    Action,
    Plan,
    PlannedItem,
    PlannedWrite,
    fill_body,
    fill_bytes,
    fill_placeholders,
    placeholders_in,
)
from tenantatlas.restore.resolve import ids_to_check
from tenantatlas.restore.world import (
    Existence,
    Existing,
    LiveType,
    PlanInput,
    RestoreKind,
    Source,
    Undone,
)
from tests.simulated import catalog_body, group_target

CATALOG = "configurationPolicies"
FILTERS = "assignmentFilters"
TAGS = "roleScopeTags"
ACCESS = "conditionalAccess.policies"
LOCATIONS = "conditionalAccess.namedLocations"
COMPLIANCE = "deviceCompliancePolicies"
PILOT = "11111111-1111-4111-8111-111111111111"


def whole(type_key: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body as it is composed from what Graph sends."""
    return compose(get_type(type_key), Document(type_key=type_key, object=json.dumps(body)))


def source(type_key: str, body: dict[str, Any], *, version: int = 1) -> Source:
    policy_type = get_type(type_key)
    return Source(
        policy_type=policy_type,
        source_id=body["id"],
        version=version,
        name=body[policy_type.name_field],
        body=whole(type_key, body),
    )


def filter_body(name: str = "Narrow", **more: Any) -> dict[str, Any]:
    return {
        "id": stable_id("filter", name),
        "displayName": name,
        "description": "",
        "platform": "windows10AndLater",
        "rule": '(device.manufacturer -eq "Contoso")',
        "roleScopeTags": ["0"],
        "assignmentFilterManagementType": "devices",
        **more,
    }


def tag_body(tag: str, name: str) -> dict[str, Any]:
    return {"id": tag, "displayName": name, "description": "", "isBuiltIn": False}


def location_body(name: str = "HQ") -> dict[str, Any]:
    return {
        "id": stable_id("location", name),
        "@odata.type": "#microsoft.graph.ipNamedLocation",
        "displayName": name,
        "isTrusted": True,
        "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/24"}],
    }


def access_body(name: str = "Block", *, state: str = "enabled", **users: Any) -> dict[str, Any]:
    return {
        "id": stable_id("access", name),
        "displayName": name,
        "state": state,
        "conditions": {
            "clientAppTypes": ["all"],
            "applications": {"includeApplications": ["All"]},
            "users": {"includeUsers": ["All"], **users},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    }


def live(*bodies: dict[str, Any]) -> LiveType:
    by_id = {body["id"]: body for body in bodies}
    return LiveType(rows=by_id, bodies=by_id)


def given(*sources: Source, **more: Any) -> PlanInput:
    types = {policy_type.key: LiveType() for policy_type in types_needed(sources)}
    for key, found in more.pop("live", {}).items():
        bodies = {graph_id: whole(key, body) for graph_id, body in found.bodies.items()}
        types[key] = replace(found, bodies=bodies)
    return PlanInput(
        tenant_guid="c0ffee00-0000-4000-8000-000000000001",
        graph_url="https://graph.microsoft.com",
        sources=sources,
        live=types,
        **more,
    )


def only(plan: Plan) -> PlannedItem:
    (item,) = plan.items
    return item


def why(item: PlannedItem) -> list[str]:
    return [reason.code for reason in item.reasons]


ASSIGNED = catalog_body("Assigned", assignments=[group_target(PILOT)])
HERE = {("groups", PILOT): Existence.PRESENT}


# ── What happens to one policy ──


def test_what_is_gone_is_created_unassigned_then_assigned() -> None:
    plan = build_plan(given(source(CATALOG, ASSIGNED), checks=HERE))

    item = only(plan)
    assert (item.action, item.expects, item.live_id) == (Action.CREATE, ABSENT, "")
    create, assign = plan.writes
    assert (create.method, create.kind, create.phase, create.repeatable) == (
        "POST",
        "create",
        Phase.POLICIES,
        False,
    )
    assert "assignments" not in json.loads(create.body or b"")
    assert assign.path.endswith(f"/{{created:{item.key}}}/assign")
    assert (assign.phase, assign.depends_on, assign.expects) == (Phase.ASSIGNMENTS, (create.n,), "")
    assert [link.target for link in assign.mapping] == [PILOT]
    assert create.expects == ABSENT


def test_what_is_equal_is_left_alone_whatever_it_names() -> None:
    """Nothing is to be written, so that nobody knows the group any more does not matter."""
    body = catalog_body("Same", assignments=[group_target(PILOT)])

    plan = build_plan(given(source(CATALOG, body), live={CATALOG: live(body)}))

    assert only(plan).action is Action.UNCHANGED
    assert plan.writes == ()


def test_what_differs_is_updated_in_place() -> None:
    body = catalog_body("Changed")
    plan = build_plan(given(source(CATALOG, body), live={CATALOG: live(body | {"description": "x"})}))

    item = only(plan)
    assert (item.action, item.live_id) == (Action.UPDATE, body["id"])
    assert len(item.expects) == 64
    assert {write.kind for write in plan.writes} == {"update"}
    assert plan.writes[0].expects == item.expects
    assert plan.writes[0].repeatable


def test_assignments_alone_are_compared_alone() -> None:
    now = ASSIGNED | {"assignments": []}
    plan = build_plan(given(source(CATALOG, ASSIGNED), checks=HERE, live={CATALOG: live(now)}))

    assert [write.kind for write in plan.writes] == ["assign"]


@pytest.mark.parametrize(
    ("existing", "action", "kinds"),
    [
        (Existing.UPDATE, Action.UPDATE, ["update"]),
        (Existing.RECREATE, Action.RECREATE, ["delete", "create"]),
        (Existing.COPY, Action.COPY, ["create"]),
        (Existing.SKIP, Action.SKIP, []),
    ],
)
def test_a_person_says_what_happens_to_what_exists(
    existing: Existing, action: Action, kinds: list[str]
) -> None:
    body = catalog_body("There")
    plan = build_plan(
        given(
            source(CATALOG, body),
            existing=existing,
            allow_deletes=True,
            live={CATALOG: live(body | {"description": "x"})},
        )
    )

    assert only(plan).action is action
    assert [write.kind for write in plan.writes] == kinds


def test_a_copy_gets_a_name_that_nobody_has() -> None:
    body = catalog_body("There")
    other = catalog_body("There - restored")
    plan = build_plan(
        given(
            source(CATALOG, body),
            existing=Existing.COPY,
            live={CATALOG: live(body | {"description": "x"}, other)},
        )
    )

    assert only(plan).wanted["name"] == "There - restored 2"


def test_recreating_needs_deletes() -> None:
    body = catalog_body("There")
    plan = build_plan(
        given(
            source(CATALOG, body),
            existing=Existing.RECREATE,
            live={CATALOG: live(body | {"description": "x"})},
        )
    )

    assert (only(plan).action, why(only(plan))) == (Action.CANNOT, ["deletes_off"])
    assert plan.writes == ()


def test_recreating_a_script_says_that_it_runs_again() -> None:
    body = {
        "id": stable_id("script"),
        "displayName": "Hello",
        "description": "",
        "fileName": "a.ps1",
        "scriptContent": "QQ==",
        "runAsAccount": "system",
        "roleScopeTagIds": ["0"],
    }
    item = only(build_plan(given(source("deviceManagementScripts", body))))

    assert item.action is Action.CREATE
    assert item.notes


# ── Which live policy it is ──


def test_an_earlier_restore_is_remembered() -> None:
    body = catalog_body("Restored")
    twin, successor = catalog_body("Restored") | {"id": "t"}, catalog_body("Restored") | {"id": "s"}
    plan = build_plan(
        given(
            source(CATALOG, body),
            live={CATALOG: live(twin, successor)},
            successors={f"{CATALOG}/{body['id']}": "s"},
        )
    )

    assert (only(plan).action, only(plan).live_id) == (Action.UNCHANGED, "s")


def test_one_of_that_name_is_taken_for_it() -> None:
    body = catalog_body("Named")
    plan = build_plan(given(source(CATALOG, body), live={CATALOG: live(body | {"id": "new"})}))

    assert (only(plan).action, only(plan).live_id) == (Action.UNCHANGED, "new")


def test_two_of_that_name_are_for_a_person() -> None:
    body = catalog_body("Named")
    world = {CATALOG: live(body | {"id": "a"}, body | {"id": "b"})}

    item = only(build_plan(given(source(CATALOG, body), live=world)))
    assert (item.action, why(item)) == (Action.UNDECIDED, ["ambiguous"])
    assert "a, b" in item.reasons[0].message
    assert (
        only(build_plan(given(source(CATALOG, body), live=world, existing=Existing.SKIP))).action
        is Action.SKIP
    )
    assert (
        only(build_plan(given(source(CATALOG, body), live=world, existing=Existing.COPY))).action
        is Action.COPY
    )


def test_what_another_version_stands_for_is_not_taken() -> None:
    """Two policies of one name: the lost one is created again, the other is left alone."""
    kept, lost = catalog_body("Twin"), catalog_body("Twin") | {"id": "lost", "description": "Mine"}

    both = build_plan(given(source(CATALOG, kept), source(CATALOG, lost), live={CATALOG: live(kept)}))
    alone = build_plan(
        given(source(CATALOG, lost), siblings=(source(CATALOG, kept),), live={CATALOG: live(kept)})
    )

    assert [item.action for item in both.items] == [Action.UNCHANGED, Action.CREATE]
    assert only(alone).action is Action.CREATE
    assert only(alone).beside == (kept["id"],)


def test_two_versions_never_become_one_policy() -> None:
    one, two = catalog_body("Twin") | {"id": "1"}, catalog_body("Twin") | {"id": "2"}
    plan = build_plan(
        given(source(CATALOG, one), source(CATALOG, two), live={CATALOG: live(one | {"id": "3"})})
    )

    assert {item.action for item in plan.items} == {Action.UNDECIDED}


# ── What it names ──


def test_a_group_that_is_gone_is_for_a_person() -> None:
    world = {
        "checks": {("groups", PILOT): Existence.ABSENT},
        "names": {("groups", PILOT): "Pilot"},
    }
    missing = build_plan(given(source(CATALOG, ASSIGNED), groups={PILOT: "Pilot"}, **world))
    again = build_plan(given(source(CATALOG, ASSIGNED), groups={PILOT: "Pilot", "new": "Pilot"}, **world))
    twice = build_plan(given(source(CATALOG, ASSIGNED), groups={"a": "Pilot", "b": "Pilot"}, **world))

    assert (only(missing).action, why(only(missing))) == (Action.UNDECIDED, ["mapping"])
    assert "“Pilot”" in only(missing).reasons[0].message
    assert missing.writes == ()
    assert only(again).action is Action.CREATE
    assert only(again).links[0].target == "new"
    assert only(twice).action is Action.UNDECIDED
    assert [candidate.id for candidate in twice.needs()[0].decision.candidates] == ["a", "b"]


def mapped(kind: str, source_id: str, decision: Decision) -> dict[str, Any]:
    return {"mapping": {(kind, source_id): decision}}


def to(target: str) -> Decision:
    return Decision(action=MappingAction.MAP, target=target)


DROP = Decision(action=MappingAction.DROP)


def test_a_mapping_decides() -> None:
    other = catalog_body("Assigned", assignments=[group_target("g2")])
    plan = build_plan(
        given(source(CATALOG, ASSIGNED), groups={"g2": "Two"}, **mapped("groups", PILOT, to("g2")))
    )

    assert only(plan).wanted["assignments"] == other["assignments"]
    assert plan.writes[1].mapping[0].how == "mapping"


def test_a_mapping_to_what_is_not_there_decides_nothing() -> None:
    plan = build_plan(given(source(CATALOG, ASSIGNED), **mapped("groups", PILOT, to("nowhere"))))

    assert only(plan).action is Action.UNDECIDED
    assert "nowhere" in only(plan).reasons[0].message


def test_a_mapping_left_open_stays_open() -> None:
    plan = build_plan(given(source(CATALOG, ASSIGNED), checks=HERE, **mapped("groups", PILOT, Decision())))

    assert only(plan).action is Action.UNDECIDED


def test_dropping_a_group_drops_its_assignment() -> None:
    plan = build_plan(given(source(CATALOG, ASSIGNED), **mapped("groups", PILOT, DROP)))

    assert only(plan).action is Action.CREATE
    assert [write.kind for write in plan.writes] == ["create"]


def test_dropping_an_exclusion_is_refused() -> None:
    body = catalog_body("Excluding", assignments=[group_target(PILOT, excluded=True)])

    plan = build_plan(given(source(CATALOG, body), **mapped("groups", PILOT, DROP)))

    assert (only(plan).action, why(only(plan))) == (Action.CANNOT, ["mapping"])


def test_a_mapping_applies_to_what_is_equal_too() -> None:
    plan = build_plan(
        given(
            source(CATALOG, ASSIGNED),
            groups={"g2": "Two"},
            live={CATALOG: live(ASSIGNED)},
            **mapped("groups", PILOT, to("g2")),
        )
    )
    done = catalog_body("Assigned", assignments=[group_target("g2")])
    again = build_plan(
        given(
            source(CATALOG, ASSIGNED),
            groups={"g2": "Two"},
            live={CATALOG: live(done)},
            **mapped("groups", PILOT, to("g2")),
        )
    )

    assert [write.kind for write in plan.writes] == ["assign"]
    assert only(again).action is Action.UNCHANGED


def with_filter(filter_id: str) -> dict[str, Any]:
    target = group_target(PILOT)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": filter_id,
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    return catalog_body("Filtered", assignments=[target])


def test_what_is_restored_together_is_named_by_its_new_id() -> None:
    narrow = filter_body()
    plan = build_plan(given(source(CATALOG, with_filter(narrow["id"])), source(FILTERS, narrow), checks=HERE))

    first, second, third = plan.writes
    assert (first.item, first.phase) == (f"{FILTERS}/{narrow['id']}", Phase.FOUNDATIONS)
    assert second.depends_on == (first.n,)
    assert f"{{created:{first.item}}}".encode() in (third.body or b"")


def test_a_filter_is_found_by_id_or_name_in_the_target() -> None:
    narrow = filter_body()
    policy = source(CATALOG, with_filter(narrow["id"]))
    renewed = narrow | {"id": "renewed"}

    same = build_plan(given(policy, checks=HERE, live={FILTERS: live(narrow)}))
    named = build_plan(
        given(policy, checks=HERE, siblings=(source(FILTERS, narrow),), live={FILTERS: live(renewed)})
    )
    gone = build_plan(given(policy, checks=HERE))
    unread = build_plan(given(policy, checks=HERE, live={FILTERS: LiveType(failed="Denied.")}))

    assert [link.target for link in only(same).links] == [narrow["id"], PILOT]
    assert [link.target for link in only(named).links] == ["renewed", PILOT]
    assert only(gone).action is Action.UNDECIDED
    assert (only(unread).action, why(only(unread))) == (Action.CANNOT, ["reference"])


def test_scope_tags_are_mapped_and_zero_is_zero() -> None:
    body = catalog_body("Tagged", roleScopeTagIds=["0", "7"])
    tagged = source(CATALOG, body)

    created = build_plan(given(tagged, source(TAGS, tag_body("7", "Europe"))))
    dropped = build_plan(given(tagged, **mapped(TAGS, "7", DROP)))

    assert json.loads(created.writes[1].body or b"")["roleScopeTagIds"] == ["0", "{created:roleScopeTags/7}"]
    assert only(dropped).wanted["roleScopeTagIds"] == ["0"]


def test_what_needs_something_that_cannot_come_is_held() -> None:
    narrow = filter_body(rule="{created:x}")
    undecided = [filter_body(), filter_body() | {"id": "x"}]
    policy = source(CATALOG, with_filter(narrow["id"]))

    cannot = build_plan(given(policy, source(FILTERS, narrow), checks=HERE))
    asked = build_plan(
        given(
            policy,
            source(FILTERS, filter_body()),
            checks=HERE,
            live={FILTERS: live(*(each | {"id": f"{n}"} for n, each in enumerate(undecided)))},
        )
    )

    assert [why(item) for item in cannot.items] == [["reference"], ["reserved_text"]]
    assert "which is not restored" in cannot.items[0].reasons[0].message
    assert [item.action for item in asked.items] == [Action.UNDECIDED, Action.UNDECIDED]


def test_locations_are_found_by_rule_or_hold_the_policy() -> None:
    location = location_body()
    body = access_body(excludeUsers=["u"])
    body["conditions"]["locations"] = {"includeLocations": ["All"], "excludeLocations": [location["id"]]}
    policy = source(ACCESS, body)
    there = {("users", "u"): Existence.PRESENT}
    sibling = (source(LOCATIONS, location),)
    renewed = [location | {"id": "1"}, location | {"id": "2"}]

    together = build_plan(given(policy, source(LOCATIONS, location), checks=there))
    same = build_plan(given(policy, checks=there, live={LOCATIONS: live(location)}))
    named = build_plan(given(policy, checks=there, siblings=sibling, live={LOCATIONS: live(renewed[0])}))
    twice = build_plan(given(policy, checks=there, siblings=sibling, live={LOCATIONS: live(*renewed)}))
    gone = build_plan(given(policy, checks=there, siblings=sibling))
    unknown = build_plan(given(policy, checks=there))
    unread = build_plan(given(policy, checks=there, live={LOCATIONS: LiveType(failed="Denied.")}))

    assert [write.phase for write in together.writes] == [Phase.FOUNDATIONS, Phase.ENTRA]
    assert {link.target for link in only(same).links} == {location["id"], "u"}
    assert {link.target for link in only(named).links} == {"1", "u"}
    assert [only(plan).action for plan in (twice, gone, unknown, unread)] == [Action.CANNOT] * 4


def test_what_is_only_checked_must_be_there() -> None:
    body = access_body()
    body["grantControls"] |= {"termsOfUse": ["t"]}
    policy = source(ACCESS, body)

    def planned(answer: Existence | None) -> PlannedItem:
        checks = {} if answer is None else {("termsOfUse.agreements", "t"): answer}
        return only(build_plan(given(policy, checks=checks)))

    assert planned(Existence.PRESENT).action is Action.CREATE
    assert planned(Existence.ABSENT).action is Action.CANNOT
    assert "could not be looked for" in planned(None).reasons[0].message


def test_what_could_not_be_looked_for_is_held_and_never_called_gone() -> None:
    user = source(ACCESS, access_body(includeUsers=["u"]))
    group = source(CATALOG, ASSIGNED)
    unknown = {("users", "u"): Existence.UNKNOWN, ("groups", PILOT): Existence.UNKNOWN}
    why_not = {"users": "the app that reads is missing User.Read.All."}

    plans = [
        build_plan(given(user, checks=unknown, unasked=why_not)),
        build_plan(given(group, checks=unknown, groups={PILOT: "Pilot"})),
        build_plan(given(group, checks=unknown, **mapped("groups", PILOT, to(PILOT)))),
    ]

    assert [only(plan).action for plan in plans] == [Action.CANNOT] * 3
    said = [only(plan).reasons[0].message for plan in plans]
    assert all("could not be looked for in the tenant" in message for message in said)
    assert not any("not in the tenant" in message for message in said)
    assert said[0].endswith(
        "could not be looked for in the tenant: the app that reads is missing User.Read.All."
    )


def test_what_the_app_may_not_write_is_held_with_the_permission() -> None:
    lacking = {CATALOG: ("DeviceManagementConfiguration.ReadWrite.All",)}
    policy, same = source(CATALOG, catalog_body("New")), catalog_body("Same")
    there = {CATALOG: live(same)}

    plan = build_plan(
        given(policy, source(CATALOG, same), source(ACCESS, access_body()), live=there, lacking=lacking)
    )

    actions = {item.name: item.action for item in plan.items}
    assert actions == {"New": Action.CANNOT, "Same": Action.UNCHANGED, "Block": Action.CREATE}
    held = next(item for item in plan.items if item.name == "New")
    assert why(held) == ["permission_missing"]
    assert "DeviceManagementConfiguration.ReadWrite.All" in held.reasons[0].message
    assert "writer's app" in held.reasons[0].message
    assert {write.item for write in plan.writes} == {source(ACCESS, access_body()).key}


def test_what_the_app_may_not_write_is_neither_removed_nor_enforced() -> None:
    made, reported = filter_body(), access_body(state="enabledForReportingButNotEnforced")
    removing = given(
        taken_back(FILTERS, made, made, remove=True), live={FILTERS: live(made)}, allow_deletes=True
    )
    enforcing = given(source(ACCESS, access_body(state="enabled")), live={ACCESS: live(reported)})

    for world in (removing, replace(enforcing, kind=RestoreKind.ENABLE)):
        lacking = {source.policy_type.key: ("Some.ReadWrite.All",) for source in world.sources}
        plan = build_plan(replace(world, lacking=lacking))

        assert len(build_plan(world).writes) == 1
        assert (only(plan).action, why(only(plan)), plan.writes) == (
            Action.CANNOT,
            ["permission_missing"],
            (),
        )


def test_a_circle_is_named_and_refused() -> None:
    policy_type = get_type(FILTERS)
    reference = replace(get_type(CATALOG).references[0], path="needs", kind="loops", portable=frozenset())
    loops = replace(
        policy_type, key="loops", references=(reference,), properties=frozenset(), odata_types=frozenset()
    )

    def member(name: str, needs: str) -> Source:
        body = filter_body(name) | {"id": name, "needs": needs}
        return Source(policy_type=loops, source_id=name, version=1, name=name, body=body)

    ring = [member("a", "b"), member("b", "c"), member("c", "a"), member("d", "a")]
    plan = build_plan(replace(given(), sources=tuple(ring), live={"loops": LiveType()}))
    resting = build_plan(
        replace(given(), sources=tuple(ring), live={"loops": live(*(each.body for each in ring))})
    )
    changed = [each.body | {"rule": "other"} for each in ring]
    updating = build_plan(replace(given(), sources=tuple(ring), live={"loops": live(*changed)}))

    assert [why(item) for item in plan.items] == [["circle"], ["circle"], ["circle"], ["reference"]]
    assert "“a” → “b” → “c” → “a”" in plan.items[0].reasons[0].message
    assert plan.writes == ()
    assert {item.action for item in resting.items} == {Action.UNCHANGED}
    assert {item.action for item in updating.items} == {Action.UPDATE}


def test_an_item_waits_for_what_it_needs_in_its_own_phase() -> None:
    policy_type = get_type(CATALOG)
    reference = replace(policy_type.references[0], path="needs", kind="chained", portable=frozenset())
    chained = replace(
        policy_type, key="chained", references=(reference,), properties=frozenset(), odata_types=frozenset()
    )

    def member(name: str, **needs: str) -> Source:
        body = catalog_body(name) | {"id": name} | needs
        return Source(policy_type=chained, source_id=name, version=1, name=name, body=body)

    sources = (member("a", needs="b"), member("b", needs="c"), member("c"))
    plan = build_plan(replace(given(), sources=sources, live={"chained": LiveType()}))

    assert [write.item for write in plan.writes] == ["chained/c", "chained/b", "chained/a"]
    assert [write.depends_on for write in plan.writes] == [(), (1,), (2,)]


# ── What must not be written ──


def test_conditional_access_comes_back_report_only() -> None:
    body = access_body()
    plan = build_plan(given(source(ACCESS, body)))
    report = body | {"state": "enabledForReportingButNotEnforced"}

    assert json.loads(plan.writes[0].body or b"")["state"] == "enabledForReportingButNotEnforced"
    assert len(only(plan).notes) >= 2
    rested = build_plan(given(source(ACCESS, body), live={ACCESS: live(report)}))
    assert only(rested).action is Action.UNCHANGED
    careful = build_plan(
        given(source(ACCESS, access_body(excludeGroups=[PILOT], state="enabled")), checks=HERE)
    )
    assert not any("nobody" in note for note in only(careful).notes)
    off = build_plan(given(source(ACCESS, access_body(state="disabled"))))
    assert json.loads(off.writes[0].body or b"")["state"] == "disabled"


def test_a_masked_value_is_never_written() -> None:
    body = catalog_body("Masked", description="****")

    item = only(build_plan(given(source(CATALOG, body))))

    assert (item.action, why(item)) == (Action.CANNOT, ["masked_secret"])
    assert "description" in item.reasons[0].message


def test_masks_are_found_in_lists() -> None:
    body = catalog_body("Masked")
    body["settings"][1]["settingInstance"]["simpleSettingValue"]["value"] = "PGEvPg=="

    assert "settings[1]" in only(build_plan(given(source(CATALOG, body)))).reasons[0].message


def test_unknown_properties_keep_a_policy_a_backup() -> None:
    body = filter_body() | {"futureProp": 1}

    item = only(build_plan(given(source(FILTERS, body))))

    assert (item.action, why(item)) == (Action.CANNOT, ["backup_only"])


def test_an_exclusion_that_would_become_an_inclusion_is_refused() -> None:
    body = {
        "id": "t",
        "displayName": "Terms",
        "title": "Terms",
        "description": "",
        "bodyText": "Be nice.",
        "acceptanceStatement": "I am.",
        "roleScopeTagIds": ["0"],
        "assignments": [group_target(PILOT, excluded=True)],
    }

    item = only(build_plan(given(source("termsAndConditions", body), checks=HERE)))

    assert (item.action, why(item)) == (Action.CANNOT, ["refused"])


def test_what_could_not_be_read_is_not_written() -> None:
    body = catalog_body("There")
    listless = build_plan(given(source(CATALOG, body), live={CATALOG: LiveType(failed="Denied.")}))
    unread = build_plan(
        given(
            source(CATALOG, body),
            live={CATALOG: LiveType(rows={body["id"]: body}, unread={body["id"]: "Timed out."})},
        )
    )

    assert [why(only(plan)) for plan in (listless, unread)] == [["not_read"], ["not_read"]]


def test_what_microsoft_made_is_never_created() -> None:
    default = {**tag_body("0", "Default"), "isBuiltIn": True}
    gone = build_plan(given(source(TAGS, default)))
    changed = build_plan(given(source(TAGS, default), live={TAGS: live(default | {"description": "x"})}))
    same = build_plan(given(source(TAGS, default), live={TAGS: live(default)}))

    assert (only(gone).action, why(only(gone))) == (Action.CANNOT, ["fixed"])
    assert only(changed).action in {Action.SKIP, Action.UPDATE}
    assert only(same).action is Action.UNCHANGED


def test_a_role_of_microsoft_is_left_alone() -> None:
    role = {
        "id": "0bd113fe-6be5-400c-a28f-ae5553f9c000",
        "@odata.type": "#microsoft.graph.deviceAndAppManagementRoleDefinition",
        "displayName": "Policy and Profile manager",
        "description": "",
        "isBuiltIn": True,
        "isBuiltInRoleDefinition": True,
        "rolePermissions": [],
        "roleScopeTagIds": ["0"],
    }
    world = {"intuneRoleDefinitions": live(role | {"description": "x"})}

    item = only(build_plan(given(source("intuneRoleDefinitions", role), live=world)))

    assert (item.action, why(item)) == (Action.SKIP, ["built_in"])


def test_a_default_of_the_tenant_is_changed_in_place_only() -> None:
    default = {
        "id": "c0ffee00-0000-4000-8000-000000000001_DefaultLimit",
        "@odata.type": "#microsoft.graph.deviceEnrollmentLimitConfiguration",
        "deviceEnrollmentConfigurationType": "limit",
        "displayName": "All Users",
        "description": "",
        "priority": 0,
        "limit": 5,
        "roleScopeTagIds": ["0"],
    }
    policy = source("enrollment.limit", default)
    world = {"enrollment.limit": live(default | {"limit": 15})}

    for existing in (Existing.UPDATE, Existing.RECREATE, Existing.COPY):
        plan = build_plan(given(policy, live=world, existing=existing, allow_deletes=True))
        assert [(write.kind, write.method) for write in plan.writes] == [("update", "PATCH")]


def taken_back(type_key: str, body: dict[str, Any], left: dict[str, Any], **how: bool) -> Source:
    """A write of the restore that left the object like this."""
    policy_type = get_type(type_key)
    undone = Undone(live_id=body["id"], left=digest(policy_type, whole(type_key, left)), **how)
    return replace(source(type_key, body), undone=undone)


def test_what_is_taken_back_and_cannot_change_in_place_is_made_again_where_deletes_are_allowed() -> None:
    body, now = filter_body(), filter_body(platform="iOS")
    planned = given(taken_back(FILTERS, body, now), live={FILTERS: live(now)})

    assert why(only(build_plan(planned))) == ["no_way"]
    plan = build_plan(replace(planned, allow_deletes=True))
    assert only(plan).action is Action.RECREATE
    assert [write.method for write in plan.writes] == ["DELETE", "POST"]


def test_what_needs_an_object_that_is_removed_is_held() -> None:
    made = filter_body()
    target = group_target(PILOT)
    target["target"] |= {
        "deviceAndAppManagementAssignmentFilterId": made["id"],
        "deviceAndAppManagementAssignmentFilterType": "include",
    }
    needs = source(CATALOG, catalog_body("Needs it", assignments=[target]))
    planned = given(
        taken_back(FILTERS, made, made, remove=True),
        needs,
        live={FILTERS: live(made)},
        checks=HERE,
        allow_deletes=True,
    )

    items = {item.name: item for item in build_plan(planned).items}

    assert items["Narrow"].action is Action.REMOVE
    assert items["Needs it"].action is Action.CANNOT
    assert any("which is removed" in reason.message for reason in items["Needs it"].reasons)


def test_what_cannot_change_in_place_says_so() -> None:
    body = filter_body()
    plan = build_plan(given(source(FILTERS, body), live={FILTERS: live(body | {"platform": "iOS"})}))

    assert (only(plan).action, why(only(plan))) == (Action.CANNOT, ["no_way"])


# ── The plan itself ──


def big_plan() -> Plan:
    narrow = filter_body()
    compliance = [catalog_body(f"P{number}", assignments=[group_target(PILOT)]) for number in range(4)]
    scripts = [
        {
            "id": f"s{number}",
            "displayName": f"S{number}",
            "description": "",
            "fileName": "a.ps1",
            "scriptContent": "QQ==",
            "runAsAccount": "system",
            "roleScopeTagIds": ["0"],
        }
        for number in range(2)
    ]
    return build_plan(
        given(
            *(source(CATALOG, body) for body in compliance),
            *(source("deviceManagementScripts", body) for body in scripts),
            source(FILTERS, narrow),
            source(ACCESS, access_body()),
            checks=HERE,
        )
    )


def test_phases_follow_each_other_and_families_go_together() -> None:
    plan = big_plan()

    phases = [write.phase for write in plan.writes]
    assert phases == sorted(phases)
    assert phases[0] is Phase.FOUNDATIONS
    assert phases[-1] is Phase.ENTRA
    creates = [write.family for write in plan.writes if write.phase is Phase.POLICIES]
    first_half = creates[: len(creates) // 2]
    assert set(first_half) == set(creates)
    assert plan.writes_by_family()[get_type(CATALOG).family] == 8
    assert [write.n for write in plan.writes] == list(range(1, len(plan.writes) + 1))


def steps_of(key: str, type_key: str, *kinds: StepKind, needs: frozenset[str] = frozenset()) -> ItemSteps:
    return ItemSteps(
        key=key,
        policy_type=get_type(type_key),
        steps=tuple(Step(kind=kind, method="POST", path=f"/{kind}") for kind in kinds),
        needs=needs,
    )


def test_what_belongs_below_comes_after_all_policies() -> None:
    create, child, assign = StepKind.CREATE, StepKind.CHILD, StepKind.ASSIGN
    placed = place_steps(
        [
            steps_of("a", CATALOG, create, child, child, assign),
            steps_of("b", "deviceManagementScripts", create, assign),
            steps_of("t", "notificationMessageTemplates", create, child),
            steps_of("e", ACCESS, create, child),
        ]
    )

    assert [(each.key, each.step.kind, each.phase) for each in placed] == [
        ("t", create, Phase.FOUNDATIONS),
        ("t", child, Phase.FOUNDATIONS),
        ("a", create, Phase.POLICIES),
        ("b", create, Phase.POLICIES),
        ("a", child, Phase.CHILDREN),
        ("a", child, Phase.CHILDREN),
        ("a", assign, Phase.ASSIGNMENTS),
        ("b", assign, Phase.ASSIGNMENTS),
        ("e", create, Phase.ENTRA),
        ("e", child, Phase.ENTRA),
    ]
    assert [each.depends_on for each in placed] == [(), (1,), (), (), (3,), (5,), (6,), (4,), (), (9,)]


def test_priorities_are_set_last_and_ascending() -> None:
    def ranked(key: str, rank: int) -> ItemSteps:
        make = Step(kind=StepKind.CREATE, method="POST", path="/c")
        assign = Step(kind=StepKind.ASSIGN, method="POST", path="{item}/assign")
        order = Step(kind=StepKind.CHILD, method="POST", path="{item}/setPriority", body={"priority": rank})
        return ItemSteps(key=key, policy_type=get_type("enrollment.limit"), steps=(make, order, assign))

    placed = place_steps([ranked("a", 3), ranked("b", 1), ranked("c", 2)])

    assert [each.key for each in placed if each.phase is Phase.PRIORITIES] == ["b", "c", "a"]
    assert [each.phase for each in placed] == sorted(each.phase for each in placed)


def test_what_a_foundation_needs_comes_before_it() -> None:
    placed = place_steps(
        [
            steps_of("f", FILTERS, StepKind.CREATE, needs=frozenset({"c"})),
            steps_of("c", CATALOG, StepKind.CREATE, needs=frozenset({"e"})),
            steps_of("e", ACCESS, StepKind.CREATE),
            steps_of("free", FILTERS, StepKind.CREATE),
        ]
    )

    assert [each.key for each in placed] == ["free", "e", "c", "f"]
    assert [each.depends_on for each in placed] == [(), (), (2,), (3,)]


def test_equal_inputs_give_equal_plans_and_every_byte_counts() -> None:
    one, two = big_plan(), big_plan()
    assert one.sha256 == two.sha256
    assert len(one.sha256) == 64
    for changed in (
        replace(one, allow_deletes=True),
        replace(one, tenant_guid="other"),
        replace(one, items=one.items[1:]),
        replace(one, writes=one.writes[1:]),
        replace(one, writes=(replace(one.writes[0], body=b"{}"), *one.writes[1:])),
        replace(one, writes=(replace(one.writes[0], path="/beta/x"), *one.writes[1:])),
        replace(one, items=(replace(one.items[0], expects="0"), *one.items[1:])),
    ):
        assert replace(changed).sha256 != one.sha256


def test_a_plan_survives_being_kept() -> None:
    plan = big_plan()
    kept = replace(
        plan,
        items=tuple(PlannedItem.from_facts(json.loads(json.dumps(item.facts()))) for item in plan.items),
        writes=tuple(PlannedWrite.from_facts(json.loads(json.dumps(each.facts()))) for each in plan.writes),
    )

    assert kept.sha256 == plan.sha256
    assert kept.counts() == plan.counts()
    assert kept.writes == plan.writes


def test_placeholders_are_filled_in_texts_only() -> None:
    ids = {"a/1": "X"}
    assert fill_placeholders("/p/{created:a/1}/assign", ids) == "/p/X/assign"
    assert fill_placeholders("/p", ids) == "/p"
    assert fill_body({"a": ["{created:a/1}", 1, None, "b"]}, ids) == {"a": ["X", 1, None, "b"]}
    assert fill_bytes(None, ids) is None
    assert fill_bytes(b'{"a":"b"}', ids) == b'{"a":"b"}'
    assert fill_bytes(b'{"a":"{created:a/1}"}', ids) == b'{"a":"X"}'
    assert placeholders_in(["{created:a/1}", None], ["a/1", "b"]) == {"a/1"}
    assert placeholders_in([b"nothing"], ["a/1"]) == frozenset()


def test_what_has_to_be_read_is_known_before() -> None:
    narrow = filter_body()
    policy = source(CATALOG, with_filter(narrow["id"]))
    none = source(CATALOG, with_filter(NO_FILTER) | {"id": "other"})

    assert {policy_type.key for policy_type in types_needed((policy,))} == {CATALOG, FILTERS}
    assert ids_named((policy, none)) == {FILTERS: {narrow["id"]}, "groups": {PILOT}}
    assert check_paths((policy,))["groups"] == "/v1.0/groups/{id}?$select=id"
    assert "/{id}" in check_paths((source(ACCESS, access_body()),))["termsOfUse.agreements"]
    world = given(
        policy,
        groups={"g2": "Pilot", PILOT: "Pilot"},
        names={("groups", PILOT): "Pilot"},
        **mapped("groups", PILOT, to("g3")),
    )
    assert ids_to_check(world, ids_named((policy,)))["groups"] == {PILOT, "g3"}
    assert ids_to_check(given(), {}) == {}
    other = given(policy, **mapped("groups", "somebody else", to("g3")))
    assert ids_to_check(other, ids_named((policy,)))["groups"] == {PILOT}
    unknown = given(policy, **mapped("users", "u", to("v")))
    assert "users" not in ids_to_check(unknown, ids_named((policy,)))
