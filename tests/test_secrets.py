"""Recognisable secrets everywhere, and none of them anywhere but in the answer that is meant to carry it."""

import io
import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection as database
from django.test import Client

from apikeys.ledger import Caller
from connections import connect as connecting
from connections import sessions
from connections.link.signing_in import HalfOpen
from connections.models import Connection, OAuthSession
from tests.provider_http import ProviderHttp

MARK = "TOPSECRET"
SECRETS = {
    "access_token": f"{MARK}-access",
    "refresh_token": f"{MARK}-refresh",
    "extra": {"userToken": f"{MARK}-extra"},
}
PAGES = (
    *("/app/", "/app/providers/", "/app/providers/google/", "/app/keys/", "/app/ledger/", "/ai/skill"),
    *("/admin/", "/admin/providers/provider/", "/admin/providers/provider/google/change/"),
    *("/admin/connections/connection/", "/admin/connections/oauthsession/", "/admin/apikeys/apikey/"),
    *("/admin/apikeys/auditevent/", "/admin/auth/user/", "/metrics", "/docs", "/openapi.json"),
)


@pytest.fixture
def spoken() -> Iterator[io.StringIO]:
    """Everything that is logged, by whomever, as the site formats it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.getLogger().handlers[0].formatter if logging.getLogger().handlers else None)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def seeded(user: Any, connect: Any, configured: Any) -> list[Connection]:
    """Secrets in every place that may hold one."""
    user.is_staff = user.is_superuser = True
    user.save()
    configured("google", client_secret=f"{MARK}-client")
    grant = connect("google", **SECRETS)
    key = connect("twilio", fields={"accountSid": "AC1", "authToken": f"{MARK}-token"})
    session = sessions.start(Caller(user=user), provider="google")
    session.start()
    session.hold(f'{{"grant": "{MARK}-grant", "id": "1", "label": "x"}}')
    signing_in = sessions.start(Caller(user=user), provider="telegram")
    half = HalfOpen(step="code", values={"apiHash": f"{MARK}-app"}, session=f"{MARK}-session", code_hash=f"{MARK}-hash")
    signing_in.hold_login(half.to_json(), status="started")
    return [grant, key]


def test_no_page_and_no_answer_but_the_fetch_holds_one(
    seeded: list[Connection], browser: Client, agent: Any, spoken: io.StringIO
):
    pages = [*PAGES, *(f"/app/connections/{row.pk}/" for row in seeded)]
    pages += [f"/admin/connections/connection/{row.pk}/change/" for row in seeded]
    pages += [f"/admin/connections/oauthsession/{row.pk}/change/" for row in OAuthSession.objects.all()]
    for path in pages:
        page = browser.get(path)
        assert page.status_code == 200, path
        assert MARK not in page.content.decode(), path
        assert agent.row.digest not in page.content.decode(), path
    for path in ("/ai/context", "/ai/context/google", "/connections", "/providers", "/ai/context/summary"):
        assert MARK not in agent.get(path).content.decode(), path
    assert agent.post("/tokens/fetch", {"provider": "google"}).json()["data"]["accessToken"] == f"{MARK}-access"
    assert MARK not in spoken.getvalue()
    assert agent.key.rpartition("_")[2] not in spoken.getvalue()


@pytest.mark.django_db(transaction=True)
def test_failures_tell_nothing(seeded: list[Connection], agent: Any, provider_http: ProviderHttp, spoken: io.StringIO):
    Connection.objects.filter(pk=seeded[0].pk).update(expires_at=seeded[0].created_at)
    provider_http.reply(
        "POST", "https://oauth2.googleapis.com/token", status=400, json={"error": f"{MARK}-refresh", "x": MARK}
    )
    provider_http.reply("POST", "https://oauth2.googleapis.com/revoke", status=500, text=f"{MARK}-refresh")
    answer = agent.post("/tokens/fetch", {"provider": "google"})
    assert answer.status_code == 503
    connecting.disconnect(Caller(user=agent.user), Connection.objects.get(pk=seeded[0].pk))
    assert f"{MARK}-access" not in spoken.getvalue()
    assert f"{MARK}-client" not in spoken.getvalue()
    assert b"r1" not in answer.content


def test_a_crash_in_a_view_shows_no_secret(seeded: list[Connection], agent: Any, spoken: io.StringIO):
    # Cut off, so that reading it fails while the secret is at hand.
    seeded[0].secrets = f'{{"access_token": "{MARK}-access'
    seeded[0].save(update_fields=["secrets"])
    agent.client.raise_request_exception = False
    answer = agent.post("/tokens/fetch", {"provider": "google"})
    assert answer.json()["error"]["code"] == "INTERNAL_ERROR"
    assert "JSONDecodeError" in spoken.getvalue()
    assert MARK not in spoken.getvalue() + answer.content.decode()


def test_representations_tasks_and_caches_hold_none(
    seeded: list[Connection], agent: Any, browser: Client, queue: list[Any]
):
    Connection.objects.filter(pk=seeded[0].pk).update(issued_at=seeded[0].created_at)
    fresh = Connection.objects.get(pk=seeded[0].pk)
    assert MARK not in repr(fresh) + str(fresh) + repr(fresh.__dict__) + repr(fresh.provider.__dict__)
    assert MARK.encode() not in pickle.dumps(fresh)
    assert queue == [] or MARK not in repr(queue)
    kept = getattr(cache, "_cache", {})
    assert MARK not in repr(kept)
    assert MARK not in repr(dict(browser.session))


def test_the_database_and_its_dump_hold_none(seeded: list[Connection]):
    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)
    assert MARK not in dump.getvalue()
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                assert MARK.encode() not in b"".join(_bytes(value) for value in row), table


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def test_the_data_folder_holds_none(seeded: list[Connection]):
    for path in Path(django_settings.AKHROT_DATA_DIR).rglob("*"):
        if path.is_file():
            assert MARK.encode() not in path.read_bytes(), path
