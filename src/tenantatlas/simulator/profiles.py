"""What clouds and licences withhold, and how Graph says so: unavailable is neither failed nor empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import AnswerError, Style, bad_request

if TYPE_CHECKING:
    from .facts import Collection
    from .tenants import Profile


def refuse_missing_feature(profile: Profile, collection: Collection, *, write: bool) -> None:
    """Refuse what this tenant's cloud or licence does not offer."""
    if collection.intune and not profile.intune:
        raise bad_request("Request not applicable to target tenant.", phrase="TenantNotFound")
    if collection.feature == "premium" and not profile.premium:
        raise AnswerError(403, "AccessDenied", "Your tenant is not licensed for this feature.")
    if collection.feature == "feature_updates" and not profile.feature_updates:
        raise bad_request("API is not supported for this environment.", code="NotSupported")
    if collection.feature == "autopatch" and not profile.autopatch:
        message = (
            "Tenant is not entitled to Windows Update for Business." if write else "An error has occurred"
        )
        raise AnswerError(403, "Forbidden", message, style=Style.INTUNE, phrase="Forbidden")
