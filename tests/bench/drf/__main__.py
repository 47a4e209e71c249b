"""``python -m tests.bench.drf``: make the tables and a user, print its token; with ``count``, count the rows."""

from __future__ import annotations

import os
import sys

import django


def main() -> None:
    """Prepare, or count."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.drf.settings"
    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from rest_framework_simplejwt.tokens import AccessToken

    from .models import Referral

    if sys.argv[1:] == ["count"]:
        print(Referral.objects.count())
        return
    # Django's own tables first: the app comes without migrations, and its key points to a user.
    call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)
    print(AccessToken.for_user(get_user_model().objects.create_user("unit-one")))


main()
