"""What others may ask of runs. Every function authorises, and answers at once: the work is done elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .lifecycle import Trigger
from .models import OperationRun

if TYPE_CHECKING:
    from tenantatlas.accounts.models import User
    from tenantatlas.core.json import Json
    from tenantatlas.tenants.models import Tenant


def start_run(
    key: str,
    *,
    tenant: Tenant,
    params: Any | Mapping[str, Json],
    actor: User | None,
    trigger: Trigger,
    nonce: str = "",
    parent: OperationRun | None = None,
) -> tuple[OperationRun, bool]:
    """Start the operation, or hand back the open run that is already doing exactly this.

    Params are the operation's dataclass or its JSON. `actor` None means the product itself (trigger
    system). A `nonce` makes the request a work of its own, started once however often it is submitted.
    """
    raise NotImplementedError


def cancel_run(run: OperationRun, *, actor: User | None) -> OperationRun:
    """Ask the run to stop at the next item boundary; one that never started is cancelled at once.

    Asking twice, or asking a completed run, changes nothing.
    """
    raise NotImplementedError


def retry_failed_items(
    run: OperationRun, *, actor: User | None, trigger: Trigger
) -> tuple[OperationRun, bool]:
    """A child run that does again only the items that went wrong or were not started."""
    raise NotImplementedError


def work_until_done(run: OperationRun, *, timeout: float | None = None) -> OperationRun:
    """Return the run once it is completed (or the timeout has passed, as it then is).

    When no worker is alive, this process becomes one until then.
    """
    raise NotImplementedError


def launch_worker(*, embedded: bool) -> None:
    """Make this process a worker. On SQLite it takes the lock of ATLAS_HOME, or raises `Conflict`."""
    raise NotImplementedError


def stop_worker() -> None:
    """Stop claiming, park what is in hand at the next boundary, and give up the lock; within 35 seconds."""
    raise NotImplementedError


def worker_alive() -> bool:
    """Whether any process works runs now."""
    raise NotImplementedError
