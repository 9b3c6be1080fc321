"""The whole of Contoso."""

from __future__ import annotations

from dataclasses import dataclass

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.simulator import Simulator

from .access import seed_access
from .catalog import seed_catalog
from .compliance import seed_compliance
from .devices import seed_configurations
from .enrollment import seed_enrollment
from .people import GROUPS, seed_people
from .scripts import seed_scripts
from .templates import seed_admx

TENANT = stable_id("demo tenant")
CLIENT_ID = stable_id("demo client")


@dataclass(frozen=True, kw_only=True)
class DemoFacts:
    """What was made: how to sign in, and the number of policies by collection (built-in ones not counted)."""

    tenant: str
    client_id: str
    secret: str
    policies: dict[str, int]
    groups: int


def seed_demo(simulator: Simulator, *, guid: str = TENANT) -> DemoFacts:
    """Fill a tenant: some 300 policies of every kind that we know, assigned to some 25 groups."""
    tenant = simulator.tenant(guid, name="Contoso")
    app = tenant.apps.get(CLIENT_ID) or tenant.app(CLIENT_ID, secret=stable_id("demo secret", simulator.seed))
    before = {path: len(tenant.live(path)) for path in tenant.stored}
    seed_people(tenant)
    seed_catalog(tenant)
    seed_configurations(tenant)
    seed_compliance(tenant)
    seed_scripts(tenant)
    seed_admx(tenant)
    seed_enrollment(tenant)
    seed_access(tenant)
    counts = {path: len(tenant.live(path)) - before.get(path, 0) for path in sorted(tenant.stored)}
    policies = {
        path: count
        for path, count in counts.items()
        if count and path.count("/") > 1 and not _is_only_named(path)
    }
    return DemoFacts(
        tenant=tenant.guid,
        client_id=app.client_id,
        secret=app.secret,
        policies=policies,
        groups=len(GROUPS),
    )


def _is_only_named(path: str) -> bool:
    return path.endswith(("/mobileapps", "/grouppolicydefinitions"))
