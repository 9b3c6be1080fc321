"""The WSGI application, for granian, waitress and other servers."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tenantatlas.config.settings.production")

application = get_wsgi_application()
