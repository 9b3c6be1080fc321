"""Settings of an install."""

from tenantatlas.config.settings.base import *  # noqa: F403 - settings modules extend base by design
