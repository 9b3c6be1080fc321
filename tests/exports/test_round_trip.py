"""Real policies: captured complete, wiped, previewed, executed, captured again. Equal, or named here with a
reason.

`exceptions.json` names every policy that does not come back equal, and why. A policy that is not in it and
differs, and one that is in it and does not, both fail this test; `make accept` renews the file: then read
the difference.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tenantatlas.backups.models import BackupSet, PolicyVersion, SetEntry, SetStatus
from tenantatlas.backups.services import load_document
from tenantatlas.policies import paths, references
from tenantatlas.policies.canonical import canonical_form, compose
from tenantatlas.policies.references import KEEP
from tenantatlas.policies.registry import all_types, collections, get_type
from tenantatlas.restore.models import Restore, RestoreItem
from tenantatlas.runs.models import OperationRun, RunItem
from tenantatlas.simulator.schema import Schema
from tests.simulated import World

from .normaliser import Normalised, Normaliser
from .tenant import Filled, fill

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SCHEMA = Path(__file__).resolve().parents[3] / "shared" / "graph" / "intune-model.json"
EXCEPTIONS = Path(__file__).with_name("exceptions.json")
LEAST_REAL = 1000
#: Types that the issue of this suite does not ask for, and nobody exported.
NOT_FILLED = frozenset({"deviceConfigurations.appleUpdates", "reusablePolicySettings"})

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the public exports are not at {DATA}"),
    pytest.mark.sqlite_only,
    pytest.mark.xdist_group("exports"),
]


@pytest.fixture(scope="module")
def exports() -> Normalised:
    """The exports, read once."""
    return Normaliser(DATA).run()


def capture(world: World) -> tuple[OperationRun, BackupSet]:
    run = world.work("backup_set.capture")
    return run, BackupSet.objects.get(run=run)


def wipe(world: World) -> None:
    """Every policy gone that is not built in; what policies refer to outside the catalog stays."""
    for path in collections():
        world.sim.clear("/" + path.split("/", 2)[2])


def versions_of(backup_set: BackupSet) -> dict[tuple[str, str], PolicyVersion]:
    entries = SetEntry.objects.filter(backup_set=backup_set).select_related(
        "version__blob", "version__tenant"
    )
    return {(entry.version.type_key, entry.version.graph_id): entry.version for entry in entries}


def canonical_of(version: PolicyVersion, ids: Mapping[tuple[str, str], str]) -> Any:
    """The canonical form with the ids of restored policies replaced by their new ones."""
    policy_type = get_type(version.type_key)
    body = compose(policy_type, load_document(version))
    mapped = references.rewrite(policy_type, body, lambda kind, id_: ids.get((kind, id_), KEEP))
    return canonical_form(policy_type, mapped)


def without_declared(type_key: str, form: Any) -> Any:
    """The form without what the type declares that the service changes: state and ranks."""
    form = paths.copied(form)
    paths.discard(form, get_type(type_key).restore.rewrites)
    return form


def test_real_policies_come_back(world: World, exports: Normalised) -> None:
    world.simulator.schema = Schema(SCHEMA)
    filled = fill(world.sim, exports)
    report(exports, filled)
    assert len([each for each in filled.loaded if not each.mock]) >= LEAST_REAL

    run, before_set = capture(world)
    assert run.outcome == "succeeded", run.failures
    assert before_set.status == SetStatus.COMPLETE
    before = versions_of(before_set)
    held = Counter(type_key for type_key, _ in before)
    assert {each.key for each in all_types()} - held.keys() <= NOT_FILLED

    wipe(world)
    world.work("directory_groups.sync")
    written = len(world.simulator.writes())
    preview = world.work("restore.preview", set=before_set.pk)
    assert preview.outcome == "succeeded", preview.failures
    assert len(world.simulator.writes()) == written

    restore = Restore.objects.get(pk=preview.context["restore"])
    done = world.work(
        "restore.execute", restore=restore.pk, plan=restore.plan_sha256, confirm=world.tenant.slug
    )
    _, after_set = capture(world)
    assert after_set.status == SetStatus.COMPLETE

    found = differences(restore, done, before, versions_of(after_set), exports)
    print(f"{len(before)} policies, {len(before) - len(found)} equal, {len(found)} exceptions")  # noqa: T201 - the report
    if os.environ.get("ACCEPT"):
        EXCEPTIONS.write_text(
            json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    assert found == json.loads(EXCEPTIONS.read_text(encoding="utf-8"))


def differences(
    restore: Restore,
    done: OperationRun,
    before: Mapping[tuple[str, str], PolicyVersion],
    after: Mapping[tuple[str, str], PolicyVersion],
    exports: Normalised,
) -> dict[str, str]:
    """Every policy that is not equal again, with the reason that its run gave."""
    rows = {(row.type_key, row.source_id): row for row in RestoreItem.objects.filter(restore=restore)}
    ended = {item.key: item for item in RunItem.objects.filter(run=done)}
    now = {key: row.created_id or row.live_id or row.source_id for key, row in rows.items()}
    files = {export.body["id"]: export.path for export in exports.exports}
    found = {}
    for key, version in before.items():
        row, back = rows[key], after.get((key[0], now[key]))
        was = canonical_of(version, now)
        if back is not None and same(key[0], was, canonical_of(back, {})):
            continue
        item = ended.get(row.key)
        reason = item.message if item and item.message else "; ".join(each["message"] for each in row.reasons)
        name = f"{key[0]}: {version.name} [{files.get(key[1], 'made here')}]"
        found[name] = f"{row.action}: {reason or 'differs'}"
    return found


def same(type_key: str, one: Any, other: Any) -> bool:
    if type_key == "conditionalAccess.policies" and one.get("state") == "enabled":
        assert other.get("state") == "enabledForReportingButNotEnforced"
    return bool(without_declared(type_key, one) == without_declared(type_key, other))


def report(exports: Normalised, filled: Filled) -> None:
    """What was loaded and what was refused, by cause; shown with `pytest -s`."""
    real = sum(not export.mock for export in filled.loaded)
    print(f"\n{real} real policies, {len(filled.loaded) - real} mocks, {filled.own} of our own")  # noqa: T201 - the report
    for cause, count in exports.refused.most_common():
        print(f"  refused {count}: {cause}")  # noqa: T201 - likewise
    print(f"  seeded for them: {dict(filled.seeded)}")  # noqa: T201 - likewise
