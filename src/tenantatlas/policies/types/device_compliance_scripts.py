"""Discovery scripts of custom compliance.

Compliance policies name them by id, which is how they reach devices; `assign` answers 400. Right after a
create the script may answer 404 for two minutes. Shared facts: `_scripts`.
"""

from tenantatlas.policies.model import SCOPE_TAGS, PolicyType, RestoreRule, Risk
from tenantatlas.policies.types import _intune, _scripts

POLICY_TYPE = PolicyType(
    key="deviceComplianceScripts",
    label="Custom compliance scripts",
    platforms=("windows",),
    docs=(
        "https://learn.microsoft.com/graph/api/resources/"
        "intune-devices-devicecompliancescript?view=graph-rest-beta"
    ),
    path="/beta/deviceManagement/deviceComplianceScripts",
    family=_scripts.FAMILY,
    reads=_intune.SCRIPTS_READ,
    writes=_intune.SCRIPTS_WRITE,
    odata_type="#microsoft.graph.deviceComplianceScript",
    odata_types=_intune.full_names("deviceComplianceScript"),
    properties=frozenset(
        {
            "id",
            "displayName",
            "description",
            "publisher",
            "version",
            "platform",
            "runAsAccount",
            "runAs32Bit",
            "enforceSignatureCheck",
            "detectionScriptContent",
            "roleScopeTagIds",
            "createdDateTime",
            "lastModifiedDateTime",
            *_scripts.RUN_STATES,
        }
    ),
    reads_item=True,
    volatile=_scripts.RUN_STATES,
    unordered=_intune.TAGS_ARE_A_SET,
    references=(SCOPE_TAGS,),
    foundation=True,
    restore=RestoreRule(
        order=80,
        risk=Risk.MEDIUM,
        reason="Compliance policies name it by id.",
        refuse=_scripts.refuse_without_detection,
    ),
)
