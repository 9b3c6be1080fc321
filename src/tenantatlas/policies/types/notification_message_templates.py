"""Notification message templates: the mails that compliance actions send, one text per language.

Traps: the texts are children, written and read apart, known by their language, which cannot change; the
default can be moved by marking another text, never taken away; a create answers 200. Enrollment
notifications make hidden templates of their own ("EnrollmentNotificationInternal…"), which belong to them
(IntuneManagement v4).
"""

from tenantatlas.core.json import Json
from tenantatlas.policies import writes
from tenantatlas.policies.model import SCOPE_TAGS, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune

_TEXTS = "localizedNotificationMessages"


def _is_internal(body: Json) -> bool:
    return str(body.get("displayName") or "").startswith("EnrollmentNotificationInternal")


POLICY_TYPE = PolicyType(
    key="notificationMessageTemplates",
    label="Notification templates",
    platforms=("all",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-notification-notificationmessagetemplate?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/notificationMessageTemplates",
    family="notifications",
    reads=_intune.SERVICE_READ,
    writes=_intune.SERVICE_WRITE,
    odata_type="#microsoft.graph.notificationMessageTemplate",
    odata_types=_intune.full_names("notificationMessageTemplate"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "defaultLocale",
            "brandingOptions",
            "roleScopeTagIds",
            "lastModifiedDateTime",
            _TEXTS,
        }
    ),
    reads_item=True,
    item_query=f"$expand={_TEXTS}",
    volatile=("defaultLocale", f"{_TEXTS}[].id", f"{_TEXTS}[].lastModifiedDateTime"),
    unordered={**_intune.TAGS_ARE_A_SET, _TEXTS: ("locale",)},
    references=(SCOPE_TAGS,),
    built_in=_is_internal,
    foundation=True,
    restore=RestoreRule(
        order=40,
        risk=Risk.LOW,
        reason="Texts only; compliance actions name it by id.",
        match_by=("displayName",),
        create=writes.create_notification_template,
        update=writes.update_notification_template,
        strip_create=(_TEXTS,),
        strip_update=(_TEXTS,),
    ),
    limits=("The hidden templates of enrollment notifications belong to those and are not restored here.",),
)
