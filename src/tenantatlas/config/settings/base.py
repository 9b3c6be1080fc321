"""Every setting, with a sentence. What a person may set comes through `env`, prefix ATLAS_."""

from __future__ import annotations

import os
from pathlib import Path

from django.contrib.messages import constants as message_levels

from tenantatlas.config.databases import database
from tenantatlas.config.env import Env
from tenantatlas.config.logging import logging_config

env = Env(os.environ)

# ── What a person may set ─────────────────────────────────────────────────────────────────────────────────

ATLAS_HOME = env.path(
    "ATLAS_HOME",
    default=Path("~/.tenantatlas"),
    sentence="The folder of this install: embedded database, key, lock, log and simulator state.",
)
ATLAS_DATABASE_URL = env.text(
    "ATLAS_DATABASE_URL",
    sentence="PostgreSQL for several processes (postgresql://user:password@host/name); empty means the "
    "embedded SQLite file in ATLAS_HOME.",
)
ATLAS_KEY_FILE = env.path(
    "ATLAS_KEY_FILE",
    default=ATLAS_HOME / "key",
    sentence="The file with the key that wraps every tenant's data key. Keep a copy apart from the database.",
)
ATLAS_SECRET_KEY_FILE = env.path(
    "ATLAS_SECRET_KEY_FILE",
    default=ATLAS_HOME / "secret",
    sentence="The file with the secret that signs browser sessions. All web processes share one.",
)
ATLAS_USER = env.text(
    "ATLAS_USER", sentence="The e-mail address that commands act as when --as is not given."
)
ATLAS_ALLOWED_HOSTS = env.words(
    "ATLAS_ALLOWED_HOSTS",
    default="localhost,127.0.0.1,[::1]",
    sentence="The host names that the web pages may be asked for, separated by commas.",
)
ATLAS_BEHIND_TLS = env.flag(
    "ATLAS_BEHIND_TLS",
    sentence="Say yes when a proxy speaks TLS for us and sets X-Forwarded-Proto and X-Forwarded-For: cookies "
    "become secure-only. Without it both headers are ignored.",
)
ATLAS_GRAPH_SHARE = env.number(
    "ATLAS_GRAPH_SHARE",
    default=0.5,
    least=0.01,
    most=1.0,
    sentence="The share of Microsoft Graph's request budget that we use; the portal needs the rest.",
)
ATLAS_CA_FILE = env.optional_path(
    "ATLAS_CA_FILE",
    sentence="A PEM file of certificate authorities to trust for Graph and sign-in, besides the usual ones.",
)
ATLAS_TIME_SCALE = env.number(
    "ATLAS_TIME_SCALE",
    default=1.0,
    least=1.0,
    most=100_000.0,
    sentence="Divides every wait by this number, for demos and benchmarks; only with Graph on loopback.",
)
ATLAS_LEASE_SECONDS = env.number(
    "ATLAS_LEASE_SECONDS",
    default=60.0,
    least=1.0,
    sentence="How long a worker may be silent before another takes over its runs.",
)
ATLAS_HEARTBEAT_SECONDS = env.number(
    "ATLAS_HEARTBEAT_SECONDS",
    default=15.0,
    least=0.1,
    sentence="How often a worker says that it is alive; well below ATLAS_LEASE_SECONDS.",
)
ATLAS_RUN_RETENTION_DAYS = env.number(
    "ATLAS_RUN_RETENTION_DAYS",
    default=90.0,
    least=1.0,
    sentence="How many days a completed run stays in the list.",
)
ATLAS_THROTTLE_BUDGET_HOURS = env.number(
    "ATLAS_THROTTLE_BUDGET_HOURS",
    default=96.0,
    least=0.01,
    sentence="How long a run waits while Microsoft Graph lets not one item through; then it ends with what "
    "it has, and says when the rest may be retried.",
)
ATLAS_METRICS_TOKEN = env.text(
    "ATLAS_METRICS_TOKEN",
    sentence="Who brings it as a bearer token may read /metrics; when empty, whoever asks from this machine "
    "may. Set it where a proxy on this machine passes on requests from elsewhere.",
)
ATLAS_SETTLE_INTUNE = env.number(
    "ATLAS_SETTLE_INTUNE",
    default=300.0,
    least=1.0,
    sentence="Seconds to look for an Intune object whose creation got no answer before creating it again.",
)
ATLAS_SETTLE_ENTRA = env.number(
    "ATLAS_SETTLE_ENTRA",
    default=900.0,
    least=1.0,
    sentence="The same for Entra objects, which become visible later.",
)
ATLAS_LOG_FILE = env.text(
    "ATLAS_LOG_FILE",
    sentence="Where log lines go: a file, or standard error when empty. Commands that end by themselves "
    "write to tenantatlas.log in ATLAS_HOME.",
)
ATLAS_LOG_LEVEL = env.text(
    "ATLAS_LOG_LEVEL", default="INFO", sentence="The least severe log line that is written."
)

#: Everything asked above, for the reference page.
ATLAS_KNOWN_SETTINGS = tuple(env.known)

# ── What follows from it ──────────────────────────────────────────────────────────────────────────────────

DEBUG = False
SECRET_KEY = ATLAS_SECRET_KEY_FILE.read_text().strip() if ATLAS_SECRET_KEY_FILE.is_file() else ""
ALLOWED_HOSTS = ATLAS_ALLOWED_HOSTS
DATABASES = {"default": database(ATLAS_DATABASE_URL, home=ATLAS_HOME)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tenantatlas.config.urls"
WSGI_APPLICATION = "tenantatlas.config.wsgi.application"

INSTALLED_APPS = [
    "tenantatlas.config.apps.ConfigConfig",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "django_tables2",
    "django_filters",
    "tenantatlas.accounts",
    "tenantatlas.audit",
    "tenantatlas.tenants",
    "tenantatlas.notifications",
    "tenantatlas.runs",
    "tenantatlas.inventory",
    "tenantatlas.directory",
    "tenantatlas.backups",
    "tenantatlas.restore",
    "tenantatlas.drift",
    "tenantatlas.schedules",
    "tenantatlas.web",
]

MIDDLEWARE = [
    "tenantatlas.config.sqlite.middleware.PeopleFirst",
    "tenantatlas.web.middleware.ResponseHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "tenantatlas.web.middleware.SignedIn",
    "tenantatlas.web.middleware.TenantInPath",
]

# Cotton's loader must come first and cached; `SimpleAppConfig` leaves the template settings to us.
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenantatlas.web.context.frame",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton"],
        },
    }
]
COTTON_DIR = "web/components"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["tenantatlas.accounts.signin.EmailBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/sign-in/"

SESSION_ENGINE = "tenantatlas.accounts.sessions"
# Browsers keep a `__Host-` cookie to this very host and path, and only over TLS.
COOKIE_PREFIX = "__Host-" if ATLAS_BEHIND_TLS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = ATLAS_BEHIND_TLS
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = ATLAS_BEHIND_TLS
CSRF_FAILURE_VIEW = "tenantatlas.web.errors.stale_form"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if ATLAS_BEHIND_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ATLAS_BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ATLAS_BEHIND_TLS else None
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "tenantatlas.web.uploads.BoundedUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

LANGUAGE_CODE = "en-us"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
# Served from the packages themselves: there is nothing to collect.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False
WHITENOISE_AUTOREFRESH = False
MESSAGE_STORAGE = "tenantatlas.web.cookies.Toasts"
MESSAGE_LEVEL = message_levels.INFO

LOGGING = logging_config(level=ATLAS_LOG_LEVEL.upper(), path=ATLAS_LOG_FILE)
