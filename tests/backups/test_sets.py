"""What can be done with a set once it is captured."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from tenantatlas.audit.models import AuditEntry
from tenantatlas.backups import queries, services
from tenantatlas.backups.archive import read_archive
from tenantatlas.backups.comparing import compare_sets
from tenantatlas.backups.models import BackupSet, Blob, Export, PolicyVersion, Protection, SetEntry, SetStatus
from tenantatlas.core.errors import Conflict, NotAllowed, NotFound, StorageFailed
from tenantatlas.core.ids import sha256_hex
from tenantatlas.inventory.models import Policy
from tenantatlas.simulator.faults import Status
from tests.simulated import CATALOG, World

TYPES = ["configurationPolicies"]


def capture(world: World, **params: object) -> BackupSet:
    run = world.work("backup_set.capture", **({"types": TYPES} | params))
    return BackupSet.objects.get(run=run)


@pytest.fixture
def three(world: World) -> list[str]:
    return [world.catalog_policy(name) for name in ("Alpha", "Beta", "Gamma")]


# ── Proved ──


def test_a_whole_set_verifies(world: World, three: list[str]) -> None:
    run = world.work("backup_set.verify", set=capture(world).pk)

    assert run.outcome == "succeeded", run.failures
    assert run.counts["succeeded"] == len(three)


@pytest.mark.parametrize("damage", ["flip", "swap", "cut"])
@pytest.mark.usefixtures("three")
def test_a_damaged_payload_is_named(world: World, damage: str) -> None:
    backup_set = capture(world)
    blobs = {version.name: version.blob for version in PolicyVersion.objects.select_related("blob")}
    sealed = bytes(blobs["Beta"].sealed)
    spoiled = {
        "flip": sealed[:40] + bytes([sealed[40] ^ 1]) + sealed[41:],
        "swap": bytes(blobs["Alpha"].sealed),
        "cut": sealed[:10],
    }[damage]
    Blob.objects.filter(pk=blobs["Beta"].pk).update(sealed=spoiled)

    run = world.work("backup_set.verify", set=backup_set.pk)

    assert run.outcome == "partially_succeeded"
    bad = [item for item in world.items(run).values() if item.state == "failed"]
    assert [item.label for item in bad] == ["Beta"]
    assert "Beta" in bad[0].message
    with pytest.raises(StorageFailed, match="Beta"):
        services.load_document(PolicyVersion.objects.get(name="Beta"))


@pytest.mark.usefixtures("three")
def test_a_lost_entry_shows_in_the_fingerprint(world: World) -> None:
    backup_set = capture(world)
    SetEntry.objects.filter(version__name="Beta").delete()

    run = world.work("backup_set.verify", set=backup_set.pk)

    assert run.outcome == "partially_succeeded"
    assert "does not hold the versions that were captured" in run.failures[0]["message"]


@pytest.mark.usefixtures("three")
def test_versions_and_payloads_cannot_be_written_over(world: World) -> None:
    capture(world)
    version = PolicyVersion.objects.first()

    with pytest.raises(TypeError, match="immutable"):
        version.save()


@pytest.mark.usefixtures("three")
def test_payloads_are_neither_readable_nor_larger_than_needed(world: World) -> None:
    capture(world)

    for blob in Blob.objects.all():
        assert b"Alpha" not in bytes(blob.sealed)
        assert len(blob.sealed) < blob.size


# ── Handed out ──


def test_an_export_holds_every_policy_and_its_hash(world: World, three: list[str]) -> None:
    backup_set = capture(world)

    run = world.work("backup_set.export", set=backup_set.pk)

    assert run.outcome == "succeeded", run.failures
    made = Export.objects.get(pk=run.context["export"])
    data = b"".join(read_archive(made))
    assert (sha256_hex(data), len(data)) == (made.sha256, made.size)
    archive = zipfile.ZipFile(io.BytesIO(data))
    manifest = json.loads(archive.read("manifest.json"))
    assert {entry["id"] for entry in manifest["policies"]} == set(three)
    assert manifest["set"]["fingerprint"] == backup_set.fingerprint
    for entry in manifest["policies"]:
        content = archive.read(entry["file"])
        assert sha256_hex(content) == entry["sha256"]
        assert json.loads(content)["name"] == entry["name"]


@pytest.mark.usefixtures("three")
def test_the_same_set_gives_the_same_archive(world: World) -> None:
    backup_set = capture(world)
    first = Export.objects.get(run_id=world.work("backup_set.export", set=backup_set.pk).pk).sha256
    world.clock.advance(3600)

    second = Export.objects.get(run_id=world.work("backup_set.export", set=backup_set.pk).pk).sha256

    assert first == second
    assert Export.objects.count() == 1


@pytest.mark.usefixtures("three")
def test_an_export_of_a_damaged_set_fails_by_name(world: World) -> None:
    backup_set = capture(world)
    Blob.objects.filter(versions__name="Gamma").update(sealed=b"nothing")

    run = world.work("backup_set.export", set=backup_set.pk)

    assert run.outcome == "failed"
    assert "Gamma" in run.failures[0]["message"]
    assert not Export.objects.exists()


# ── Kept and let go ──


@pytest.mark.usefixtures("three")
def test_a_kept_set_cannot_be_deleted_until_it_is_released(world: World) -> None:
    backup_set = capture(world)
    services.keep_set(backup_set, actor=world.cast.otto)

    with pytest.raises(Conflict, match="is kept"):
        services.delete_set(backup_set, actor=world.cast.otto)
    services.release_set(backup_set, actor=world.cast.otto)
    services.delete_set(backup_set, actor=world.cast.otto)

    assert backup_set.status == SetStatus.DELETED
    actions = list(AuditEntry.objects.order_by("sequence").values_list("action", flat=True))
    assert actions[-3:] == ["backup_set.keep", "backup_set.release", "backup_set.delete"]


@pytest.mark.usefixtures("three")
def test_deleting_takes_what_only_the_set_holds(world: World) -> None:
    first = capture(world)
    world.sim.mutate(
        Policy.objects.get(name="Beta").graph_id,
        lambda body: body.update(description="New"),
        collection=CATALOG,
    )
    second = capture(world)
    assert PolicyVersion.objects.count() == 4

    services.delete_set(second, actor=world.cast.otto)

    assert PolicyVersion.objects.count() == Blob.objects.count() == 3
    assert world.work("backup_set.verify", set=first.pk).outcome == "succeeded"
    beta = Protection.objects.get(policy__name="Beta")
    assert beta.version.name == "Beta"
    row = queries.policy_row(Policy.objects.get(name="Beta"))
    assert row.protection == queries.ProtectionState.CHANGED
    with pytest.raises(NotFound):
        queries.find_set(second.pk)

    services.delete_set(first, actor=world.cast.otto)

    assert not PolicyVersion.objects.exists()
    assert not Blob.objects.exists()
    assert queries.policies_never_protected().count() == 3


def test_a_snapshot_stays_when_the_set_goes(world: World, three: list[str]) -> None:
    backup_set = capture(world)
    run = world.work("policy.capture_snapshot", policy=three[0])

    assert run.outcome == "succeeded", run.failures
    assert world.items(run)[f"configurationPolicies/{three[0]}"].action == "seen again"

    services.delete_set(backup_set, actor=world.cast.otto)

    assert [version.graph_id for version in PolicyVersion.objects.all()] == [three[0]]


@pytest.mark.usefixtures("three")
def test_deleting_twice_and_while_capturing_is_refused(world: World) -> None:
    backup_set = capture(world)
    services.delete_set(backup_set, actor=world.cast.otto)
    with pytest.raises(Conflict, match="deleted already"):
        services.delete_set(backup_set, actor=world.cast.otto)
    with pytest.raises(Conflict, match="is deleted"):
        services.keep_set(backup_set, actor=world.cast.otto)

    BackupSet.objects.filter(pk=backup_set.pk).update(status=SetStatus.CAPTURING)

    with pytest.raises(Conflict, match="still being captured"):
        services.delete_set(backup_set, actor=world.cast.otto)
    with pytest.raises(Conflict, match="still being captured"):
        world.start("backup_set.verify", set=backup_set.pk)


@pytest.mark.usefixtures("three")
def test_who_may_not_delete_or_see_is_told_so(world: World) -> None:
    backup_set = capture(world)

    with pytest.raises(NotAllowed, match="the right to delete backup sets"):
        services.delete_set(backup_set, actor=world.cast.olu)
    with pytest.raises(NotAllowed, match="the right to keep backup sets"):
        services.keep_set(backup_set, actor=world.cast.ana)
    with pytest.raises(NotFound):
        services.delete_set(backup_set, actor=world.cast.eve)
    with pytest.raises(NotFound):
        queries.set_for(world.cast.eve, backup_set.pk)
    assert queries.set_for(world.cast.olu, backup_set.pk) == backup_set


# ── Looked at ──


def test_the_list_says_which_policies_are_protected(world: World, three: list[str]) -> None:
    capture(world, types=TYPES)
    world.clock.advance(60)
    world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    world.catalog_policy("Delta")
    world.work("inventory.sync", types=TYPES)

    rows = queries.policy_rows(queries.policies_with_protection())

    state = queries.ProtectionState
    assert {row.name: row.protection for row in rows} == {
        "Alpha": state.PROTECTED,
        "Beta": state.CHANGED,
        "Gamma": state.PROTECTED,
        "Delta": state.NEVER,
    }
    for wanted in state:
        found = queries.policy_rows(queries.policies_with_protection(protection=wanted))
        assert {row.name for row in found} == {row.name for row in rows if row.protection == wanted}


@pytest.mark.parametrize("how", ["its list", "by id"])
def test_what_was_read_after_the_list_is_protected_until_a_list_says_otherwise(
    world: World, three: list[str], how: str
) -> None:
    world.work("inventory.sync", types=TYPES)
    world.clock.advance(60)
    if how == "its list":
        world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    world.work(
        "backup_set.capture",
        **({"types": TYPES} if how == "its list" else {"policies": [three[1]], "types": []}),
    )

    def state() -> queries.ProtectionState:
        return queries.policy_row(Policy.objects.get(graph_id=three[1])).protection

    assert state() == queries.ProtectionState.PROTECTED
    world.clock.advance(60)
    world.work("inventory.sync", types=TYPES)
    assert state() == queries.ProtectionState.PROTECTED
    world.clock.advance(60)
    world.sim.mutate(three[1], lambda body: body.update(description="Newer"), collection=CATALOG)
    world.work("inventory.sync", types=TYPES)
    assert state() == queries.ProtectionState.CHANGED


def test_lists_cost_few_queries(world: World, three: list[str], django_assert_max_num_queries) -> None:
    backup_set = capture(world)
    policy = Policy.objects.get(graph_id=three[0])

    with django_assert_max_num_queries(1):
        queries.policy_rows(queries.policies_with_protection(types=TYPES, search="a"))
    with django_assert_max_num_queries(1):
        [queries.set_row(found) for found in queries.set_list()]
    with django_assert_max_num_queries(3):
        queries.set_detail(queries.find_set(backup_set.pk))
    with django_assert_max_num_queries(2):
        queries.versions_of(policy)
    with django_assert_max_num_queries(1):
        [entry.version.name for entry in queries.set_entries(backup_set)]


def test_two_versions_differ_by_what_changed(world: World, three: list[str]) -> None:
    first = capture(world)
    world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    second = capture(world)
    policy = Policy.objects.get(graph_id=three[1])

    newest, oldest = queries.versions_of(policy)
    diff = queries.diff_versions(queries.find_version(oldest.id), queries.find_version(newest.id))

    assert [(one.path, one.before, one.after) for one in diff.differences] == [
        ("description", "About Beta", "New")
    ]
    assert newest.sets == ((second.pk, second.name),)
    assert oldest.sets == ((first.pk, first.name),)
    assert queries.shown_body(diff.after)["description"] == "New"
    with pytest.raises(NotFound):
        queries.find_version(10_000)


def test_two_sets_are_compared_policy_by_policy(world: World, three: list[str]) -> None:
    before = capture(world)
    world.sim.mutate(three[1], lambda body: body.update(description="New"), collection=CATALOG)
    world.sim.remove(CATALOG, three[2])
    world.catalog_policy("Delta")
    after = capture(world)

    found = {one.name: one.kind for one in compare_sets(before, after)}

    assert found == {"Beta": "changed", "Gamma": "removed", "Delta": "added"}
    assert list(compare_sets(before, before)) == []


def test_what_a_set_did_not_read_is_unknown(world: World, three: list[str]) -> None:
    before = capture(world)
    world.simulator.fault("GET", f"configurationPolicies/{three[2]}/settings", Status(500), times=0)
    after = capture(world)

    assert [(one.name, one.kind) for one in compare_sets(before, after)] == [("Gamma", "unknown")]
    assert [(one.name, one.kind) for one in compare_sets(after, before)] == [("Gamma", "unknown")]


@pytest.mark.usefixtures("three")
def test_the_words_of_completeness(world: World) -> None:
    whole = capture(world, name="Whole")
    world.simulator.fault("GET", r"configurationPolicies\?", Status(500), times=0)
    broken = capture(world, name="Broken")

    assert queries.completeness_of(whole) == "3 of 3"
    assert queries.completeness_of(broken) == "0 of 0, 1 of 1 types not complete"
    assert queries.set_detail(broken).types[0].status == "partial"
    assert queries.latest_complete_set() == whole
    broken.counts = {}
    assert queries.completeness_of(broken) == "Not finished"
    broken.status = SetStatus.CAPTURING
    assert queries.completeness_of(broken) == "Being captured"
