"""A planted secret is found wherever it comes out, and however it is written."""

from __future__ import annotations

import base64
import io
import json
import logging
import zipfile
from urllib.parse import quote

import pytest
from django.http import FileResponse, HttpResponse
from django.test import Client

from tenantatlas.core import clock
from tenantatlas.notifications.models import Notification
from tenantatlas.simulator import tokens
from tests import canary
from tests.cast import Cast

LEAK = canary.secret('planted "here" & there')


def test_every_way_of_writing_it() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("policies/one.json", json.dumps({"value": LEAK}))
    written: dict[str, str | bytes] = {
        "plain": LEAK,
        "json": json.dumps({"value": LEAK}),
        "url": quote(f"a={LEAK}", safe=""),
        "archive": archive.getvalue(),
    }
    for number in range(3):
        shifted = "x" * number + LEAK
        written[f"base64 {number}"] = base64.b64encode(shifted.encode())
        written[f"base64 for URLs {number}"] = base64.urlsafe_b64encode(shifted.encode()).rstrip(b"=")
    for place, data in written.items():
        with canary.apart() as recorder:
            recorder.look(place, data)
            assert recorder.leaks, place


def test_nothing_is_seen_where_nothing_is() -> None:
    with canary.apart() as recorder:
        recorder.look("somewhere", b"CANARY and nothing more")
        assert recorder.leaks == []


def test_a_log_line() -> None:
    assert canary.ear in logging.getLogger().handlers
    logger = logging.getLogger("tenantatlas.planted")
    for error, extra in ((None, {"value": LEAK}), (ValueError(LEAK), {})):
        trace = (type(error), error, None) if error else None
        record = logger.makeRecord(logger.name, logging.ERROR, "", 0, "planted", (), trace, extra=extra)
        with canary.apart() as recorder:
            canary.ear.handle(record)
            assert recorder.leaks


def test_a_row(cast: Cast) -> None:
    with canary.apart() as recorder:
        Notification.objects.create(
            user=cast.ana, subject="planted", title="Planted", body=LEAK, updated_at=clock.now()
        )
        assert any("notification" in leak for leak in recorder.leaks)


@pytest.mark.parametrize("kind", ["page", "header", "download"])
def test_a_page(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "page": lambda: HttpResponse(LEAK),
        "header": lambda: HttpResponse(headers={"X-Planted": LEAK}),
        "download": lambda: FileResponse(io.BytesIO(LEAK.encode())),
    }
    monkeypatch.setattr("django.test.client.ClientHandler.get_response", lambda *_: answers[kind]())
    with canary.apart() as recorder:
        Client().get("/planted/")
        assert any("page /planted/" in leak for leak in recorder.leaks)


def test_a_token() -> None:
    with canary.apart() as recorder:
        token = tokens.sign({"tid": "planted"}, tokens.process_key())
        recorder.look("somewhere", f"Bearer {token}")
        assert recorder.leaks


def test_a_file(tmp_path) -> None:
    (tmp_path / "atlas.db").write_bytes(b"\0\1" + LEAK.encode() + b"\2")
    (tmp_path / "simulator").mkdir()
    (tmp_path / "simulator" / "tenant.json").write_text(LEAK)
    with canary.apart() as recorder:
        recorder.look_at_files(tmp_path)
        assert [leak.partition(",")[0] for leak in recorder.leaks] == ["file atlas.db"]


@pytest.mark.postgresql
def test_a_table_of_another_process(postgres_server: str) -> None:
    import psycopg  # noqa: PLC0415 - beside its use

    from tests.postgres import fresh_database  # noqa: PLC0415 - likewise

    with fresh_database(postgres_server) as url, canary.apart() as recorder:
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE planted (a int, b jsonb)")
            connection.execute("INSERT INTO planted VALUES (1, %s)", (json.dumps({"value": LEAK}),))
        recorder.look_at_database(url)
        assert any("table planted" in leak for leak in recorder.leaks)


def test_a_leak_fails_the_test_that_made_it() -> None:
    with canary.apart() as recorder:
        recorder.look("somewhere", LEAK)
        with pytest.raises(pytest.fail.Exception, match="A secret came out"):
            recorder.judge()
        assert recorder.leaks == []
