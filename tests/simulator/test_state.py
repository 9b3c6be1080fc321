"""A simulator can be put to disk and comes back the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantatlas.core.errors import StorageFailed
from tenantatlas.simulator.simulator import Simulator
from tenantatlas.simulator.tenants import Lag

from .client import CATALOG, CONFIGURATIONS, TAGS, Client, catalog_body, custom_body


def test_everything_survives(client: Client, tenant, simulator, tmp_path: Path, virtual_clock):
    policy = tenant.put(CATALOG, catalog_body(settings=30))
    secret = client.post(CONFIGURATIONS, custom_body("Custom", "hunter2")).body["id"]
    client.send("DELETE", f"{TAGS}/{client.post(TAGS, {'displayName': 'T'}).body['id']}")
    tenant.profile.autopatch = False
    tenant.lag = Lag(item=3)
    virtual_clock.advance(100)
    link = client.get(f"{CATALOG}/{policy}/settings").body["@odata.nextLink"]
    simulator.save(tmp_path)

    loaded = Simulator(clock=virtual_clock)
    loaded.load(tmp_path)
    again = Client(loaded)
    again.token = client.token  # the signing key is the same
    other = loaded.tenants[tenant.guid]
    assert other.get(CONFIGURATIONS, secret)["omaSettings"][0]["value"] == "hunter2"
    assert other.objects(CATALOG) == tenant.objects(CATALOG)
    assert len(again.get(link).rows) == 5
    assert again.get(TAGS).rows == client.get(TAGS).rows
    assert (other.profile.autopatch, other.lag.item) == (False, 3.0)
    assert loaded.times.elapsed() >= 100
    assert [entry.path for entry in loaded.writes()] == [entry.path for entry in simulator.writes()]
    assert again.post(TAGS, {"displayName": "U"}).status == 200


def test_a_save_replaces_the_one_before(simulator, tenant, tmp_path: Path):
    simulator.save(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    tenant.put(TAGS, {"displayName": "T"})
    simulator.save(tmp_path)
    after = {path.name for path in tmp_path.iterdir()}
    assert len(before) == len(after) == 3
    assert before & after == {"simulator.json"}


def test_a_save_that_was_interrupted_leaves_the_one_before(simulator, tenant, tmp_path: Path, monkeypatch):
    simulator.save(tmp_path)
    tenant.put(TAGS, {"id": "9", "displayName": "T"})
    replace, calls = Path.replace, []

    def fail_at_the_end(path: Path, target: Path) -> Path:
        calls.append(path)
        if target.name == "simulator.json":
            raise OSError("the disk is full")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", fail_at_the_end)
    with pytest.raises(OSError, match="full"):
        simulator.save(tmp_path)
    loaded = Simulator()
    loaded.load(tmp_path)
    assert loaded.tenants[tenant.guid].find(TAGS, "9") is None


def test_nothing_saved_is_said(simulator, tmp_path: Path):
    with pytest.raises(StorageFailed, match="no saved simulator"):
        simulator.load(tmp_path)
