"""`tenantatlas run`: start any operation by its key."""

from __future__ import annotations

from typing import Annotated

import typer

from tenantatlas.cli.session import TenantOption, WaitOption, in_tenant
from tenantatlas.cli.starts import start_and_wait
from tenantatlas.core.errors import InputError
from tenantatlas.runs.registry import get_operation, params_from_text


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="run")(run)


def run(
    operation: Annotated[
        str, typer.Argument(metavar="OPERATION", help="The operation's key, such as inventory.sync.")
    ],
    *,
    tenant: TenantOption,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="K=V", help="A parameter; lists with commas; may be given again."),
    ] = None,
    wait: WaitOption = False,
) -> None:
    """Start an operation. An unknown key names its neighbours."""
    with in_tenant(tenant) as session:
        op = get_operation(operation)
        params = params_from_text(op, pairs(param or []))
        start_and_wait(op.key, session, params=params, wait=wait)


def pairs(given: list[str]) -> dict[str, str]:
    """The texts `name=value` by name; one that is not, or that comes twice, is refused."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise InputError(f"--param {text!r} is not name=value.", hint="Write --param types=a,b.")
        if name in found:
            raise InputError(f"The parameter {name!r} is given twice.", hint="Separate values with commas.")
        found[name] = value
    return found
