"""Named locations: IP ranges and countries.

Traps: `@odata.type` is required in every write; names may repeat; a trusted IP location must lose its trust
before it can be deleted, and one in use cannot be deleted; a new location is not at once visible to
policies (error 1040). Locations of the kind compliantNetworkNamedLocation are made by Microsoft. Shared
facts: `_conditional_access`.
"""

from tenantatlas.policies import writes
from tenantatlas.policies.model import PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _conditional_access, _intune

POLICY_TYPE = PolicyType(
    key="conditionalAccess.namedLocations",
    label="Named locations",
    platforms=("all",),
    docs="https://learn.microsoft.com/graph/api/resources/namedlocation?view=graph-rest-1.0",
    path="/v1.0/identity/conditionalAccess/namedLocations",
    family=_conditional_access.FAMILY,
    reads=("Policy.Read.All",),
    writes=_conditional_access.WRITE,
    writes_also=("Policy.Read.All",),
    scope_tags="",
    odata_types=_intune.full_names(
        "ipNamedLocation", "countryNamedLocation", "compliantNetworkNamedLocation"
    ),
    properties=frozenset(
        {
            "id",
            "displayName",
            "createdDateTime",
            "modifiedDateTime",
            "deletedDateTime",
            "ipRanges",
            "isTrusted",
            "countriesAndRegions",
            "countryLookupMethod",
            "includeUnknownCountriesAndRegions",
            "compliantNetworkType",
        }
    ),
    volatile=("deletedDateTime",),
    unordered={"ipRanges": ("cidrAddress",), "countriesAndRegions": ("",)},
    built_in=_intune.is_one_of("compliantNetworkNamedLocation"),
    foundation=True,
    batchable=False,
    restore=RestoreRule(
        order=50,
        delete=writes.delete_named_location,
        risk=Risk.HIGH,
        reason="Conditional access policies apply or not by it.",
        serial=True,
    ),
    limits=(
        "Locations that Microsoft makes (compliant network) and kinds newer than this program are kept and "
        "not restored.",
        "A deleted location can be brought back with its old id in the Entra portal within 30 days; a "
        "restore makes a new one.",
    ),
)
