"""A user for each state on a running site, and what each can open: ``python -m tests.pages.furnish`` beside it."""

import json
import sys

import django

PASSWORD = "walnuts-are-not-nuts-7"


def furnish() -> dict[str, dict[str, str]]:
    """State → name → path of its user's pages. The user is ``STATE@example.test``."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import User

    from providers.models import Provider
    from tests.pages import rows
    from tests.pages.every import addresses

    Provider.objects.filter(code="github").update(client_id="a client")
    found = {}
    for state, fill in rows.FILLED.items():
        user = User.objects.create_user(state, f"{state}@example.test", PASSWORD)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        fill(user)
        if state in ("many", "long"):
            rows.waiting(user)
            rows.waiting(user, "openai")
            rows.waiting(user, "telegram")
        found[state] = addresses(user)
    return found


if __name__ == "__main__":
    django.setup()
    json.dump(furnish(), sys.stdout)
