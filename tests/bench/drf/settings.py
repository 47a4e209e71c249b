"""Settings as an API in production has them: connections are kept, only JSON, no middleware without a use for it."""

from __future__ import annotations

import os
from datetime import timedelta

SECRET_KEY = "benchmark-key-benchmark-key-benchmark-key"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "tests.bench.drf.urls"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework", "tests.bench.drf"]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(days=1)}


def _database(url: str, schema: str | None) -> dict[str, object]:
    if url.startswith("sqlite:///"):
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        where: dict[str, object] = {"ENGINE": "django.db.backends.sqlite3", "NAME": url.removeprefix("sqlite:///")}
        return where | {"OPTIONS": {"timeout": 30, "init_command": pragmas}}
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    named = {"NAME": parts["dbname"], "USER": parts.get("user", ""), "PASSWORD": parts.get("password", "")}
    named |= {"HOST": parts.get("host", ""), "PORT": parts.get("port", "")}
    options = {"options": f"-c search_path={schema}"} if schema else {}
    return {"ENGINE": "django.db.backends.postgresql", **named, "OPTIONS": options}


DATABASES = {"default": {**_database(os.environ["BENCH_URL"], os.environ.get("BENCH_SCHEMA")), "CONN_MAX_AGE": None}}
