"""How a connection stands in words, and that the database finds the same rows."""

import datetime as dt
import html
import itertools
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from connections.dashboard.standing import Finder, Words, is_ending, needs_its_user, sentence, standing
from connections.models import Connection
from providers.models import Provider


def said(row: Connection) -> Words:
    words = standing(Connection.objects.select_related("provider").get(pk=row.pk))
    return Words(words.kind, words.name, html.unescape(re.sub(r"<[^>]+>", "", words.text)))  # type: ignore[arg-type]


def soon(**distance: float) -> dt.datetime:
    return timezone.now() + dt.timedelta(**distance, seconds=5)


def test_a_fresh_token_says_when_it_renews_itself(connect: Any):
    row = connect("google", refresh_at=soon(minutes=42))
    assert said(row) == ("good", "Fresh", "Renews by itself in 42 minutes.")


def test_a_token_whose_renewal_is_due_is_being_renewed_and_an_ended_one_waits_for_a_fetch(connect: Any):
    assert said(connect("google", refresh_at=soon(minutes=-2)))[1:] == ("Fresh", "It is being renewed.")
    assert said(connect("google", expires_in=-5))[:2] == ("calm", "Due")


def test_a_lost_grant_says_why_and_how_long_its_token_lasts(connect: Any):
    kind, name, text = said(connect("google", expires_in=605, status="needs_reauth", status_reason="invalid_grant"))
    assert (kind, name) == ("bad", "Needs you")
    assert text == (
        "Google has ended the access: it was withdrawn, it expired, or the password was changed. "
        "The current token ends in 10 minutes."
    )
    ended = said(connect("google", expires_in=-5, refresh_token=""))
    assert ended.text == "Its token has ended, and there is no way to renew it."


def test_a_renewal_that_fails_says_when_it_is_tried_again(connect: Any):
    facts = {"last_error": "oauth2.googleapis.com did not answer within 30 s", "retry_at": soon(minutes=2)}
    kind, name, text = said(connect("google", expires_in=1205, **facts))
    assert (kind, name) == ("warn", "Failing")
    assert text == (
        "oauth2.googleapis.com did not answer within 30 s. Next try in 2 minutes. The current token ends in 20 minutes."
    )
    assert said(connect("google", expires_in=-5, **facts)).text.endswith(
        "Until then, agents are told to try again later."
    )


def test_a_client_that_is_refused_is_the_operators_matter(connect: Any):
    row = connect("google", last_error="the provider refuses the OAuth client: invalid_client")
    assert said(row)[1] == "Needs the operator"
    assert "Google does not accept the client's id or secret" in said(row).text


@pytest.mark.parametrize(
    ("provider", "state", "kind", "name"),
    [
        ("github", {"expires_in": None}, "good", "Does not expire"),
        ("google", {"expires_in": 86_400 * 12 + 60, "refresh_token": ""}, "warn", "Ends in 12 days"),
        ("google", {"expires_in": 86_400 * 45 + 60, "refresh_token": ""}, "good", "Ends in 45 days"),
        ("openai", {}, "good", "Works"),
        ("openai", {"verification": "unverified"}, "calm", "Not checked"),
        ("openai", {"verification": "restricted"}, "calm", "Restricted"),
    ],
)
def test_what_lasts_says_how_long(connect: Any, provider: str, state: dict[str, Any], kind: str, name: str):
    assert said(connect(provider, **state))[:2] == (kind, name)


def test_a_key_says_when_it_ends(connect: Any):
    assert said(connect("openai", ends_at=soon(days=12)))[:2] == ("warn", "Ends in 12 days")
    assert said(connect("openai", ends_at=soon(days=-3)))[1] == "Ended 2 days ago"
    assert said(connect("openai", ends_at=soon(days=50))).text == "Ends in 50 days."
    assert "Next try in 4 minutes" in said(connect("openai", verification="unverified", verify_at=soon(minutes=4))).text


def test_a_check_that_is_overdue_is_not_told_as_one_that_was_made(connect: Any):
    overdue = said(connect("openai", verification="unverified", verify_at=soon(minutes=-4))).text
    assert ("Next try shortly" in overdue, "ago" in overdue) == (True, False)


def test_a_refresh_token_that_lives_as_long_as_each_renewal_is_not_ending(connect: Any):
    assert said(connect("google", ends_at=soon(days=7), refresh_at=soon(minutes=40))).name == "Fresh"
    assert said(connect("google", ends_at=soon(days=7), reminded_days=7)).name == "Ends in 7 days"


def test_what_the_operator_took_away_is_no_matter_of_its_user(user: User, connect: Any):
    row = connect("google", expires_in=-5, refresh_token="")
    Provider.objects.filter(code="google").update(enabled=False)
    assert said(row)[:2] == ("off", "Turned off")
    gone = Provider.objects.create(code="gone")
    assert said(Connection.objects.create(user=user, provider=gone, secrets="{}")).name == "No longer known"
    pasted = connect("openai")
    Connection.objects.filter(pk=pasted.pk).update(way="gone")
    assert said(pasted)[:2] == ("warn", "No longer offered")


def test_what_a_provider_said_is_escaped(connect: Any):
    row = connect("openai", status="needs_reauth", status_reason="OpenAI answered 401: <b>no</b>")
    assert "&lt;b&gt;no&lt;/b&gt;" in standing(row).text


def test_a_host_keeps_its_small_letter():
    assert sentence("zoom.us is slow") == "zoom.us is slow."
    assert sentence("the provider is slow…") == "The provider is slow…"


def test_the_database_finds_the_rows_that_the_words_are_said_of(user: User, connect: Any):
    ends = (None, soon(days=-1), soon(days=12), soon(days=60))
    statuses, errors, told = ("active", "needs_reauth"), ("", "the provider is away"), (None, 7)
    for provider, expires_in, refresh_token in (
        *(("google", seconds, token) for seconds in (-5, 600, 86_400 * 60, None) for token in ("r", "")),
        ("openai", None, None),
    ):
        for status, error, ends_at, days in itertools.product(statuses, errors, ends, told):
            state = {"status": status, "last_error": error, "ends_at": ends_at, "reminded_days": days}
            grant = {} if refresh_token is None else {"expires_in": expires_in, "refresh_token": refresh_token}
            connect(provider, **state, **grant)
    Provider.objects.filter(code="slack").update(enabled=False)
    connect("slack", status="needs_reauth")
    finder = Finder(frozenset(["google", "openai", "slack"]), timezone.now())
    rows = list(Connection.objects.filter(user=user).select_related("provider"))
    assert len(rows) > 250

    def found(condition: Any) -> set[Any]:
        return set(Connection.objects.filter(condition).values_list("pk", flat=True))

    active = {row.pk for row in rows if row.provider.enabled and not row.needs_user()}
    assert found(finder.needing) == {row.pk for row in rows if needs_its_user(row)} != set()
    assert found(finder.failing) == {row.pk for row in rows if row.pk in active and row.last_error} != set()
    assert found(finder.ending) == {row.pk for row in rows if row.pk in active and is_ending(row)} != set()
