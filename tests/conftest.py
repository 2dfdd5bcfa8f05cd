"""The fixtures that all tests share, named for what they give."""

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import django
import pytest

from tests import environment, network

DATA_DIR = environment.prepare()
# Here and not in pytest-django, which would read the settings before this file; conftest files further down import
# models.
django.setup()
# Workers of xdist inherit this process's environment, and would read the settings before they have a folder.
os.environ.pop("DJANGO_SETTINGS_MODULE", None)
network.guard()

import time_machine  # noqa: E402
from allauth.account.models import EmailAddress  # noqa: E402
from celery.signals import before_task_publish  # noqa: E402
from django.conf import settings as django_settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from apikeys.models import ApiKey  # noqa: E402
from apikeys.rates import forget_counts  # noqa: E402
from connections.connect import fingerprint  # noqa: E402
from connections.credentials import new_token_id  # noqa: E402
from connections.models import Connection  # noqa: E402
from providers import http  # noqa: E402
from providers.models import Provider  # noqa: E402
from providers.sealed import ensure_keyring, forget_keyring  # noqa: E402
from tests.agents import Agent, Key  # noqa: E402
from tests.provider_http import ProviderHttp  # noqa: E402
from tests.servers import redis_url as redis_url  # noqa: E402

PASSWORD = "a long enough password"
# Logging in is what most tests of pages begin with, and a slow hash is the purpose of the others.
django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Static files are found when they are asked for: each test client would list all of them beforehand.
django_settings.WHITENOISE_AUTOREFRESH = True
ensure_keyring()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL leave out what asks no database: it would find out the same as on SQLite."""
    if os.environ.get("TEST_DATABASE_URL"):
        left_out = [item for item in items if not asks_a_database(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if asks_a_database(item)]


def asks_a_database(item: pytest.Item) -> bool:
    """Whether the test has a database of Django's, or brings one of its own."""
    fixtures = {"db", "transactional_db", "django_db_setup"} & set(getattr(item, "fixturenames", ()))
    return bool(fixtures) or any(item.get_closest_marker(name) for name in ("django_db", "postgres", "redis"))


@pytest.fixture(autouse=True)
def _stays_on_this_machine() -> Iterator[None]:
    network.escapes.clear()
    yield
    if network.escapes:
        pytest.fail(f"the test left this machine: {'; '.join(network.escapes)}")


@pytest.fixture(autouse=True)
def _starts_afresh() -> None:
    """No test feels the rates that another used up, or a keyring that another loaded."""
    cache.clear()
    forget_counts()
    forget_keyring()
    ensure_keyring()


def make_user(email: str) -> User:
    """An account whose e-mail is verified, with the password `PASSWORD`."""
    user = User.objects.create_user(username=email, email=email, password=PASSWORD)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def make_key(user: User, **options: Any) -> Key:
    """A key of `user`; `options` as `ApiKey.objects.issue` takes them."""
    row, text = ApiKey.objects.issue(user=user, **{"name": "assistant", **options})
    return Key(row, text)


@pytest.fixture
def user(db: None) -> User:
    """Ada, who owns what the tests ask about."""
    return make_user("ada@example.com")


@pytest.fixture
def other_user(db: None) -> User:
    """Somebody else on the same instance."""
    return make_user("eve@example.com")


@pytest.fixture
def key(user: User) -> Key:
    """A key of `user`: `.row` and `.text`."""
    return make_key(user)


@pytest.fixture
def issue(user: User) -> Callable[..., Agent]:
    """``issue(providers=["google"], may_disconnect=False, user=…)`` gives an agent with a key like that."""

    def issue(*, user: User = user, **options: Any) -> Agent:
        return Agent(make_key(user, **options))

    return issue


@pytest.fixture
def agent(key: Key) -> Agent:
    """An agent that holds a key of `user`."""
    return Agent(key)


@pytest.fixture
def other_agent(other_user: User) -> Agent:
    """An agent that holds a key of `other_user`."""
    return Agent(make_key(other_user))


@pytest.fixture
def browser(user: User) -> Client:
    """A browser in which `user` is signed in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def provider_http() -> Iterator[ProviderHttp]:
    """All providers: register answers with `.reply`, look at `.requests`. An unregistered call fails the test."""
    stand_in = ProviderHttp()
    http.use_transport(stand_in.transport)
    yield stand_in
    http.use_transport(None)
    if stand_in.unexpected:
        pytest.fail(f"calls that no reply was registered for: {'; '.join(stand_in.unexpected)}")


@pytest.fixture
def configured(db: None) -> Callable[..., Provider]:
    """``configured("google")`` sets the operator's OAuth client of a provider and answers its row."""

    def configured(code: str, **columns: Any) -> Provider:
        provider = Provider.objects.get(code=code)
        columns = {"client_id": f"{code}-client", "client_secret": f"{code}-client-secret", **columns}
        for name, value in columns.items():
            setattr(provider, name, value)
        provider.save()
        return provider

    return configured


@pytest.fixture
def connect(user: User) -> Callable[..., Connection]:
    """``connect("google", expires_in=-5, refresh_token="")`` makes a connection as if consent had been given.

    OAuth: `access_token`, `refresh_token`, `extra`, `expires_in` (seconds, 3600, None: never), `scopes` (all that the
    provider asks for). Keys: `fields` by name. Any other name is a column of the row.
    """

    def connect(provider: str = "google", *, user: User = user, **state: Any) -> Connection:
        way = state.pop("way", "")
        row = Connection(user=user, provider=Provider.objects.get(code=provider), way=way)
        mine = Connection.objects.filter(user=user, provider=row.provider)
        columns = _grant(row, state) if row.spec.auth == "oauth2" else _pasted(row, state)
        number = mine.count() + 1
        columns |= {
            "account": user.email if number == 1 else f"{number}-{user.email}",
            "token_id": new_token_id(),
        }
        columns["is_default"] = not mine.filter(is_default=True).exists()
        for name, value in {**columns, **state}.items():
            Connection._meta.get_field(name)
            setattr(row, name, value)
        row.save()
        return row

    return connect


def _grant(row: Connection, state: dict[str, Any]) -> dict[str, Any]:
    """The columns of a grant; what is no column is taken out of `state`."""
    expires_in = state.pop("expires_in", 3600)
    held = {
        "access_token": state.pop("access_token", f"access-{row.pk.hex}"),
        "refresh_token": state.pop("refresh_token", f"refresh-{row.pk.hex}"),
        "extra": state.pop("extra", {}),
    }
    now = timezone.now()
    ends = None if expires_in is None else now + dt.timedelta(seconds=expires_in)
    lived = dt.timedelta(seconds=max(0, 3600 - (expires_in or 0)))
    return {
        "secrets": json.dumps(held),
        "refreshable": bool(held["refresh_token"]),
        "issued_at": now - lived if ends else now,
        "expires_at": ends,
        "scopes": row.spec.scopes_for(),
        "account_id": f"id-{row.pk.hex}",
    }


def _pasted(row: Connection, state: dict[str, Any]) -> dict[str, Any]:
    """The columns of a pasted credential; `fields` is taken out of `state`."""
    default = {field.name: f"{field.name}-{row.pk.hex}" for field in row.spec.fields}
    fields = {**default, **state.pop("fields", {})}
    if row.spec.auth == "mtproto" and fields["apiId"] == default.get("apiId"):
        fields["apiId"] = "12345"
    return {"secrets": json.dumps({"fields": fields}), "fingerprint": fingerprint(row.provider_id, fields)}


class Clock:
    """Moves Python's time; what the database calls now stays."""

    def __init__(self, traveller: time_machine.Traveller) -> None:
        self._traveller = traveller

    def forward(self, **duration: float) -> None:
        """Let time pass: ``clock.forward(minutes=10)``."""
        self._traveller.shift(dt.timedelta(**duration))

    def set(self, moment: dt.datetime) -> None:
        """Make it `moment`."""
        self._traveller.move_to(moment)


@pytest.fixture
def clock() -> Iterator[Clock]:
    """Time that goes on, and can be moved."""
    with time_machine.travel(dt.datetime.now(dt.UTC), tick=True) as traveller:
        yield Clock(traveller)


@pytest.fixture
def queue() -> Iterator[list[tuple[str, list[Any]]]]:
    """The tasks published meanwhile, as ``(name, arguments)``, on the way to the real queue."""
    published: list[tuple[str, list[Any]]] = []

    def note(sender: str, body: tuple[Any, ...], **_: Any) -> None:
        published.append((sender, list(body[0])))

    before_task_publish.connect(note, weak=False)
    yield published
    before_task_publish.disconnect(note)
