"""The address of every page, as one user sees them."""

from django.contrib.auth.models import User
from django.urls import reverse

from apikeys.models import ApiKey
from connections.models import Connection, OAuthSession

EVERYBODYS = {
    "home": "/app/",
    "home-found": "/app/?q=google",
    "home-needs": "/app/?state=needs",
    "home-nothing": "/app/?q=zzzzzz",
    "start": "/app/start/",
    "catalogue": "/app/providers/",
    "catalogue-found": "/app/providers/?q=gmail",
    "catalogue-nothing": "/app/providers/?q=zzzzzz",
    "provider-oauth": "/app/providers/google/",
    "provider-key": "/app/providers/openai/",
    "provider-ways": "/app/providers/telegram/",
    "keys": "/app/keys/",
    "key-new": "/app/keys/new/",
    "activity": "/app/ledger/",
    "activity-filtered": "/app/ledger/?outcome=refused&time=month",
    "activity-nothing": "/app/ledger/?provider=nothing",
    "account-email": "/accounts/email/",
    "account-password": "/accounts/password/change/",
    "account-two-factor": "/accounts/2fa/",
    "account-sessions": "/accounts/sessions/",
    "account-notifications": "/accounts/notifications/",
    "account-delete": "/accounts/delete/",
    "sign-out": "/accounts/logout/",
    "not-found": "/app/nothing/",
    "link-unknown": "/connect/00000000-0000-4000-8000-00000000000a",
}
SHOWN = 4
"""Of a user's connections, keys and requests so many have their pages looked at."""


def addresses(user: User) -> dict[str, str]:
    """Name → path of every page that `user` can open."""
    found = dict(EVERYBODYS)
    for place, row in enumerate(Connection.objects.of(user).order_by("-created_at")[:SHOWN]):
        found[f"connection-{place}-{row.provider_id}"] = reverse("connection", args=[row.pk])
        found[f"disconnect-{place}-{row.provider_id}"] = reverse("disconnect", args=[row.pk])
    for place, key in enumerate(ApiKey.objects.of(user)[:SHOWN]):
        found[f"key-{place}-{key.state}"] = reverse("key", args=[key.pk])
    for session in OAuthSession.objects.of(user).order_by("-created_at")[:SHOWN]:
        found[f"request-{session.provider_id}-{session.status}"] = reverse("connect", args=[session.pk])
    return found
