"""Device configurations: the templates that have no type of their own.

Device restrictions, endpoint protection, device features, kiosk, delivery optimization and the like. It
takes the rest of the shared collection; what is not in `_device_configurations.GENERAL` is kept and never
written. Traps: the privacy exceptions of windows10GeneralConfiguration are a navigation with an action of
their own; product keys come back masked; Windows templates have been moving to the settings catalog since
July 2025 and get new ids there.
"""

from collections.abc import Iterator

from tenantatlas.core.json import Json
from tenantatlas.policies.model import (
    Part,
    PolicyType,
    Reference,
    RestoreRule,
    Risk,
    Secret,
    SecretKind,
    Shape,
    Step,
    StepKind,
    WriteContext,
)
from tenantatlas.policies.types import _device_configuration_properties, _device_configurations, _intune

_NOT_AN_APP = frozenset({"00000000-0000-0000-0000-000000000000"})
_PRIVACY = "privacyAccessControls"


def _privacy(body: Json) -> list[Json]:
    return [{name: value for name, value in row.items() if name != "id"} for row in body.get(_PRIVACY) or ()]


def _set_privacy(ctx: WriteContext) -> Iterator[Step]:
    wanted = _privacy(ctx.wanted)
    if wanted != _privacy(ctx.live or {}):
        yield Step(
            kind=StepKind.CHILD,
            method="POST",
            path="{item}/windowsPrivacyAccessControls",
            body={"windowsPrivacyAccessControls": wanted},
            why="sets the privacy exceptions of apps",
        )


def _create(ctx: WriteContext) -> tuple[Step, ...]:
    return (*_device_configurations.create(ctx), *_set_privacy(ctx))


def _update(ctx: WriteContext) -> tuple[Step, ...]:
    return (*_device_configurations.update(ctx), *_set_privacy(ctx))


POLICY_TYPE = PolicyType(
    key="deviceConfigurations",
    label="Device configuration",
    platforms=("windows", "iOS", "macOS", "android"),
    docs=_device_configurations.DOCS,
    path=_device_configurations.PATH,
    family=_device_configurations.FAMILY,
    reads=_intune.CONFIGURATION_READ,
    writes=_intune.CONFIGURATION_WRITE,
    odata_types=_intune.full_names(*_device_configurations.GENERAL),
    properties=_device_configuration_properties.GENERAL,
    takes_rest=True,
    list_query=_intune.LIST_ASSIGNMENTS,
    parts=(
        *_device_configurations.parts_for(_device_configurations.GENERAL),
        Part(
            name=_PRIVACY,
            path="{item}?$expand=microsoft.graph.windows10GeneralConfiguration/privacyAccessControls",
            shape=Shape.OBJECT,
            when=_intune.is_one_of("windows10GeneralConfiguration"),
        ),
    ),
    assignments=_device_configurations.ASSIGNMENTS,
    volatile=(*_device_configurations.VOLATILE, f"{_PRIVACY}[].id"),
    unordered={
        **_device_configurations.UNORDERED,
        _PRIVACY: ("dataCategory", "appPackageFamilyName", "appDisplayName"),
    },
    secrets=(
        Secret(
            path="productKey",
            kind=SecretKind.NEEDS_INPUT,
            note="Graph never gives it back; enter it in the portal.",
        ),
        Secret(
            path="azureOperationalInsightsWorkspaceKey",
            kind=SecretKind.NEEDS_INPUT,
            note="Graph never gives it back; enter it in the portal.",
        ),
    ),
    references=(
        *_device_configurations.references_for(_device_configurations.GENERAL),
        Reference(
            path="kioskProfiles[].appConfiguration.**.appId",
            kind="mobileApps",
            check=_intune.MOBILE_APP_CHECK,
            portable=_NOT_AN_APP,
        ),
    ),
    compose=_device_configurations.compose,
    restore=RestoreRule(
        order=200,
        risk=Risk.MEDIUM,
        reason="Its settings reach devices as soon as it is assigned.",
        create=_create,
        update=_update,
        strip_create=(*_device_configurations.NAVIGATIONS, _PRIVACY),
        strip_update=(*_device_configurations.NAVIGATIONS, _PRIVACY),
    ),
    limits=(
        "A template that Graph itself calls unsupported, or that is newer than this program, is kept and "
        "not restored.",
        "Product keys and workspace keys are not given back by Graph and must be entered anew.",
        "A Windows template that Microsoft has moved to the settings catalog comes back as a template.",
    ),
)
