"""What people read for a word of ours or of Graph's. One table for every pill."""

from __future__ import annotations

#: word -> (what people read, icon, tone). One table for every pill.
STATES: dict[str, tuple[str, str, str]] = {
    "queued": ("Queued", "clock", "neutral"),
    "running": ("Running", "ring", "info"),
    "alive": ("Alive", "check", "success"),
    "none_alive": ("None is alive", "cross", "danger"),
    "silent": ("Worker silent", "half", "warning"),
    "info": ("Info", "dot", "neutral"),
    "warning": ("Warning", "half", "warning"),
    "error": ("Error", "cross", "danger"),
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
    "gone": ("Gone", "cross", "danger"),
    "included": ("Included", "check", "info"),
    "excluded": ("Left out", "slash", "warning"),
    "have": ("Granted", "check", "success"),
    "too much": ("Not needed", "half", "warning"),
    "found_by_id": ("Found by id", "check", "success"),
    "found_by_name": ("Found by name", "check", "info"),
    "unseen": ("Looked for by the preview", "clock", "neutral"),
    "blocking": ("Blocking", "lock", "purple"),
    "safe": ("Safe", "check", "success"),
    "ambiguous": ("Ambiguous", "half", "warning"),
    "high": ("High", "cross", "danger"),
    "medium": ("Medium", "half", "warning"),
    "low": ("Low", "dot", "neutral"),
    "new": ("New", "dot", "info"),
    "acknowledged": ("Acknowledged", "check", "neutral"),
    "ignored": ("Ignored", "slash", "neutral"),
    "resolved": ("Resolved", "check", "success"),
    "imported": ("Imported", "dot", "neutral"),
    "recognised": ("Recognised", "check", "success"),
    "create": ("Create", "dot", "info"),
    "update": ("Update", "dot", "info"),
    "recreate": ("Recreate", "half", "warning"),
    "copy": ("Copy", "dot", "info"),
    "remove": ("Remove", "half", "warning"),
    "unchanged": ("Unchanged", "check", "success"),
    "skip": ("Skip", "slash", "neutral"),
    "cannot": ("Cannot", "cross", "danger"),
    "undecided": ("Needs a decision", "half", "warning"),
    "draft": ("Draft", "dot", "neutral"),
    "scoped": ("Policies chosen", "dot", "neutral"),
    "checked": ("Checked", "dot", "neutral"),
    "all_well": ("All well", "check", "success"),
    "needs_a_look": ("Needs a look", "half", "warning"),
    "not_checked": ("Not checked yet", "dot", "neutral"),
    "no_backup": ("No complete backup", "half", "warning"),
    "runs_went_wrong": ("Runs went wrong", "cross", "danger"),
    "permissions_missing": ("Permissions missing", "lock", "purple"),
    "previewing": ("Being previewed", "ring", "info"),
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

#: What a part of the browser's own words tells; the first that is there counts, as most name others too.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "HeadlessChrome/": "Chromium",
    "Chromium/": "Chromium",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "CrOS": "ChromeOS",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def browser_words(agent: str) -> str:
    """Which browser on which system, as far as its own words tell; those words where they do not."""
    browser = next((name for part, name in _BROWSERS.items() if part in agent), "")
    system = next((name for part, name in _SYSTEMS.items() if part in agent), "")
    return f"{browser} on {system}" if browser and system else browser or agent


def platform_words(word: str) -> str:
    """What people call a platform; Graph's own word where we know no better one."""
    return _PLATFORMS.get(word.lower(), word)
