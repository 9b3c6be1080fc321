"""Settings of the test suite: a throw-away home; SQLite, or PostgreSQL with ATLAS_TEST_DATABASE=postgresql.

Where PostgreSQL is, the suite's harness says once it has started one.
"""

import atexit
import os
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

_fresh = Path(tempfile.gettempdir()) / f"tenantatlas-test-{secrets.token_hex(6)}"
_home = Path(os.environ.get("ATLAS_TEST_HOME") or _fresh)
if _home == _fresh and "mypy" not in sys.modules:  # it reads these settings, and ends without cleaning up
    _home.mkdir(mode=0o700)
    atexit.register(shutil.rmtree, _home, ignore_errors=True)
for _name in [name for name in os.environ if name.startswith("ATLAS_") and "_TEST_" not in name]:
    del os.environ[_name]
os.environ["ATLAS_HOME"] = str(_home)
os.environ["ATLAS_LOG_FILE"] = str(_home / "test.log")

from tenantatlas.config.databases import postgresql_database, sqlite_database  # noqa: E402 - the home comes first
from tenantatlas.config.settings.base import *  # noqa: E402, F403 - settings modules extend base by design

SECRET_KEY = "for tests only"  # noqa: S105 - signs nothing that outlives a test
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

if os.environ.get("ATLAS_TEST_DATABASE", "sqlite") == "postgresql":
    DATABASES = {
        "default": postgresql_database(
            os.environ.get("TEST_DATABASE_URL") or "postgresql://postgres@127.0.0.1/tenantatlas"
        )
    }
    DATABASES["default"]["CONN_MAX_AGE"] = 0
else:
    DATABASES = {"default": sqlite_database(_home / "atlas.db", synchronous="OFF")}
    DATABASES["default"]["TEST"] = {"NAME": str(_home / "test.db")}
