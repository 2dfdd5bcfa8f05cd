"""What a sweep reads grows with what is due and not with what there is."""

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from connections.models import Connection
from tests.million import fill

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="is about PostgreSQL"),
]


@pytest.fixture
def many(user) -> None:
    """Twenty thousand connections, forty due."""
    settings = connection.settings_dict
    where = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": settings["NAME"]}
    with psycopg.connect(**{name: value for name, value in where.items() if value}, autocommit=True) as server:
        fill(server, user=user.pk, provider="google", number=20_000, due=40)


def test_the_due_rows_are_found_through_their_partial_index(many):
    plan = Connection.objects.due().order_by("refresh_at").values_list("pk", flat=True)[:1000].explain()
    assert "due_refreshes" in plan, plan
    assert "Seq Scan" not in plan, plan


def test_a_claim_is_one_read_and_one_write(many):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert len(Connection.objects.claim(1000)) == 40
    verbs = [query["sql"].split()[0] for query in queries.captured_queries]
    assert verbs == ["BEGIN", "SELECT", "UPDATE", "COMMIT"]
    assert Connection.objects.claim(1000) == []
    assert Connection.objects.claimed() == 40
