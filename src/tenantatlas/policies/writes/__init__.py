"""How policies are written: the steps to create, update, assign and delete one.

`create_steps`, `update_steps`, `assign_steps`, `delete_steps` and `refusals` are what restore asks. The rest
are the ways that policy types point to with `RestoreRule(create=…, update=…, delete=…, refuse=…)`.
"""

from .app_protection import create_app_policy, update_app_policy, update_targeted_configuration
from .compliance import create_compliance_policy, refuse_without_block_action, update_compliance_policy
from .enrollment import create_enrollment_configuration, update_enrollment_configuration
from .entra import (
    create_conditional_access,
    delete_named_location,
    update_authentication_strength,
    update_conditional_access,
)
from .general import (
    assign_steps,
    create_by_post,
    create_steps,
    delete_item,
    delete_steps,
    delete_unassigned,
    refusals,
    update_by_patch,
    update_steps,
)
from .group_policy import create_group_policy, update_group_policy
from .notification_templates import create_notification_template, update_notification_template
from .settings_catalog import create_settings_policy, put_settings_policy
from .special import (
    create_autopilot_profile,
    create_driver_profile,
    create_role_definition,
    update_driver_profile,
    update_role_definition,
)

__all__ = [
    "assign_steps",
    "create_app_policy",
    "create_autopilot_profile",
    "create_by_post",
    "create_compliance_policy",
    "create_conditional_access",
    "create_driver_profile",
    "create_enrollment_configuration",
    "create_group_policy",
    "create_notification_template",
    "create_role_definition",
    "create_settings_policy",
    "create_steps",
    "delete_item",
    "delete_named_location",
    "delete_steps",
    "delete_unassigned",
    "put_settings_policy",
    "refusals",
    "refuse_without_block_action",
    "update_app_policy",
    "update_authentication_strength",
    "update_by_patch",
    "update_compliance_policy",
    "update_conditional_access",
    "update_driver_profile",
    "update_enrollment_configuration",
    "update_group_policy",
    "update_notification_template",
    "update_role_definition",
    "update_steps",
    "update_targeted_configuration",
]
