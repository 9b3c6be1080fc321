"""`tenantatlas simulator`: a small Graph that remembers, for demos and tests."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from tenantatlas.cli.output import note
from tenantatlas.core.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulator)


def simulator(
    *,
    port: Annotated[int, typer.Option(metavar="P", min=1, max=65535, help="Graph and sign-in, over TLS.")],
    control_port: Annotated[
        int, typer.Option(metavar="C", min=1, max=65535, help="Control, plain http on loopback.")
    ],
    state: Annotated[Path, typer.Option(metavar="DIR", help="Where tenants and the CA are kept.")],
) -> None:
    """Serve simulated tenants on this machine until Ctrl-C or SIGTERM."""
    if port == control_port:
        raise InputError("--port and --control-port are the same.", hint="Give two different ports.")
    serve = importlib.import_module("tenantatlas.simulator.serve").serve  # large: loaded only here
    serve(port=port, control_port=control_port, state=state, tell=note)
