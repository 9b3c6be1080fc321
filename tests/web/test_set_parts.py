"""The parts of a set's page, what is done with its policies, and importing."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tenantatlas.backups.models import BackupSet, Upload
from tenantatlas.inventory.models import Policy
from tenantatlas.runs.models import OperationRun
from tests.backups.archives import zipped
from tests.simulated import CATALOG, World, catalog_body

from .reading import following, main, page, text

SETS = "/t/contoso/backup-sets/"
TYPES = ["configurationPolicies"]


@pytest.fixture
def two(world: World) -> tuple[BackupSet, BackupSet]:
    """Nightly holds Alpha and Beta; then Alpha changed, Beta went, Gamma came, and Later was taken."""
    alpha, beta = (world.catalog_policy(name) for name in ("Alpha", "Beta"))
    first = world.work("backup_set.capture", types=TYPES, name="Nightly")
    world.clock.advance(60)
    world.sim.mutate(alpha, lambda body: body.update(description="New"), collection=CATALOG)
    world.sim.remove(CATALOG, beta)
    world.catalog_policy("Gamma")
    second = world.work("backup_set.capture", types=TYPES, name="Later")
    return BackupSet.objects.get(run=first), BackupSet.objects.get(run=second)


class TestParts:
    def test_what_changed_since_the_set_before(self, two, ana):
        shown = text(main(page(ana.get(f"{SETS}{two[1].pk}/?tab=changes"))))
        for words in (
            "Alpha ~ changed",
            "Beta \N{MINUS SIGN} removed",
            "Gamma + added",
            "Compared with Nightly",
        ):
            assert words in shown
        assert 'data-empty="nothing"' in page(ana.get(f"{SETS}{two[0].pk}/?tab=changes"))

    def test_the_runs_about_it(self, two, ana, world):
        world.work("backup_set.verify", set=two[0].pk)
        shown = text(main(page(ana.get(f"{SETS}{two[0].pk}/?tab=runs"))))
        assert "Verify a backup set" in shown
        assert "Back up policies" in shown

    def test_verified_without_the_key_it_is_blocked_and_not_called_damaged(
        self, two, ana, world, settings, tmp_path
    ):
        settings.ATLAS_KEY_FILE = tmp_path / "key"
        there = ana.post(f"{SETS}{two[0].pk}/verify/").headers["Location"]
        world.finish(OperationRun.objects.latest("pk"))
        shown = text(main(page(ana.get(there))))
        assert "Blocked" in shown
        assert f"The key file {tmp_path / 'key'} with key" in shown
        assert "damaged" not in shown

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("q=night", {"Nightly"}),
            ("status=complete", {"Nightly", "Later"}),
            ("source=import", set()),
            ("kept=yes", set()),
        ],
    )
    def test_filters_are_the_address(self, two, ana, query, found):
        source = main(page(ana.get(f"{SETS}?{query}")))
        assert {one.name for one in two if one.name in source} == found
        rows = json.loads(ana.get(f"{SETS}?{query}&export=json").getvalue())
        assert {row["name"] for row in rows} == found


class TestCommands:
    def test_it_is_renamed(self, two, ana):
        shown = text(following(ana, ana.post(f"{SETS}{two[0].pk}/rename/", {"name": "Before"})))
        assert "The set is called Before." in shown
        assert "between 1 and 200" in text(
            following(ana, ana.post(f"{SETS}{two[0].pk}/rename/", {"name": " "}))
        )

    def test_policies_are_removed_into_the_set_that_follows(self, two, otto, world):
        beta = Policy.objects.get(name="Beta").graph_id
        assert "No policy is ticked." in text(following(otto, otto.post(f"{SETS}{two[0].pk}/remove/")))
        otto.post(f"{SETS}{two[0].pk}/remove/", {"policy": [beta]})
        run = world.finish(OperationRun.objects.latest("pk"))
        after = BackupSet.objects.get(run=run)
        assert "Followed by Nightly" in text(main(page(otto.get(f"{SETS}{two[0].pk}/"))))
        assert "Made from Nightly" in text(main(page(otto.get(f"{SETS}{after.pk}/"))))

    def test_an_operator_removes_nothing(self, two, ana):
        assert ana.post(f"{SETS}{two[0].pk}/remove/", {"policy": ["x"]}).status_code == 403


class TestImport:
    def hand_in(self, client, data: bytes, name: str = "export.zip"):
        return client.post(f"{SETS}import/", {"file": SimpleUploadedFile(name, data)})

    def test_a_preview_and_then_a_set(self, ana, world):
        body = json.dumps(catalog_body("Elsewhere")).encode()
        data = zipped(("Settings Catalog/e.json", body), ("readme.txt", b"hello"))
        shown = text(following(ana, self.hand_in(ana, data)))
        assert "The file is being read." in shown
        world.finish(OperationRun.objects.latest("pk"))
        upload = Upload.objects.get()
        here = f"{SETS}import/{upload.pk}/"
        shown = text(main(page(ana.get(here))))
        assert "1 of 2 files recognised." in shown
        assert "Settings catalog: Elsewhere" in shown
        assert "It is not a JSON file." in shown
        assert not BackupSet.objects.exists()

        ana.post(f"{here}store/", {"name": "From elsewhere"})
        world.finish(OperationRun.objects.latest("pk"))

        made = BackupSet.objects.get()
        assert (made.name, made.source, made.counts["policies"]) == ("From elsewhere", "import", 1)
        assert "a backup set" in text(main(page(ana.get(here))))

    def test_what_is_no_archive_is_said(self, ana, world):
        self.hand_in(ana, b"not a zip")
        world.finish(OperationRun.objects.latest("pk"))
        shown = text(main(page(ana.get(f"{SETS}import/{Upload.objects.get().pk}/"))))
        assert "refused: it is no zip file" in shown

    def test_a_file_is_needed(self, ana):
        answer = ana.post(f"{SETS}import/")
        assert answer.status_code == 400
        assert "Choose a zip file." in text(answer.content.decode())

    def test_a_reader_hands_in_nothing(self, olu):
        assert olu.get(f"{SETS}import/").status_code == 403
        assert self.hand_in(olu, b"x").status_code == 403
