"""Chromium for the browser tests. `python -m tests.browser` installs Debian's where it may; tests ask
`find_browser`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """The path of a Chromium, from ATLAS_CHROMIUM or the PATH."""
    named = os.environ.get("ATLAS_CHROMIUM", "")
    return named or next((path for path in map(shutil.which, NAMES) if path), None)


def install() -> str:
    """Install Debian's Chromium; why that was not possible, or nothing."""
    apt = shutil.which("apt-get")
    if apt is None:
        return "there is no apt-get; install a Chromium by hand, or name one in ATLAS_CHROMIUM"
    if os.geteuid() != 0:
        return "installing needs root: run `apt-get install chromium` as root, or name one in ATLAS_CHROMIUM"
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            [apt, "--quiet=2", *arguments], env=quiet, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip())[-2000:]
            return f"`apt-get {' '.join(arguments)}` ended with {done.returncode}:\n{said}"
    return "" if find_browser() else f"apt-get installed it, but none of {', '.join(NAMES)} is on the PATH"


def main() -> int:
    """Exit 0 where the browser tests can run or may be left out, 1 where CI requires them and they cannot."""
    why = "" if find_browser() else install()
    if not why:
        return 0
    required = os.environ.get("CI") == "true"
    end = "CI requires the browser tests" if required else "the browser tests are left out"
    sys.stderr.write(f"No Chromium here and none could be installed: {why}\nSo {end}.\n")
    return int(required)


if __name__ == "__main__":
    raise SystemExit(main())
