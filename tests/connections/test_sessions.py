"""The connect link: whose it is, how long it lives, and what follows it."""

import pytest

from apikeys.ledger import Caller
from apikeys.models import AuditEvent
from connections import sessions
from connections.models import OAuthSession
from connections.sessions import Refused


def test_a_foreign_link_opens_for_nobody_else_and_its_owner_reads_of_it(begin, other_user):
    begun = begin()
    with pytest.raises(sessions.NotYours):
        sessions.open_link(Caller(user=other_user, address="192.0.2.7"), begun.session.pk)
    event = AuditEvent.objects.get(action="session.open")
    assert (event.user, event.outcome, event.address) == (begun.session.user, "OTHER_USER", "192.0.2.7")


def test_trying_again_makes_a_successor_that_the_poll_follows(begin, provider_http):
    begun = begin()
    with pytest.raises(Refused):
        begun.come_back(error="access_denied", code=None)
    begun.session.refresh_from_db()
    successor = sessions.again(begun.caller, begun.session)
    assert sessions.poll(begun.caller, str(begun.session.pk)) == successor
    with pytest.raises(Refused):
        sessions.again(begun.caller, OAuthSession.objects.get(pk=begun.session.pk))


def test_an_ended_link_cannot_be_started(begin):
    begun = begin()
    begun.session.fail("over")
    with pytest.raises(Refused):
        sessions.begin(begun.caller, begun.session, begun.browser, {})


def test_a_link_of_a_revoked_key_cannot_be_started(begin, key):
    begun = begin()
    session = sessions.start(Caller(user=key.row.user, key=key.row), provider="google")
    key.row.revoke()
    session = sessions.open_link(begun.caller, session.pk)
    with pytest.raises(Refused, match="revoked"):
        sessions.begin(begun.caller, session, begun.browser, {})


def test_at_most_twenty_wait_and_the_oldest_gives_way(begin):
    begun = begin()
    for _ in range(20):
        begin()
    begun.session.refresh_from_db()
    assert begun.session.status == "failed"
    assert "gave way" in begun.session.reason
    assert OAuthSession.objects.waiting().count() == 20
