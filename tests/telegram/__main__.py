"""Akhrot's own web server with the stand-in for Telegram: ``python -m tests.telegram``, on a data folder of its own.

`manage.py up` runs with Akhrot's settings alone, so what it prepares is prepared here.
"""

import os
import sys

import django
from django.core.management import call_command


def main() -> None:
    """Prepare the database, and become the web server."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.telegram.settings"
    django.setup()
    from providers.models import Provider, check_canary
    from providers.sealed import ensure_keyring

    ensure_keyring()
    call_command("migrate", verbosity=0)
    Provider.objects.make_missing()
    check_canary()
    os.execv(sys.executable, [sys.executable, "-m", "akhrot_site.web"])


if __name__ == "__main__":
    main()
