"""`tenantatlas serve` and `web`: the pages, with or without a worker in the same process."""

from __future__ import annotations

import importlib
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Any

import typer
import waitress
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection

from tenantatlas.cli.output import note
from tenantatlas.core.errors import Conflict, InputError
from tenantatlas.runs.services import end_now, launch_worker, prepare_engine, stop_worker
from tenantatlas.tenants.install import make_secret_file, require_ready
from tenantatlas.tenants.vault import load_key

_THREADS = 8
#: A request takes the interpreter from the runs at work at each of its statements; Python's own five
#: milliseconds each time would be what people wait for.
_SWITCH_SECONDS = 0.0005

HostOption = Annotated[str, typer.Option(metavar="H", help="The address to listen on.")]
PortOption = Annotated[int, typer.Option(metavar="P", min=1, max=65535, help="The port to listen on.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(web)


def serve(*, host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Serve the pages and work the runs, in one process. Ends with Ctrl-C or SIGTERM."""
    _prepare()
    _refuse_taken_port(host, port)
    sys.setswitchinterval(_SWITCH_SECONDS)
    launch_worker(embedded=connection.vendor == "sqlite")
    try:
        _serve_with_waitress(host, port)
    finally:
        if not stop_worker():
            end_now()


def web(*, host: HostOption = "127.0.0.1", port: PortOption = 8000) -> None:
    """Serve the pages only; workers run elsewhere (`tenantatlas worker`)."""
    _prepare()
    _refuse_taken_port(host, port)
    if connection.vendor == "postgresql":
        _serve_with_granian(host, port)
    else:
        _serve_with_waitress(host, port)


def _prepare() -> None:
    require_ready()
    load_key()
    if not settings.SECRET_KEY:
        make_secret_file()
        settings.SECRET_KEY = settings.ATLAS_SECRET_KEY_FILE.read_text(encoding="ascii").strip()
    prepare_engine()


def _refuse_taken_port(host: str, port: int) -> None:
    """Said before anything is launched; the server itself could only say it after."""
    try:
        place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(place[0], place[1]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place[4])
    except socket.gaierror as error:
        raise InputError(f"{host!r} is not an address of this machine.", hint="Use 127.0.0.1.") from error
    except OSError as error:
        raise Conflict(
            f"Nothing can listen on {host}:{port}: {(error.strerror or 'refused').lower()}.",
            hint="Stop what uses it, or choose another port with --port.",
        ) from error


def _serve_with_waitress(host: str, port: int) -> None:
    behind_proxy: dict[str, Any] = {}
    if settings.ATLAS_BEHIND_TLS:
        behind_proxy = {"trusted_proxy": "*", "trusted_proxy_headers": {"x-forwarded-proto"}}
    server = waitress.create_server(
        get_wsgi_application(), host=host, port=port, threads=_THREADS, ident=None, **behind_proxy
    )
    note(f"Listening on http://{host}:{port} (end with Ctrl-C)")
    with _sigterm_as_interrupt():
        try:
            server.run()
        finally:
            server.close()


def _serve_with_granian(host: str, port: int) -> None:
    granian = importlib.import_module("granian")  # starts processes: loaded only where it is used
    server = granian.Granian(
        "tenantatlas.config.wsgi:application", address=host, port=port, interface="wsgi", log_level="warning"
    )
    note(f"Listening on http://{host}:{port} (end with Ctrl-C)")
    server.serve()


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
