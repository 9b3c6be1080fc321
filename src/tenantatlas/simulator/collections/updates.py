"""Windows Update: what a tenant may use of it depends on its cloud and licences."""

from __future__ import annotations

from datetime import datetime

from tenantatlas.core.json import Json
from tenantatlas.simulator.errors import bad_request
from tenantatlas.simulator.facts import Assignments, Call, Collection, ExpandSupport, FilterSupport

from .common import CONFIGURATION_READ, CONFIGURATION_WRITE, TAGGED


def _check_rollout(call: Call, body: dict[str, Json]) -> None:
    settings = body.get("rolloutSettings")
    for value in settings.values() if isinstance(settings, dict) else ():
        if isinstance(value, str) and "T" in value and datetime.fromisoformat(value) < call.world.times.now():
            raise bad_request("A rollout date must not be in the past.", phrase="InvalidRolloutDate")


def _check_deferral(call: Call, body: dict[str, Json]) -> None:
    approval = body.get("approvalType") or (call.state.body.get("approvalType") if call.object else None)
    days = body.get("deploymentDeferralInDays")
    if approval == "manual" and days is not None:
        raise bad_request("Invalid property values: deploymentDeferralInDays with manual approval.")
    if approval == "automatic" and days is None and call.object is None:
        raise bad_request("Invalid property values: deploymentDeferralInDays is required.")


def _updates(path: str, entity: str, feature: str, **more: Json) -> Collection:
    return Collection(
        path=f"/deviceManagement/{path}",
        entity=entity,
        family="updates",
        read=CONFIGURATION_READ,
        write=CONFIGURATION_WRITE,
        v1=False,
        top_limit=200,
        page_size=200,
        filter=FilterSupport.REFUSED,
        assignments=Assignments(
            odata_type=f"microsoft.graph.{entity}Assignment",
            targets=frozenset({"groupAssignmentTarget", "exclusionGroupAssignmentTarget"}),
            filters=False,
            zero_filter="exclude",
            on_list=ExpandSupport.REFUSED,
        ),
        patch_status=200,
        defaults={**TAGGED, "description": ""},
        feature=feature,
        **more,
    )


COLLECTIONS = (
    _updates(
        "windowsFeatureUpdateProfiles",
        "windowsFeatureUpdateProfile",
        "feature_updates",
        read_only=("deployableContentDisplayName", "endOfSupportDate"),
        immutable={
            "installLatestWindows10OnWindows11IneligibleDevice": (
                "The property 'InstallLatestWindows10OnWindows11IneligibleDevice' cannot be patched"
            )
        },
        check_create=_check_rollout,
        check_update=_check_rollout,
    ),
    _updates(
        "windowsQualityUpdateProfiles",
        "windowsQualityUpdateProfile",
        "autopatch",
        read_only=("releaseDateDisplayName", "deployableContentDisplayName"),
    ),
    _updates("windowsQualityUpdatePolicies", "windowsQualityUpdatePolicy", "autopatch"),
    _updates(
        "windowsDriverUpdateProfiles",
        "windowsDriverUpdateProfile",
        "autopatch",
        read_only=("newUpdates", "deviceReporting", "inventorySyncStatus", "driverInventories"),
        immutable={"approvalType": "The property 'ApprovalType' cannot be patched"},
        check_create=_check_deferral,
        check_update=_check_deferral,
    ),
)
