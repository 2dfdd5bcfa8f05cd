"""What a migration makes of the rows that are there."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from connections.models import Connection, OAuthSession
from providers.models import Provider
from tests.agents import Agent


@pytest.fixture
def migrate(transactional_db: None) -> Iterator[Any]:
    """``migrate("0002_refresh_engine")`` takes the tables of connections there and answers the models of then.

    Without a name it takes them to the newest.
    """

    def migrate(name: str = "") -> Any:
        executor = MigrationExecutor(connection)
        executor.migrate([("connections", name)] if name else executor.loader.graph.leaf_nodes())
        return models_of(name) if name else None

    yield migrate
    migrate()


def models_of(name: str) -> Any:
    """The models as they were when the migration of that name was the newest."""
    return MigrationExecutor(connection).loader.project_state([("connections", name)]).apps


def test_what_was_connected_before_there_were_ways_is_of_the_default_one(
    migrate: Any, user: User, agent: Agent, connect: Any
):
    row = connect("google", access_token="kept")
    session = OAuthSession.objects.create(
        user=user, provider=Provider.objects.get(code="google"), scopes=["openid"], expires_at=row.expires_at
    )
    then = migrate("0002_refresh_engine")
    names = {field.name for field in then.get_model("connections", "Connection")._meta.get_fields()}
    assert "way" not in names
    migrate()
    now = Connection.objects.get()
    assert (now.pk, now.way, now.spec.kind) == (row.pk, "", "oauth2")
    assert agent.post("/tokens/fetch", {"provider": "google"}).json()["data"]["accessToken"] == "kept"
    session = OAuthSession.objects.get(pk=session.pk)
    assert (session.way, session.asked, session.scopes) == ("", [], ["openid"])


def test_a_process_from_before_there_were_labels_can_still_connect_something(user: User):
    then = models_of("0004_links_go_with_their_provider").get_model("connections", "Connection")
    for number in (1, 2):
        then.objects.create(user_id=user.pk, provider_id="google", account_id=str(number), secrets="{}")
    assert list(Connection.objects.values_list("label", flat=True)) == ["", ""]
