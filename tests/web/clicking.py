"""Two clicks of one browser at the same moment, in a process on an install of its own."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client

from tenantatlas.accounts.models import User
from tenantatlas.backups.models import Upload
from tenantatlas.runs.models import OperationRun
from tenantatlas.runs.services import cancel_run
from tests.backups.archives import zipped

_CLICKS = 2
_HOST = "localhost"


def click_at_once(rounds: int) -> list[dict[str, Any]]:
    """In each round every form is sent twice, both times at the moment the barrier opens."""
    otto = User.objects.get(email="otto@contoso.example")
    browser = Client(SERVER_NAME=_HOST)
    browser.force_login(otto)
    session = {name: morsel.value for name, morsel in browser.cookies.items()}
    told = []
    for number in range(rounds):
        archive = zipped((f"{number}.json", b"{}"))
        for where in ("policies/sync/", "policies/backup/", "backup-sets/import/"):
            answers = _both(session, where, archive)
            started = [run for run in OperationRun.all_tenants.all() if run.is_open]
            told.append({"where": where, "answers": answers, "runs": len(started)})
            for run in started:
                cancel_run(run, actor=otto)
    told.append({"uploads": Upload.all_tenants.count()})
    return told


def _both(session: dict[str, str], where: str, archive: bytes) -> list[tuple[int, str]]:
    together = threading.Barrier(_CLICKS)

    def click(_number: int) -> tuple[int, str]:
        client = Client(SERVER_NAME=_HOST)
        client.cookies.load(session)
        given = {"file": SimpleUploadedFile("export.zip", archive)} if "import" in where else {}
        together.wait(60)
        try:
            answer = client.post(f"/t/contoso/{where}", given)
            return answer.status_code, answer.headers.get("Location", "")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(_CLICKS) as pool:
        return list(pool.map(click, range(_CLICKS)))
