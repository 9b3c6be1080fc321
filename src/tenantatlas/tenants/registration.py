"""What an admin does at Microsoft to register our apps: addresses, commands and permissions. No network.

The reader's app gets what the policy types need to be read, and to look for what they name before a restore;
the writer's what restoring needs besides. Both
lists come from `policies.types`, so that they ask for nothing that no type uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tenantatlas.graph.clouds import CUSTOM
from tenantatlas.graph.values import GROUP_SEARCH_PERMISSION
from tenantatlas.policies.registry import all_types

from .connections import cloud_of
from .models import Purpose, Tenant
from .permissions import Need, PermissionRow, compare_permissions

GRAPH_APP = "00000003-0000-0000-c000-000000000000"

#: cloud -> (portal, `az cloud set`, Connect-MgGraph's environment)
_TOOLS = {
    "global": ("https://entra.microsoft.com", "AzureCloud", "Global"),
    "usgov": ("https://entra.microsoft.us", "AzureUSGovernment", "USGov"),
    "usgov-dod": ("https://entra.microsoft.us", "AzureUSGovernment", "USGovDoD"),
    "china": ("https://entra.microsoftonline.cn", "AzureChinaCloud", "China"),
    CUSTOM: ("", "", ""),
}


@dataclass(frozen=True, kw_only=True)
class Registration:
    """How to register one app: everything to copy."""

    purpose: Purpose
    permissions: tuple[PermissionRow, ...]
    portal: str
    consent: str
    az: str
    powershell: str


def permissions_for(purpose: Purpose, *, restores: bool = False) -> tuple[PermissionRow, ...]:
    """The permissions that the app needs, each with the policy types that ask for it.

    `restores`: the reader's app shall write too, without a writer's beside it.
    """
    rows = compare_permissions((), (), all_types())
    reads = {Need.READ, Need.LOOK_UP} if purpose is Purpose.READER else {Need.READ}
    wanted = reads | {Need.RESTORE} if restores or purpose is Purpose.WRITER else reads
    found: dict[str, PermissionRow] = {}
    for row in rows:
        if row.need in wanted and not (row.need is Need.READ and _covered(row.permission, rows, wanted)):
            found.setdefault(row.permission, row)
    return tuple(found[name] for name in sorted(found))


def _covered(permission: str, rows: Sequence[PermissionRow], wanted: set[Need]) -> bool:
    """Whether the app gets the writing twin of this permission anyway, which reads too."""
    twin = permission.replace(".Read.", ".ReadWrite.")
    return Need.RESTORE in wanted and any(row.permission == twin and row.need is Need.RESTORE for row in rows)


def registration(
    tenant: Tenant, purpose: Purpose, *, client_id: str, redirect_uri: str = "", restores: bool = False
) -> Registration:
    """How to register the app in this tenant. `redirect_uri` is ours, for the search of groups."""
    rows = permissions_for(purpose, restores=restores)
    portal, az_cloud, environment = _TOOLS[tenant.cloud]
    names = [row.permission for row in rows]
    reply = redirect_uri if purpose is Purpose.READER else ""
    return Registration(
        purpose=purpose,
        permissions=rows,
        portal=portal,
        consent=consent_link(tenant, client_id) if client_id else "",
        az=_az(tenant, purpose, names, az_cloud, reply) if az_cloud else "",
        powershell=_powershell(tenant, purpose, names, environment, reply) if environment else "",
    )


def consent_link(tenant: Tenant, client_id: str) -> str:
    """Where an admin consents to what the app asks for, in the tenant's own cloud."""
    query = urlencode({"client_id": client_id})
    return f"{cloud_of(tenant).login_url}/{tenant.tenant_guid}/adminconsent?{query}"


def _az(tenant: Tenant, purpose: Purpose, names: Sequence[str], az_cloud: str, reply: str) -> str:
    lines = [
        f"az cloud set --name {az_cloud}",
        f"az login --tenant {tenant.tenant_guid} --allow-no-subscriptions",
        f'APP=$(az ad app create --display-name "TenantAtlas {purpose.value}" '
        f"--sign-in-audience AzureADMyOrg{f' --web-redirect-uris {reply}' if reply else ''} "
        "--query appId -o tsv)",
        "az ad sp create --id $APP",
        f"for NAME in {' '.join(names)}; do",
        f"  ROLE=$(az ad sp show --id {GRAPH_APP} --query \"appRoles[?value=='$NAME'].id\" -o tsv)",
        f"  az ad app permission add --id $APP --api {GRAPH_APP} --api-permissions $ROLE=Role",
        "done",
    ]
    if reply:
        lines += [
            f"SCOPE=$(az ad sp show --id {GRAPH_APP} "
            f"--query \"oauth2PermissionScopes[?value=='{GROUP_SEARCH_PERMISSION}'].id\" -o tsv)",
            f"az ad app permission add --id $APP --api {GRAPH_APP} --api-permissions $SCOPE=Scope",
        ]
    return "\n".join([*lines, "az ad app permission admin-consent --id $APP", "echo $APP"])


def _powershell(tenant: Tenant, purpose: Purpose, names: Sequence[str], environment: str, reply: str) -> str:
    listed = ",\n  ".join(f"'{name}'" for name in names)
    web = f" -Web @{{ RedirectUris = @('{reply}') }}" if reply else ""
    scopes = (
        f"$access += $graph.Oauth2PermissionScopes | Where-Object Value -eq '{GROUP_SEARCH_PERMISSION}' | "
        "ForEach-Object { @{ Id = $_.Id; Type = 'Scope' } }\n"
        if reply
        else ""
    )
    return (
        f"Connect-MgGraph -Environment {environment} -TenantId {tenant.tenant_guid} "
        "-Scopes Application.ReadWrite.All\n"
        f"$names = @(\n  {listed}\n)\n"
        f"$graph = Get-MgServicePrincipal -Filter \"appId eq '{GRAPH_APP}'\"\n"
        "$access = @($graph.AppRoles | Where-Object Value -in $names | "
        "ForEach-Object { @{ Id = $_.Id; Type = 'Role' } })\n"
        f"{scopes}"
        f"$app = New-MgApplication -DisplayName 'TenantAtlas {purpose.value}' "
        f"-SignInAudience AzureADMyOrg{web} "
        f"-RequiredResourceAccess @(@{{ ResourceAppId = '{GRAPH_APP}'; ResourceAccess = $access }})\n"
        "New-MgServicePrincipal -AppId $app.AppId\n"
        "$app.AppId"
    )
