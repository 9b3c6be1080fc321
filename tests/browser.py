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


def install() -> bool:
    """Install Debian's Chromium; needs root and apt-get."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            [apt, "--quiet=2", *arguments], env=quiet, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode:
            return False
    return find_browser() is not None


def main() -> int:
    """Exit 0 where the browser tests can run or may be left out, 1 where CI requires them and they cannot."""
    if find_browser() or install():
        return 0
    sys.stderr.write("No Chromium here and none could be installed: the browser tests are left out.\n")
    return 1 if os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    raise SystemExit(main())
