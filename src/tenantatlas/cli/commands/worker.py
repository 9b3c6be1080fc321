"""`tenantatlas worker`: a process that works runs."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import typer
from django.db import connection

from tenantatlas.cli.output import note
from tenantatlas.runs.services import end_now, launch_worker, stop_worker
from tenantatlas.tenants.install import require_ready
from tenantatlas.tenants.vault import load_key

_LOOK_SECONDS = 0.5


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(worker)


def worker() -> None:
    """Work runs until Ctrl-C or SIGTERM. On SQLite there can be one; on PostgreSQL any number."""
    require_ready()
    load_key()
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for wanted in (signal.SIGTERM, signal.SIGINT):
        signal.signal(wanted, stop)
    launch_worker(embedded=connection.vendor == "sqlite")
    note("Working runs (end with Ctrl-C)")
    try:
        while not stopping.wait(_LOOK_SECONDS):  # a signal may reach another thread than this one
            pass
    finally:
        if not stop_worker():
            end_now()
