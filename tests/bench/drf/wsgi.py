"""For gunicorn; the database's address comes by the environment."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.drf.settings"
application = get_wsgi_application()
