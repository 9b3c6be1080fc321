"""What people read for a word of ours or of Graph's. One table for every pill."""

from __future__ import annotations

#: word -> (what people read, icon, tone). One table for every pill.
STATES: dict[str, tuple[str, str, str]] = {
    "queued": ("Queued", "clock", "neutral"),
    "running": ("Running", "ring", "info"),
    "succeeded": ("Succeeded", "check", "success"),
    "partially_succeeded": ("Partly succeeded", "half", "warning"),
    "failed": ("Failed", "cross", "danger"),
    "blocked": ("Blocked", "lock", "purple"),
    "cancelled": ("Cancelled", "slash", "neutral"),
    "pending": ("Not yet", "clock", "neutral"),
    "in_hand": ("In hand", "ring", "info"),
    "skipped": ("Skipped", "slash", "neutral"),
    "unknown": ("Unknown", "half", "warning"),
    "needs_decision": ("Needs a decision", "half", "warning"),
    "not_started": ("Not started", "slash", "neutral"),
    "complete": ("Complete", "check", "success"),
    "incomplete": ("Incomplete", "half", "warning"),
    "capturing": ("Capturing", "ring", "info"),
    "partial": ("Partial", "half", "warning"),
    "denied": ("Denied", "lock", "purple"),
    "unavailable": ("Not offered here", "slash", "neutral"),
    "changed": ("Changed during capture", "half", "warning"),
    "protected": ("Protected", "check", "success"),
    "changed_since": ("Changed since", "half", "warning"),
    "never": ("Never backed up", "cross", "danger"),
    "present": ("Present", "check", "success"),
    "missing": ("Missing", "cross", "danger"),
    "have": ("Granted", "check", "success"),
    "too much": ("Not needed", "half", "warning"),
    "found_by_id": ("Found by id", "check", "success"),
    "found_by_name": ("Found by name", "check", "info"),
    "ambiguous": ("Ambiguous", "half", "warning"),
    "high": ("High", "cross", "danger"),
    "medium": ("Medium", "half", "warning"),
    "low": ("Low", "dot", "neutral"),
    "create": ("Create", "dot", "info"),
    "update": ("Update", "dot", "info"),
    "recreate": ("Recreate", "half", "warning"),
    "copy": ("Copy", "dot", "info"),
    "unchanged": ("Unchanged", "check", "success"),
    "skip": ("Skip", "slash", "neutral"),
    "cannot": ("Cannot", "cross", "danger"),
    "undecided": ("Needs a decision", "half", "warning"),
    "draft": ("Draft", "dot", "neutral"),
    "scoped": ("Policies chosen", "dot", "neutral"),
    "checked": ("Being previewed", "ring", "info"),
    "previewed": ("Previewed", "check", "info"),
    "completed": ("Completed", "check", "info"),
}

_PLATFORMS = {
    "windows": "Windows",
    "windows10": "Windows",
    "windows10andlater": "Windows",
    "windows81andlater": "Windows",
    "macos": "macOS",
    "ios": "iOS and iPadOS",
    "ipados": "iOS and iPadOS",
    "android": "Android",
    "androidforwork": "Android",
    "androidworkprofile": "Android",
    "androidenterprise": "Android",
    "androidaosp": "Android",
    "linux": "Linux",
    "all": "All platforms",
    "none": "All platforms",
}


def platform_words(word: str) -> str:
    """What people call a platform; Graph's own word where we know no better one."""
    return _PLATFORMS.get(word.lower(), word)
