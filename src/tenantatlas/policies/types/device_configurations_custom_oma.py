"""Custom profiles: OMA-URI settings of Windows and Android, payloads of iOS and macOS.

Traps: Intune encrypts OMA values; the list shows a mask ("****", or "PGEvPg==" for XML) and a
`secretReferenceValueId`, and `getOmaSettingPlainTextValue` gives the value (IntuneManagement#29). It fails
for some profiles (M365DSC#4412, #6248): then the secret is not captured and the policy is refused, since
the mask would be written to devices. The function gives the XML of an omaSettingStringXml, which is written
as base64 (IntuneManagement v4). `secretReferenceValueId` in a create answers NotSupported
(IntuneBackupAndRestore#39). PATCH replaces the whole list of settings.
"""

import base64
import binascii

from tenantatlas.core.json import Json
from tenantatlas.policies.model import (
    MASKS,
    Part,
    PolicyType,
    RestoreRule,
    Risk,
    Secret,
    SecretKind,
    Shape,
)
from tenantatlas.policies.types import _device_configuration_properties, _device_configurations, _intune

_SERVER_MADE = ("omaSettings[].secretReferenceValueId", "omaSettings[].isEncrypted")
_XML = "omaSettingStringXml"
#: Intune encrypts every value of these kinds; a setting made before it did says so once it is written anew.
_ENCRYPTED_KINDS = ("omaSettingString", _XML, "omaSettingBase64")


def _is_encrypted(row: Json) -> bool:
    return row.get("isEncrypted") is True


def _is_base64_xml(value: str) -> bool:
    try:
        return base64.b64decode(value, validate=True).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    except (binascii.Error, ValueError):
        return False


def _value(row: Json) -> Json:
    value = row.get("value")
    if (
        _intune.odata_name(row) != _XML
        or not _is_encrypted(row)
        or not isinstance(value, str)
        or value in MASKS
        or _is_base64_xml(value)
    ):
        return value
    return base64.b64encode(value.encode()).decode()


def _setting(row: Json) -> Json:
    encrypted = _intune.odata_name(row) in _ENCRYPTED_KINDS or _is_encrypted(row)
    return {**row, "value": _value(row), "isEncrypted": True if encrypted else None}


def _compose(body: Json) -> Json:
    rows = body.get("omaSettings")
    return {**body, "omaSettings": [_setting(row) for row in rows]} if rows else body


POLICY_TYPE = PolicyType(
    key="deviceConfigurations.customOma",
    label="Custom profiles (OMA-URI)",
    platforms=("windows", "iOS", "macOS", "android"),
    docs=_device_configurations.DOCS,
    path=_device_configurations.PATH,
    family=_device_configurations.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_types=_intune.full_names(*_device_configurations.CUSTOM),
    properties=_device_configuration_properties.CUSTOM,
    selects=_intune.is_one_of(*_device_configurations.CUSTOM),
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=(
        *_device_configurations.parts_for(_device_configurations.CUSTOM),
        Part(
            name="omaSecrets",
            path="{item}/getOmaSettingPlainTextValue(secretReferenceValueId='{secretReferenceValueId}')",
            shape=Shape.VALUE,
            into="value",
            for_each="omaSettings",
            when=_is_encrypted,
            secret=True,
        ),
    ),
    assignments=_device_configurations.ASSIGNMENTS,
    volatile=(*_device_configurations.VOLATILE, "omaSettings[].secretReferenceValueId"),
    unordered={**_device_configurations.UNORDERED, "omaSettings": ("omaUri",)},
    secrets=(
        Secret(
            path="omaSettings[].value",
            kind=SecretKind.RECOVERABLE,
            when=_is_encrypted,
        ),
    ),
    references=_intune.ASSIGNED,
    compose=_compose,
    restore=RestoreRule(
        order=201,
        risk=Risk.HIGH,
        reason="Its values are written to devices as they are, without any check.",
        strip_create=_SERVER_MADE,
        strip_update=_SERVER_MADE,
    ),
    limits=(
        "When the value of an encrypted setting cannot be read, the policy is kept without it and not "
        "restored.",
        "Passwords inside a configuration profile (mobileconfig) are kept as they are in the file.",
    ),
)
