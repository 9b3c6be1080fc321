"""What scripts share.

Traps: lists leave the content out (null), and a write of that null is refused as UnknownError
(IntuneBackupAndRestore#43), so each script is read by itself; since 2025-07-31 scripts need permissions of
their own (MC1107490); a script with a new id runs again on every device; the portal takes 200 KB.
"""

from typing import Final

from tenantatlas.core.json import Json
from tenantatlas.policies.model import AssignmentRule

FAMILY: Final = "intuneDevices"
ASSIGNMENTS: Final = AssignmentRule(
    body_key="deviceManagementScriptAssignments",
    odata_type="#microsoft.graph.deviceManagementScriptAssignment",
)
RUN_STATES: Final = ("groupAssignments", "runSummary", "deviceRunStates", "userRunStates")
RUNS_AGAIN: Final = "The script runs again on every device."


def refuse_without_content(body: Json) -> tuple[str, ...]:
    """A script without its text is not written."""
    if body.get("scriptContent"):
        return ()
    return ("The text of the script (scriptContent) is not in the backup.",)


def refuse_without_detection(body: Json) -> tuple[str, ...]:
    """A detection script without its text is not written."""
    if body.get("detectionScriptContent"):
        return ()
    return ("The text of the detection script (detectionScriptContent) is not in the backup.",)
