"""The admin as a whole: who gets in, that every page opens, and that none of them shows a secret."""

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection as database
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from akhrot_site.models import Invitation
from apikeys.ledger import Caller, record
from apikeys.models import ApiKey, AuditEvent
from connections import sessions
from connections.admin_overview import LOOKED_AT
from connections.models import Connection, Notice, OAuthSession, Refresh
from connections.refreshing.asking import tell_lost
from providers.models import Provider
from tests.staff import administrator as administrator
from tests.staff import staff as staff

MARK = "TOPSECRET"
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def address(page: str, model: type[Model], *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def secrets(staff: Client, user: User, agent: Any, connect: Any, configured: Any) -> list[str]:
    """A row of every model, with everything that no page may show."""
    configured("google", client_secret=f"{MARK}-client")
    row = connect(
        "google", access_token=f"{MARK}-access", refresh_token=f"{MARK}-refresh", extra={"user": f"{MARK}-extra"}
    )
    Refresh.objects.note(row, Refresh.Outcome.REVOKED, took=0.2, reason="invalid_grant")
    tell_lost(row, "invalid_grant")
    connect("twilio", fields={"authToken": f"{MARK}-token"})
    session = sessions.start(Caller(user=user), provider="google")
    state, nonce, verifier = session.start()
    session.refresh_from_db()
    session.hold(f'{{"grant": "{MARK}-grant", "id": "1", "label": "x"}}')
    for kind in ("totp", "recovery_codes"):
        Authenticator.objects.create(user=user, type=kind, data={"secret": f"{MARK}-{kind}", "seed": f"{MARK}-{kind}"})
    record(Caller(user=user, key=agent.row), "token.fetch", provider="google")
    invitation, token = Invitation.objects.invite("bob@example.com", user)
    held = [token, invitation.digest, agent.row.digest, session.state_digest, session.nonce_digest, user.password[-20:]]
    return [MARK, state, nonce, verifier, agent.key, *(text for text in held if text)]


def test_nothing_else_is_registered():
    kept = {ApiKey, AuditEvent, Provider, Connection, OAuthSession, Refresh, Notice, Invitation}
    expected = kept | {User, EmailAddress, Authenticator}
    assert set(MODELS) == expected


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_page_opens_and_shows_no_secret(staff: Client, secrets: list[str], model: type[Model]):
    pages = [address("changelist", model)]
    for row in model._default_manager.all()[:30]:
        pages += [address("change", model, row.pk), address("history", model, row.pk)]
    assert len(pages) > 1
    for path in pages:
        page = staff.get(path)
        assert page.status_code == 200, path
        assert not [secret for secret in secrets if secret in page.content.decode()], path


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_rows_own_page_tells_its_state_in_words(staff: Client, secrets: list[str], model: type[Model]):
    """A list wants a code for the colour beside them."""
    for row in model._default_manager.all()[:30]:
        assert "(&#x27;" not in staff.get(address("change", model, row.pk)).content.decode()


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_every_list_can_be_searched_and_filtered(staff: Client, secrets: list[str], model: type[Model]):
    path = address("changelist", model)
    assert staff.get(path, {"q": "google"}).status_code == 200
    for chosen in admin.site._registry[model].list_filter:
        if isinstance(chosen, type) and issubclass(chosen, admin.SimpleListFilter):
            shown = staff.get(path).context["cl"].filter_specs
            offered = next(one for one in shown if type(one) is chosen).lookup_choices
            for value, _ in [*offered, ("nonsense", "")]:
                assert staff.get(path, {str(chosen.parameter_name): value}).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    staff: Client, user: User, connect: Any, model: type[Model]
):
    def fill(number: int) -> None:
        for _ in range(number):
            connection = connect("google")
            key, _text = ApiKey.objects.issue(user=user, name="agent")
            OAuthSession.objects.create(user=user, key=key, provider=connection.provider, expires_at=timezone.now())
            record(Caller(user=user, key=key), "token.fetch", provider="google")
            person = User.objects.create(username=str(key.pk), email=f"{key.pk}@example.com")
            EmailAddress.objects.create(user=person, email=person.email)
            Authenticator.objects.create(user=person, type="totp", data={})
            Invitation.objects.invite(f"{key.pk}@example.org", person)

    def count() -> int:
        with CaptureQueriesContext(
            database,
        ) as queries:
            assert staff.get(address("changelist", model)).status_code == 200
        return len(queries)

    fill(2)
    staff.get(address("changelist", model))
    few = count()
    fill(8)
    assert count() == few


def test_a_client_secret_whose_seal_is_broken_is_replaced_on_its_page(staff: Client, configured: Any):
    configured("google")
    foreign = configured("slack").__dict__["client_secret"]
    Provider.objects.filter(code="google").update(client_secret=foreign)
    page = address("change", Provider, "google")
    assert staff.get(address("changelist", Provider)).status_code == 200
    assert "Set. It is never shown" in staff.get(page).content.decode()
    form = {"enabled": "on", "client_id": "the-client", "extra_scopes": "", "specification": ""}
    staff.post(page, {**form, "new_secret": "another"})
    assert Provider.objects.get(code="google").client_secret == "another"


def test_the_way_in_is_the_dashboards_login():
    for path in ("/admin/", "/admin/login/", "/admin/apikeys/apikey/"):
        answer = Client().get(path, follow=True)
        assert answer.redirect_chain[-1][0].startswith("/accounts/login/"), path


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_people_who_are_no_administrators_get_nothing(browser: Client, connect: Any, model: type[Model]):
    connect("google")
    for path in ("/admin/", address("changelist", model)):
        answer = browser.get(path)
        assert answer.status_code in (302, 403)
        assert b"google" not in answer.content


def test_overview_counts_what_there_is(staff: Client, connect: Any, configured: Any, agent: Any):
    configured("slack").client_was_refused("invalid_client")
    connect("google")
    connect("google", status="needs_reauth", status_reason="the grant was taken back")
    connect("google", failures=3)
    agent.post("/tokens/fetch", {"provider": "google"})
    agent.post("/tokens/fetch", {"provider": "nonesuch"})
    page = staff.get("/admin/")
    figures = {one.title: (one.number, one.remark) for one in page.context["figures"]}
    assert figures["Connections"] == ("3", "1 need their user, 1 fail to refresh")
    assert figures["Fetches in 24 hours"] == ("2", "1 refused")
    assert figures["Active API keys"] == ("1", "0 used in 24 hours")
    assert "the grant was taken back" in page.content.decode()
    assert "invalid_client" in page.content.decode()


def test_overview_takes_as_many_queries_for_many_rows_as_for_few(staff: Client, user: User, connect: Any):
    def count() -> int:
        with CaptureQueriesContext(database) as queries:
            staff.get("/admin/")
        return len(queries)

    connect("google", status="needs_reauth")
    count()
    few = count()
    for number in range(20):
        connect("google", status="needs_reauth")
        record(Caller(user=user), "token.fetch", provider="google", purpose=str(number))
    assert count() == few


def test_overview_says_when_it_counted_only_the_newest(staff: Client, user: User):
    for _ in range(9):
        record(Caller(user=user), "token.fetch", provider="google")
    last = AuditEvent.objects.latest("pk").pk
    # Ids count, so that one far ahead leaves two of the nine among the newest.
    AuditEvent.objects.create(pk=last + LOOKED_AT - 2, user=user, action="token.fetch", outcome="ok")
    figure = staff.get("/admin/").context["figures"][1]
    assert (figure.number, figure.remark) == ("over 3", f"0 refused, of the newest {LOOKED_AT:,} events")


def test_an_empty_list_offers_only_what_can_be_done(staff: Client):
    keys = staff.get(address("changelist", ApiKey)).content.decode()
    assert ("Nothing here yet" in keys, "/add/" in keys) == (True, False)
    invitations = staff.get(address("changelist", Invitation)).content.decode()
    assert ("Nothing here yet" in invitations, "Add invitation" in invitations) == (True, True)
    searched = staff.get(address("changelist", Invitation), {"q": "walnut"}).content.decode()
    assert ("Nothing matches" in searched, "Show everything" in searched) == (True, True)
