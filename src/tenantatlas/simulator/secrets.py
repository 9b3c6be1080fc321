"""Values that the service keeps to itself: OMA settings are masked, passwords come back as null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tenantatlas.core.json import Json

if TYPE_CHECKING:
    from .world import World

#: What is shown instead of an encrypted value, by the setting's type.
MASKS = {
    "#microsoft.graph.omaSettingString": "****",
    "#microsoft.graph.omaSettingStringXml": "PGEvPg==",
    "#microsoft.graph.omaSettingBase64": "****",
}

#: Properties that a write accepts and no read returns.
WRITE_ONLY = frozenset(
    {"preSharedKey", "sharedSecret", "proxyPassword", "wiFiPassword", "password", "pfxBlob"}
)


def hide_secrets(world: World, body: dict[str, Json], known: dict[str, Json]) -> dict[str, Json]:
    """Mask the secrets of a stored body in place; returns what is hidden (`oma`: value by reference)."""
    oma = dict(known)
    for setting in body.get("omaSettings") or ():
        if isinstance(setting, dict) and setting.get("isEncrypted"):
            _hide(world, setting, oma)
    plain = {name: body[name] for name in WRITE_ONLY & body.keys() if body[name]}
    for name in plain:
        body[name] = None
    return {"oma": oma, "plain": plain}


def encrypt_written(world: World, body: dict[str, Json], hidden: Mapping[str, Json]) -> dict[str, Json]:
    """Keep the secrets of a written body, whatever they are: a mask that is written becomes the value."""
    oma = dict(hidden.get("oma", {}))
    for setting in body.get("omaSettings") or ():
        mask = MASKS.get(str(setting.get("@odata.type")))
        if mask is None or setting.get("secretReferenceValueId") in oma:
            continue
        reference = new_reference(world)
        oma[reference] = setting.get("value")
        setting.update({"isEncrypted": True, "secretReferenceValueId": reference, "value": mask})
    plain = dict(hidden.get("plain", {}))
    for name in WRITE_ONLY & body.keys():
        if body[name]:
            plain[name] = body[name]
            body[name] = None
    return {"oma": oma, "plain": plain}


def new_reference(world: World) -> str:
    """The name of an encrypted value: three ids in a row."""
    return "_".join(world.new_guid() for _ in range(3))


def _hide(world: World, setting: dict[str, Json], oma: dict[str, Json]) -> None:
    reference = setting.setdefault("secretReferenceValueId", new_reference(world))
    mask = MASKS.get(str(setting.get("@odata.type")), "****")
    value = setting.get("value")
    if value in {"****", "PGEvPg=="} and reference not in oma:
        value = f"kept by the service {reference[:8]}"
    if value not in {"****", "PGEvPg=="}:
        oma[reference] = value
    setting["value"] = mask
