"""Contoso's administrative templates, with the definitions that they name."""

from __future__ import annotations

from typing import Any

from tenantatlas.core.ids import stable_id
from tenantatlas.simulator.tenants import SimTenant

from .people import to_group

_ADMX = (
    (
        "Google Chrome - Security",
        "\\Google\\Google Chrome",
        ("Enable Safe Browsing", "Block third-party cookies", "Allow sync", "Set the home page"),
    ),
    (
        "Google Chrome - Extensions",
        "\\Google\\Google Chrome\\Extensions",
        ("Configure the allow list", "Block external extensions"),
    ),
    (
        "Windows - Remote Desktop",
        "\\Windows Components\\Remote Desktop Services",
        (
            "Require network level authentication",
            "Set client connection encryption level",
            "Do not allow drive redirection",
        ),
    ),
    (
        "Windows - Event log sizes",
        "\\Windows Components\\Event Log Service",
        (
            "Maximum size of the application log",
            "Maximum size of the security log",
            "Maximum size of the system log",
        ),
    ),
    (
        "Windows - Autoplay",
        "\\Windows Components\\AutoPlay Policies",
        ("Turn off Autoplay", "Disallow Autoplay for non-volume devices"),
    ),
    (
        "Office - Privacy",
        "\\Microsoft Office 2016\\Privacy",
        ("Configure diagnostic data", "Allow optional connected experiences"),
    ),
    (
        "Office - Trust center",
        "\\Microsoft Office 2016\\Security",
        ("Block macros in files from the Internet", "Turn off trusted documents"),
    ),
    (
        "Windows - Printing",
        "\\Printers",
        ("Limit driver installation to administrators", "Point and print restrictions"),
    ),
    (
        "Windows - Logon screen",
        "\\System\\Logon",
        ("Do not display network selection UI", "Turn off picture password sign-in"),
    ),
    ("Zoom - Meetings", "\\Zoom", ("Require authentication", "Disable file transfer")),
)


def seed_admx(tenant: SimTenant) -> None:
    """Put the administrative templates there, with the definitions that they name."""
    for index, (name, category, titles) in enumerate(_ADMX):
        group = ("All corporate Windows devices", "Pilot Windows devices", "Finance")[index % 3]
        tenant.put(
            "/deviceManagement/groupPolicyConfigurations",
            {
                "id": stable_id("demo admx", name),
                "displayName": name,
                "description": f"{name} by administrative template",
                "roleScopeTagIds": ["0"],
                "policyConfigurationIngestionType": "custom" if name.startswith("Zoom") else "builtIn",
                "definitionValues": [_value(title, category) for title in titles],
                "assignments": [to_group(group)],
            },
        )


def _value(title: str, category: str) -> dict[str, Any]:
    numeric = "size" in title.lower() or "level" in title.lower()
    kind = "DecimalTextBox" if numeric else "TextBox"
    presentation = {
        "@odata.type": f"#microsoft.graph.groupPolicyPresentation{kind}",
        "id": stable_id("demo presentation", category, title),
        "label": f"{title}:",
    }
    definition = {
        "id": stable_id("demo definition", category, title),
        "displayName": title,
        "categoryPath": category,
        "classType": "machine",
        "policyType": "admxIngested" if category == "\\Zoom" else "admxBacked",
    }
    value: dict[str, Any] = {
        "@odata.type": f"#microsoft.graph.groupPolicyPresentationValue{'Decimal' if numeric else 'Text'}",
        "value": 32768 if numeric else f"contoso {title.lower()[:20]}",
        "presentation": presentation,
    }
    return {
        "id": stable_id("demo definition value", category, title),
        "enabled": not title.startswith(("Allow", "Turn off trusted")),
        "configurationType": "policy",
        "definition": definition,
        "presentationValues": [value],
    }
