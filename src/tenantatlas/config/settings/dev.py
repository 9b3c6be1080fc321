"""Settings for work on TenantAtlas itself: errors shown in the browser."""

from tenantatlas.config.settings.base import *  # noqa: F403 - settings modules extend base by design

DEBUG = True
WHITENOISE_AUTOREFRESH = True
SECRET_KEY = "for development only, never for an install"  # noqa: S105 - signs only a developer's own sessions
