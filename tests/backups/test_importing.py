"""Taking in what was exported, by us and by others; and what must not come in."""

from __future__ import annotations

import io
import json as stdjson
import resource
import zipfile
from typing import Any

import pytest

from tenantatlas.backups.imports import keep_upload
from tenantatlas.backups.models import BackupSet, PolicyVersion, Protection, SetEntry, SetStatus, Upload
from tenantatlas.backups.queries import latest_complete_set
from tenantatlas.backups.recognising import NotRecognised, recognise
from tenantatlas.backups.services import load_document
from tenantatlas.core.errors import InputError, NotAllowed, NotFound
from tenantatlas.inventory.models import Policy, Presence
from tenantatlas.policies.canonical import compose
from tenantatlas.policies.registry import get_type
from tenantatlas.restore.models import Restore
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.registry import label_of
from tests.simulated import CATALOG, World, catalog_body, group_target

from .archives import hostile, zipped

TYPES = ["configurationPolicies"]
HOSTILE = dict(hostile())
MIB = 1024 * 1024


def handed_in(world: World, data: bytes, name: str = "export.zip") -> Upload:
    return keep_upload(world.tenant, [data], name=name, actor=world.cast.ana)


def preview(world: World, data: bytes) -> OperationRun:
    return world.work("backup_set.look_into", upload=handed_in(world, data).pk)


def imported(world: World, data: bytes) -> tuple[OperationRun, BackupSet]:
    run = world.work("backup_set.import", upload=handed_in(world, data).pk)
    return run, BackupSet.objects.get(run=run)


def exported(world: World, **params: Any) -> bytes:
    from tenantatlas.backups.archive import read_archive  # noqa: PLC0415 - beside its use
    from tenantatlas.backups.models import Export  # noqa: PLC0415

    run = world.work("backup_set.export", **params)
    assert run.outcome == "succeeded", run.failures
    return b"".join(read_archive(Export.objects.select_related("tenant").get(run_id=run.pk)))


def as_file(body: dict[str, Any]) -> bytes:
    return stdjson.dumps(body).encode()


@pytest.fixture
def backup_set(world: World) -> BackupSet:
    group = world.sim.put("/groups", {"displayName": "Sales", "securityEnabled": True})
    world.catalog_policy("Alpha", assignments=[group_target(group)])
    world.catalog_policy("Beta")
    return BackupSet.objects.get(run=world.work("backup_set.capture", types=TYPES))


class TestOurOwn:
    def test_what_was_exported_comes_back_equal(self, world: World, backup_set: BackupSet) -> None:
        before = set(PolicyVersion.objects.values_list("graph_id", "digest"))
        run, made = imported(world, exported(world, set=backup_set.pk))

        assert run.outcome == "succeeded", run.failures
        assert (made.source, made.status) == ("import", SetStatus.COMPLETE)
        entries = SetEntry.objects.filter(backup_set=made)
        assert set(entries.values_list("version__graph_id", "version__digest")) == before
        assert PolicyVersion.objects.count() == len(before), "equal content makes no new version"

    def test_a_preview_says_what_is_in_it_and_keeps_nothing(
        self, world: World, backup_set: BackupSet
    ) -> None:
        data = exported(world, set=backup_set.pk)
        sets = BackupSet.objects.count()
        run = preview(world, data)

        items = [item for item in world.items(run).values() if item.state == "succeeded"]
        assert run.outcome == "succeeded", run.failures
        assert {item.message for item in items} == {"Settings catalog: Alpha.", "Settings catalog: Beta."}
        assert BackupSet.objects.count() == sets

    def test_an_import_protects_nothing_and_is_no_backup_of_the_tenant(
        self, world: World, backup_set: BackupSet
    ) -> None:
        protected = dict(Protection.objects.values_list("policy_id", "version_id"))
        body = catalog_body("Alpha", description="From elsewhere")
        _, made = imported(world, zipped(("alpha.json", as_file(body))))

        assert SetEntry.objects.get(backup_set=made).version.imported
        assert dict(Protection.objects.values_list("policy_id", "version_id")) == protected
        assert latest_complete_set() == backup_set

    def test_a_file_that_was_changed_is_passed_over(self, world: World, backup_set: BackupSet) -> None:
        source = zipfile.ZipFile(io.BytesIO(exported(world, set=backup_set.pk)))
        data = zipped(
            *[(name, source.read(name).replace(b"About Alpha", b"About Omega")) for name in source.namelist()]
        )
        run, made = imported(world, data)
        assert SetEntry.objects.get(backup_set=made).version.name == "Beta"
        assert "hash differs" in next(
            item.message for item in world.items(run).values() if item.state == "skipped"
        )

    def test_it_can_be_restored(self, world: World, backup_set: BackupSet) -> None:
        data = exported(world, set=backup_set.pk)
        for row in list(world.sim.objects(CATALOG)):
            world.sim.remove(CATALOG, row["id"])
        world.work("directory_groups.sync")
        _, made = imported(world, data)

        run = world.work("restore.preview", set=made.pk)

        assert run.outcome == "succeeded", run.failures
        restore = Restore.objects.get(pk=run.context["restore"])
        assert restore.counts["create"] == 2

    def test_chosen_policies_are_exported_by_their_newest_version(
        self, world: World, backup_set: BackupSet
    ) -> None:
        alpha = Policy.objects.get(name="Alpha").graph_id
        for params in ({"policies": [alpha]}, {"set": backup_set.pk, "policies": [alpha]}):
            archive = zipfile.ZipFile(io.BytesIO(exported(world, **params)))
            names = archive.namelist()
            assert len(names) == 2
            assert "Alpha" in names[0]
        with pytest.raises(InputError):
            world.start("backup_set.export", policies=["nowhere"])
        with pytest.raises(InputError):
            world.start("backup_set.export")


class TestOthers:
    @pytest.mark.parametrize(
        ("path", "more", "expected"),
        [
            (
                "x/Baseline.json",
                {
                    "@odata.context": "https://graph.microsoft.com/beta/$metadata#deviceManagement/"
                    "configurationPolicies(settings())/$entity"
                },
                "configurationPolicies",
            ),
            ("Settings Catalog/Baseline.json", {}, "configurationPolicies"),
            ("whatever/Baseline.json", {}, "configurationPolicies"),
        ],
    )
    def test_the_type_is_found(self, path: str, more: dict[str, Any], expected: str) -> None:
        body = {**catalog_body("Baseline"), **more}
        found = recognise(path, as_file(body))
        assert [(one.policy_type.key, one.name) for one in found] == [(expected, "Baseline")]

    def test_by_folder_alone(self) -> None:
        for folder, key in (("Filters", "assignmentFilters"), ("ScopeTags", "roleScopeTags")):
            found = recognise(f"export/{folder}/x.json", as_file({"displayName": "x"}))
            assert found[0].policy_type.key == key

    def test_by_odata_type(self) -> None:
        body = {"@odata.type": "#microsoft.graph.windows10CompliancePolicy", "displayName": "Windows"}
        assert recognise("x.json", as_file(body))[0].policy_type.key == "deviceCompliancePolicies"

    def test_without_an_id_one_is_made_up_and_said(self) -> None:
        body = catalog_body("Baseline")
        del body["id"]
        one, again = (recognise("x.json", as_file(body))[0] for _ in range(2))
        assert one.graph_id == again.graph_id
        assert "no id" in " ".join(one.notes)

    def test_a_group_that_is_only_named_is_never_guessed(self) -> None:
        body = catalog_body("Baseline")
        body["assignments"] = [
            {"target": {"@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupName": "Sales"}}
        ]
        found = recognise("x.json", as_file(body))[0]
        assert "“Sales”" in " ".join(found.notes)
        assert "groupName" not in found.body["assignments"][0]["target"]

    def test_utf_16_and_lists_are_read(self) -> None:
        rows = {"value": [catalog_body("One"), catalog_body("Two")]}
        found = recognise("x.json", stdjson.dumps(rows).encode("utf-16"))
        assert [one.name for one in found] == ["One", "Two"]

    def test_a_replaced_secret_never_becomes_a_value(self, world: World) -> None:
        body = {
            "@odata.type": "#microsoft.graph.windowsWifiConfiguration",
            "id": "1",
            "displayName": "Wi-Fi",
            "preSharedKey": "•••",
        }
        _, made = imported(world, zipped(("DeviceConfiguration/w.json", as_file(body))))
        version = SetEntry.objects.get(backup_set=made).version
        document = compose(get_type(version.type_key), load_document(version))
        assert document["preSharedKey"] == "****"

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            (b"not json", "strict JSON"),
            (b'{"a": 1, "a": 2, "name": "x"}', "strict JSON"),
            (b"\xff\xfe\xfd", "neither"),
            (b"[]", "no policy"),
            (b"7", "no object with a name"),
            (b'{"displayName": "Something"}', "no policy type"),
            (b'{"name": "x", "at": "/Date(1700000000000)/"}', "Date"),
            (b'{"name": "x", "settings": [], "technologies": "mdm", "settingCount": 9}', "counted"),
        ],
    )
    def test_what_is_none_is_passed_over_with_the_reason(self, data: bytes, why: str) -> None:
        with pytest.raises(NotRecognised, match=why):
            recognise("x.json", data)

    def test_an_imported_policy_is_not_said_to_be_in_the_tenant(self, world: World) -> None:
        imported(world, zipped(("x.json", as_file(catalog_body("Elsewhere")))))
        assert Policy.objects.get(name="Elsewhere").presence == Presence.IMPORTED
        world.work("inventory.sync", types=TYPES)
        assert Policy.objects.get(name="Elsewhere").presence == Presence.IMPORTED
        world.catalog_policy("Elsewhere")
        world.work("inventory.sync", types=TYPES)
        assert Policy.objects.get(name="Elsewhere").presence == Presence.PRESENT


class TestHostile:
    def test_there_are_forty(self) -> None:
        assert len(HOSTILE) >= 40

    @pytest.mark.parametrize("what", list(HOSTILE))
    def test_it_is_refused_whole(self, world: World, what: str) -> None:
        run, made = imported_or_none(world, HOSTILE[what])

        assert run.outcome == "failed", (what, world.items(run))
        assert run.failures[0]["code"] == "input", (what, run.failures)
        assert PolicyVersion.objects.count() == 0
        assert made is None or made.status == SetStatus.INCOMPLETE

    def test_memory_stays_small(self, world: World) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for what in ("bomb", "many small bombs", "directory of two gigabytes told", "four gigabytes told"):
            preview(world, HOSTILE[what])
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 200 * 1024, f"{grown} KiB"

    def test_an_archive_in_an_archive_is_not_opened(self, world: World) -> None:
        run = preview(world, zipped(("inner.zip", HOSTILE["bomb"]), ("x.json", b"[]")))
        assert {item.state for item in world.items(run).values()} == {"skipped"}
        assert run.outcome != "succeeded"

    def test_too_large_is_refused_before_it_is_kept(self, world: World) -> None:
        with pytest.raises(InputError, match="200 MB"):
            keep_upload(
                world.tenant, (bytes(10 * MIB) for _ in range(21)), name="x.zip", actor=world.cast.ana
            )
        assert Upload.objects.count() == 0

    def test_a_reader_hands_in_nothing(self, world: World) -> None:
        with pytest.raises(NotAllowed):
            keep_upload(world.tenant, [b"x"], name="x.zip", actor=world.cast.olu)
        with pytest.raises(NotFound):
            world.start("backup_set.import", upload=9999)


def imported_or_none(world: World, data: bytes) -> tuple[OperationRun, BackupSet | None]:
    run = world.work("backup_set.import", upload=handed_in(world, data).pk)
    return run, BackupSet.objects.filter(run=run).first()


def test_looking_into_a_file_is_not_called_an_import(world: World, backup_set: BackupSet) -> None:
    data = exported(world, set=backup_set.pk)
    looked, (stored, _) = preview(world, data), imported(world, data)
    assert (label_of(looked.operation), looked.subject) == ("Look into an import", "export.zip")
    assert (label_of(stored.operation), stored.subject) == ("Import policies", "export.zip")
