"""The trail as a page: read, filtered, exported, verified."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tenantatlas.audit import triggers
from tenantatlas.audit.queries import ENTRY_FACTS, audit_entries
from tenantatlas.audit.services import record_event
from tenantatlas.core.json import loads
from tenantatlas.web.pages import audit as page_of_audit
from tenantatlas.web.queries import PAGES
from tests.cast import Cast
from tests.simulated import World

from .conftest import client_of
from .reading import following, main, page, text

HERE = "/t/contoso/audit/"
DAY = 86_400


def write(cast: Cast, number: int, *, tenant: bool = True, **changes: Any) -> None:
    for place in range(number):
        record_event(
            **{
                "tenant_id": cast.contoso.pk if tenant else None,
                "actor_id": cast.ana.pk,
                "actor_name": "Ana",
                "action": "run.started",
                "subject": f"run {place}",
                "details": {"operation": "inventory.sync"},
                **changes,
            }
        )


@pytest.fixture
def olu(cast: Cast, virtual_clock) -> Client:
    """Olu's browser: readers see the trail."""
    assert virtual_clock
    return client_of(cast.olu)


def rows(client: Client, query: str = "") -> int:
    return main(page(client.get(f"{HERE}?{query}"))).count('data-label="Entry"')


def test_it_says_who_did_what_and_when(olu: Client, cast: Cast):
    assert "Nothing was done in the last 30 days" in text(page(olu.get(HERE)))
    write(cast, 1, subject="Nightly <script>")
    shown = main(page(olu.get(HERE)))
    for words in ("Ana", "run.started", "Nightly &lt;script&gt;", "operation: inventory.sync"):
        assert words in shown


def test_it_is_filtered_by_who_what_subject_and_time(cast: Cast, virtual_clock):
    write(cast, 2)
    write(cast, 1, actor_name="Otto", action="membership.granted", subject="olu@contoso.example")
    virtual_clock.advance(2 * DAY)
    write(cast, 1, action="policy.ignored")
    olu = client_of(cast.olu)
    assert rows(olu) == 4
    assert rows(olu, "who=otto") == 1
    assert rows(olu, "what=run.") == 2
    assert rows(olu, "q=olu%40") == 1
    assert rows(olu, "from=2026-11-25") == 1
    assert rows(olu, "to=2026-11-23") == 3
    assert rows(olu, "who=ana&what=started&q=run+1") == 1
    assert "Nothing matches these filters" in text(page(olu.get(f"{HERE}?who=nobody")))
    assert "which is none: left out" in text(page(olu.get(f"{HERE}?from=yesterday")))
    virtual_clock.advance(40 * DAY)
    client = client_of(cast.olu)
    assert rows(client, "what=") == 0, "thirty days unless asked"
    assert rows(client, "from=2026-11-01") == 4


def test_long_trails_come_in_pages(olu: Client, cast: Cast):
    write(cast, page_of_audit.SHOWN + 5)
    assert rows(olu) == page_of_audit.SHOWN
    assert f"before={6}" in page(olu.get(HERE))
    assert rows(olu, "before=6") == 5


def test_it_is_exported_with_digests(olu: Client, cast: Cast):
    write(cast, 3, actor_name="=cmd|calc")
    given = loads(olu.get(f"{HERE}?export=json&what=run").getvalue())
    assert [row["sequence"] for row in given] == [3, 2, 1]
    assert tuple(given[0]) == ENTRY_FACTS
    assert given[0]["previous"] == given[1]["digest"]
    table = list(csv.DictReader(io.StringIO(olu.get(f"{HERE}?export=csv").getvalue().decode("utf-8-sig"))))
    assert table[0]["who"] == "'=cmd|calc"


def test_one_tenants_trail_is_not_anothers(cast: Cast):
    write(cast, 3)
    eve = client_of(cast.eve)
    assert "Nothing was done" in text(page(eve.get("/t/fabrikam/audit/")))
    page(eve.get(HERE), 404)
    page(eve.post("/t/contoso/audit/verify/"), 404)


def test_the_chain_is_verified_on_the_page(olu: Client, cast: Cast):
    write(cast, 3)
    assert "All 3 entries are as they were written" in text(following(olu, olu.post(f"{HERE}verify/")))
    with connection.cursor() as cursor:
        for statement in triggers.dropping(connection.vendor):
            cursor.execute(statement)
        cursor.execute("UPDATE audit_auditentry SET actor_name = 'Eve' WHERE sequence = 2")
    shown = text(following(olu, olu.post(f"{HERE}verify/")))
    assert "does not hold at entry 2: the entry was changed" in shown


def test_of_a_long_chain_the_newest_part_is_verified_at_once(olu: Client, cast: Cast, monkeypatch):
    monkeypatch.setattr(page_of_audit, "VERIFIED", 10)
    write(cast, 25)
    assert "checks the newest 10 entries. This command checks all" in text(page(olu.get(HERE)))
    shown = text(following(olu, olu.post(f"{HERE}verify/")))
    assert "The newest 10 of 25 entries" in shown
    assert "Verify all with `tenantatlas audit verify -t contoso`." in shown


def test_the_installs_own_trail_is_for_its_owners(olu: Client, cast: Cast):
    write(cast, 1, tenant=False, action="person.switched_off")
    otto = client_of(cast.otto)
    assert "person.switched_off" in page(otto.get("/audit/"))
    assert "as they were written" in text(following(otto, otto.post("/audit/verify/")))
    page(olu.get("/audit/"), 403)
    page(olu.post("/audit/verify/"), 403)
    assert not audit_entries(None).filter(tenant_id=cast.contoso.pk).exists()


@pytest.mark.parametrize("kind", PAGES)
def test_an_entry_about_what_has_gone_is_shown_whatever_it_was(olu: Client, cast: Cast, kind: str):
    write(cast, 1, subject=f"{kind} 987654")
    assert f"{kind.capitalize()} #987654" in text(page(olu.get(HERE)))


def test_what_an_entry_is_about_is_a_link_where_there_is_a_page_of_it(world: World):
    run = world.work("inventory.sync", types=["configurationPolicies"])
    write(world.cast, 1, action="set.kept", subject="set 999")
    shown = main(page(client_of(world.cast.olu).get(HERE)))
    assert f'<a href="/t/contoso/runs/{run.pk}/">Run #{run.pk}</a>' in shown
    assert "Run started: Synchronise inventory" in text(shown)
    assert "Set #999" in text(shown)
    assert "/backup-sets/999/" not in shown


def test_the_page_says_how_far_back_it_looks_and_folds_what_is_long(olu: Client, cast: Cast):
    write(cast, 1, details={"params": {"types": []}})
    shown = main(page(olu.get(HERE)))
    assert "Shown are the last 30 days" in text(shown)
    assert "1 detail of entry" in text(shown)
    assert "Shown are the last" not in text(main(page(olu.get(f"{HERE}?from=2020-01-01"))))
