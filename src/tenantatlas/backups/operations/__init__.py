"""The runs of backups: make versions, change what a set holds, prove it, hand it out, take it in."""

from .capture import CaptureBackup, CaptureParams, CaptureSnapshot, SnapshotParams, complete_set, scope_of
from .change import AddPolicies, ChangeParams, RemovePolicies
from .export import ExportBackup, ExportParams
from .importing import ImportBackup, ImportParams, LookIntoImport, LookParams
from .sets import SetParams, VerifyBackup, captured_set

__all__ = [
    "AddPolicies",
    "CaptureBackup",
    "CaptureParams",
    "CaptureSnapshot",
    "ChangeParams",
    "ExportBackup",
    "ExportParams",
    "ImportBackup",
    "ImportParams",
    "LookIntoImport",
    "LookParams",
    "RemovePolicies",
    "SetParams",
    "SnapshotParams",
    "VerifyBackup",
    "captured_set",
    "complete_set",
    "scope_of",
]
