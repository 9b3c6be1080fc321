"""Capturing a tenant: nothing is missing in silence."""

import pytest

from tenantatlas.backups.models import BackupSet, PolicyVersion, SetEntry, SetStatus, SetType
from tenantatlas.backups.services import load_document
from tenantatlas.core.errors import InputError
from tenantatlas.inventory.models import Policy, ReadStatus
from tenantatlas.runs.models import OperationRun
from tenantatlas.simulator.faults import DuplicateRow, Status, Throttle, Vanish
from tests.simulated import CATALOG, SCRIPTS, World

CATALOG_TYPE = "configurationPolicies"


def capture(world: World, **params: object) -> tuple[OperationRun, BackupSet]:
    run = world.work("backup_set.capture", **({"types": [CATALOG_TYPE]} | params))
    return run, BackupSet.objects.get(run=run)


def catalog(backup_set: BackupSet) -> SetType:
    return SetType.objects.get(backup_set=backup_set, type_key=CATALOG_TYPE)


def assert_incomplete(run: OperationRun, backup_set: BackupSet) -> None:
    assert run.outcome == "partially_succeeded"
    assert backup_set.status == SetStatus.INCOMPLETE


@pytest.fixture
def sixty(world: World) -> list[str]:
    """Three pages of policies."""
    world.small_pages()
    return [world.catalog_policy(f"Policy {number:02}") for number in range(60)]


def test_a_set_holds_every_listed_policy(world: World, sixty: list[str]) -> None:
    run, backup_set = capture(world, name="Nightly")

    assert run.outcome == "succeeded", run.failures
    assert run.context["set"] == backup_set.pk
    assert (backup_set.name, backup_set.status) == ("Nightly", SetStatus.COMPLETE)
    assert catalog(backup_set).status == ReadStatus.COMPLETE
    assert set(SetEntry.objects.values_list("version__graph_id", flat=True)) == set(sixty)
    assert backup_set.counts["policies"] == backup_set.counts["new"] == 60
    assert world.simulator.writes() == []


def test_a_policy_with_many_settings_is_captured_whole(world: World) -> None:
    world.catalog_policy("Long", settings=153)

    run, _ = capture(world)

    document = load_document(PolicyVersion.objects.get())
    assert run.outcome == "succeeded", run.failures
    assert len(document.parts["settings"]) == 153


def test_an_unchanged_policy_is_seen_again(world: World, sixty: list[str]) -> None:
    _, first = capture(world)
    world.sim.mutate(sixty[0], lambda body: body.update(description="Other"), collection=CATALOG)

    _, second = capture(world)

    assert PolicyVersion.objects.count() == 61
    assert second.counts["new"] == 1
    assert second.counts["seen_again"] == 59
    assert first.fingerprint != second.fingerprint
    assert SetEntry.objects.filter(backup_set=second, state="seen again").count() == 59


@pytest.mark.usefixtures("sixty")
def test_a_lost_page_makes_the_type_partial_by_name(world: World) -> None:
    world.simulator.fault("GET", r"configurationPolicies\?.*skiptoken", Status(500), times=0)

    run, backup_set = capture(world)

    assert_incomplete(run, backup_set)
    row = catalog(backup_set)
    assert (row.status, row.listed, row.captured) == (ReadStatus.PARTIAL, 25, 25)
    assert "Page 2 of the list could not be read" in row.detail
    assert any("Settings catalog" in failure["message"] for failure in run.failures)


def test_a_list_that_fails_is_partial_and_the_others_are_kept(world: World) -> None:
    world.catalog_policy("Unread")
    world.sim.put("/beta/deviceManagement/roleScopeTags", {"displayName": "Berlin"})
    world.simulator.fault("GET", r"configurationPolicies", Status(500), times=0)

    run, backup_set = capture(world, types=[CATALOG_TYPE, "roleScopeTags"])

    assert_incomplete(run, backup_set)
    assert catalog(backup_set).status == ReadStatus.PARTIAL
    assert SetType.objects.get(type_key="roleScopeTags").status == ReadStatus.COMPLETE


def test_a_missing_permission_is_named(world: World) -> None:
    world.catalog_policy("Hidden")
    world.sim.put("/beta/deviceManagement/roleScopeTags", {"displayName": "Berlin"})
    world.sim.revoke(
        {"DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"}
    )

    run, backup_set = capture(world, types=[CATALOG_TYPE, "roleScopeTags"])

    assert_incomplete(run, backup_set)
    row = catalog(backup_set)
    assert row.status == ReadStatus.DENIED
    assert "DeviceManagementConfiguration.Read.All" in row.detail


def test_what_the_licence_lacks_does_not_spoil_the_set(world: World) -> None:
    world.catalog_policy("Here")
    world.sim.profile.autopatch = False

    run, backup_set = capture(world, types=[CATALOG_TYPE, "windowsDriverUpdateProfiles"])

    assert run.outcome == "succeeded", run.failures
    assert backup_set.status == SetStatus.COMPLETE
    row = SetType.objects.get(type_key="windowsDriverUpdateProfiles")
    assert row.status == ReadStatus.UNAVAILABLE
    assert row.detail


def test_a_sub_request_that_fails_inside_a_batch_fails_its_policy_only(
    world: World, sixty: list[str]
) -> None:
    world.simulator.fault("GET", f"configurationPolicies/{sixty[7]}/settings", Status(500), times=0)

    run, backup_set = capture(world)

    assert_incomplete(run, backup_set)
    row = catalog(backup_set)
    assert (row.status, row.captured, row.failed) == (ReadStatus.PARTIAL, 59, 1)
    assert "Policy 07" in row.detail


@pytest.mark.usefixtures("sixty")
def test_throttled_sub_requests_are_read_in_the_end(world: World) -> None:
    world.simulator.fault("GET", r"configurationPolicies/.*/settings", Throttle("2"), times=7)

    run, backup_set = capture(world)

    assert run.outcome == "succeeded", run.failures
    assert backup_set.status == SetStatus.COMPLETE


@pytest.mark.usefixtures("sixty")
def test_a_row_that_comes_twice_is_one_policy(world: World) -> None:
    world.simulator.fault("GET", r"configurationPolicies\?", DuplicateRow())

    run, backup_set = capture(world)

    assert run.outcome == "succeeded", run.failures
    assert catalog(backup_set).listed == 60


def test_a_policy_that_goes_between_list_and_read_marks_the_type_changed(world: World) -> None:
    gone = world.catalog_policy("Gone")
    world.catalog_policy("Stays")
    world.simulator.fault("GET", r"configurationPolicies\?", Vanish(gone))

    run, backup_set = capture(world)

    assert_incomplete(run, backup_set)
    row = catalog(backup_set)
    assert (row.status, row.captured, row.failed) == (ReadStatus.CHANGED, 1, 1)
    assert "Gone" in row.detail


def test_a_policy_that_changes_meanwhile_is_named_by_the_second_look(
    world: World, sixty: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenantatlas.backups import reading  # noqa: PLC0415 - patched below

    stage = reading.stage_rows

    def touch(*args: object, **kwargs: object) -> list[str]:
        world.clock.advance(60)
        world.sim.mutate(sixty[3], lambda body: body.update(description="Moved"), collection=CATALOG)
        return stage(*args, **kwargs)

    monkeypatch.setattr(reading, "stage_rows", touch)
    run, backup_set = capture(world)

    assert_incomplete(run, backup_set)
    row = catalog(backup_set)
    assert row.status == ReadStatus.CHANGED
    assert "Policy 03 (modified)" in row.detail


def test_a_policy_whose_settings_do_not_add_up_is_failed(world: World) -> None:
    odd = world.catalog_policy("Odd")
    world.sim.find(CATALOG, odd).latest.body["settingCount"] = 9
    world.catalog_policy("Even")

    run, backup_set = capture(world)

    assert_incomplete(run, backup_set)
    assert "Odd" in catalog(backup_set).detail


def test_single_policies_are_captured_alone(world: World, sixty: list[str]) -> None:
    world.work("inventory.sync", types=[CATALOG_TYPE])

    run, backup_set = capture(world, policies=sixty[:2], types=[])

    assert run.outcome == "succeeded", run.failures
    assert backup_set.counts["policies"] == 2
    assert backup_set.scope == {"types": [], "policies": sorted(sixty[:2])}


def test_a_policy_that_was_asked_for_and_is_gone_is_named(world: World, sixty: list[str]) -> None:
    world.work("inventory.sync", types=[CATALOG_TYPE])
    world.sim.remove(CATALOG, sixty[0])

    run, backup_set = capture(world, policies=sixty[:2], types=[])

    assert_incomplete(run, backup_set)
    assert "Policy 00 (It is no longer in the tenant)" in catalog(backup_set).detail


@pytest.mark.usefixtures("sixty")
def test_unknown_policies_and_types_are_refused_at_the_start(world: World) -> None:
    with pytest.raises(InputError, match="no-such-policy"):
        world.start("backup_set.capture", policies=["no-such-policy"])
    with pytest.raises(InputError) as caught:
        world.start("backup_set.capture", types=["configurationPolicy"])

    assert CATALOG_TYPE in caught.value.hint
    assert OperationRun.objects.count() == 0


def test_a_policy_of_another_type_than_those_named_is_refused(world: World, sixty: list[str]) -> None:
    world.work("inventory.sync", types=[CATALOG_TYPE])

    with pytest.raises(InputError, match="which was not named"):
        world.start("backup_set.capture", types=["roleScopeTags"], policies=sixty[:1])


def test_unknown_properties_are_kept_and_marked_backup_only(world: World) -> None:
    world.catalog_policy("Future", futureProp={"a": 1})

    capture(world)

    version = PolicyVersion.objects.get()
    assert any("futureProp" in reason for reason in version.backup_only)
    assert b"futureProp" in load_document(version).to_bytes()


def test_the_inventory_knows_what_was_captured(world: World, sixty: list[str]) -> None:
    capture(world)

    policy = Policy.objects.get(graph_id=sixty[0])
    assert policy.protection.version.graph_id == sixty[0]
    assert policy.protection.evidence == policy.evidence


def test_a_retry_captures_what_failed(world: World, sixty: list[str]) -> None:
    from tenantatlas.runs.lifecycle import Trigger  # noqa: PLC0415 - one test
    from tenantatlas.runs.services import retry_failed_items  # noqa: PLC0415 - one test

    rule = world.simulator.fault("GET", f"configurationPolicies/{sixty[7]}/settings", Status(500), times=0)
    run, first = capture(world)
    world.simulator.script.rules.remove(rule)

    again, created = retry_failed_items(run, actor=world.cast.otto, trigger=Trigger.PERSON)
    again = world.finish(again)

    assert created
    assert again.outcome == "succeeded", again.failures
    second = BackupSet.objects.get(run=again)
    assert second.pk != first.pk
    assert [entry.version.graph_id for entry in second.entries.all()] == [sixty[7]]


def test_scripts_are_read_with_their_content(world: World) -> None:
    world.sim.put(
        SCRIPTS,
        {
            "displayName": "Script",
            "fileName": "a.ps1",
            "scriptContent": "V3JpdGUtSG9zdA==",
            "runAsAccount": "system",
        },
    )

    run, _ = capture(world, types=["deviceManagementScripts"])

    assert run.outcome == "succeeded", run.failures
    assert load_document(PolicyVersion.objects.get()).read_object()["scriptContent"] == "V3JpdGUtSG9zdA=="
