"""How policies are written: the steps to create, update, assign and delete one.

`create_steps`, `update_steps`, `assign_steps`, `delete_steps` and `refusals` are what restore asks. The rest
are the ways that policy types point to with `RestoreRule(create=…, update=…, delete=…)`.
"""

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

__all__ = [
    "assign_steps",
    "create_by_post",
    "create_steps",
    "delete_item",
    "delete_steps",
    "delete_unassigned",
    "refusals",
    "update_by_patch",
    "update_steps",
]
