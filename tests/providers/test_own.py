"""A provider of the operator's own in the admin: from an issuer, as a copy, checked and tried before it is saved."""

import json
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.test import Client

from providers import registry
from providers.models import Provider
from tests.provider_http import ProviderHttp
from tests.providers.test_discovery import ISSUER, PLACE, metadata
from tests.providers.test_spec import SANDBOX, TWILIO
from tests.staff import administrator as administrator
from tests.staff import staff as staff

LIST = "/admin/providers/provider/"
ACCOUNT = "https://api.twilio.com/2010-04-01/Accounts/AC123456.json"


def posted(staff: Client, page: str = "add/", **form: str) -> str:
    return staff.post(LIST + page, {"enabled": "on", **form}, follow=True).content.decode()


def typed(page: Any) -> dict[str, Any]:
    """The specification that stands in the form of a page."""
    return json.loads(page.context["adminform"].form["specification"].value())  # type: ignore[no-any-return]


def from_issuer(staff: Client, **form: str) -> Any:
    return staff.post(f"{LIST}from_issuer/", {"issuer": ISSUER, **form}, follow=True)


def test_an_issuer_is_looked_through_in_the_form_before_it_is_saved(staff: Client, provider_http: ProviderHttp):
    provider_http.reply("GET", PLACE, json=metadata(revocation_endpoint=None))
    page = from_issuer(staff)
    assert page.redirect_chain[-1][0].startswith(f"{LIST}add/")
    assert not Provider.objects.filter(code="walnut").exists()
    assert typed(page)["oauth"]["issuer"] == ISSUER
    assert "It has no revocation endpoint" in page.content.decode()
    posted(staff, specification=json.dumps(typed(page)))
    assert Provider.objects.get(code="walnut").spec.oauth.token_url == f"{ISSUER}/token"  # type: ignore[union-attr]


def test_an_issuer_gets_the_code_that_was_typed_or_a_free_one(staff: Client, provider_http: ProviderHttp):
    provider_http.reply("GET", PLACE, json=metadata())
    assert typed(from_issuer(staff, code="nuts", name="Nuts"))["name"] == "Nuts"
    Provider.objects.create(code="walnut")
    assert typed(from_issuer(staff))["code"] == "walnut-2"


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"issuer": "walnut"}, "An issuer is an address"),
        ({"issuer": ""}, "This field is required"),
        ({"code": "No Code"}, "Enter a valid value"),
        ({}, "token_endpoint: is missing"),
    ],
)
def test_a_faulty_issuer_is_told_and_what_was_typed_stays(
    staff: Client, provider_http: ProviderHttp, form: dict[str, str], fault: str
):
    provider_http.reply("GET", PLACE, json=metadata(token_endpoint=None))
    page = from_issuer(staff, **{"name": "The walnuts", **form}).content.decode()
    assert fault in page
    assert 'value="The walnuts"' in page


def test_reading_the_page_of_an_issuer_asks_nobody(staff: Client, provider_http: ProviderHttp):
    assert staff.get(f"{LIST}from_issuer/", {"issuer": ISSUER}).status_code == 200
    assert staff.get(f"{LIST}add/", {"discovered": "1"}).status_code == 200
    assert provider_http.requests == []


def test_only_administrators_have_an_issuer_asked(browser: Client, provider_http: ProviderHttp):
    for page in ("from_issuer/", "add/"):
        sent = {"issuer": ISSUER, "specification": SANDBOX, "_ask": "1"}
        assert browser.post(LIST + page, sent).status_code in (302, 403)
    assert provider_http.requests == []


def test_who_may_look_but_not_add_has_nobody_asked(user: User, browser: Client, provider_http: ProviderHttp):
    user.is_staff = True
    user.save()
    for page in ("from_issuer/", "add/"):
        assert browser.post(LIST + page, {"issuer": ISSUER, "specification": SANDBOX, "_ask": "1"}).status_code == 403
    assert provider_http.requests == []


@pytest.mark.parametrize("code", ["github", "twilio"])
def test_a_shipped_provider_is_copied_under_a_free_code(staff: Client, code: str):
    page = staff.get(f"{LIST}{code}/copy_as_own/", follow=True)
    copy, original = typed(page), registry.catalogue()[code]
    assert (copy["code"], copy["name"]) == (f"{code}-2", f"{original.name} 2")
    assert not {"checked", "rank"} & copy.keys()
    posted(staff, specification=json.dumps(copy))
    assert Provider.objects.get(code=f"{code}-2").spec.oauth == original.oauth
    assert typed(staff.get(f"{LIST}{code}/copy_as_own/", follow=True))["code"] == f"{code}-3"
    assert Provider.objects.get(code=code).specification is None


def test_an_address_fills_the_form_with_nothing_else(staff: Client):
    for sent in ({"specification": '{"code": "planted"}'}, {"copy": "nonesuch"}, {"copy": ""}):
        assert "planted" not in staff.get(f"{LIST}add/", sent).content.decode()


@pytest.mark.parametrize("text", [TWILIO, json.dumps(registry.document_of(TWILIO, source="x"))], ids=["toml", "json"])
def test_toml_and_json_are_both_saved(staff: Client, text: str):
    posted(staff, specification=text.replace('"twilio"', '"our-twilio"'))
    assert Provider.objects.get(code="our-twilio").spec.send.basic == ("{accountSid}", "{authToken}")


def test_checking_tells_every_fault_keeps_what_was_typed_and_saves_nothing(staff: Client):
    text = '# my notes\ncode = "walnut"\nlable = 1\n'
    page = posted(staff, specification=text, _check="1")
    assert "specification: name: Field required" in page
    assert "specification: lable: Extra inputs" in page
    assert "# my notes" in page
    assert not Provider.objects.filter(code="walnut").exists()
    assert "“google” is there already" in posted(staff, specification=SANDBOX.replace("sandbox", "google"), _check="1")


def test_checking_a_good_one_shows_what_it_would_send_and_saves_nothing(staff: Client, provider_http: ProviderHttp):
    page = posted(staff, specification=SANDBOX, _check="1")
    assert "Sandbox (sandbox) can be used" in page
    assert "http://127.0.0.1:8000/oauth/callback/sandbox" in page
    assert "https://id.example/auth\n?response_type=code\n&amp;client_id=YOUR-CLIENT-ID" in page
    assert "scope=openid+offline_access+files.read" in page
    assert "code_challenge_method=S256" in page
    assert "https://files.example" in page
    assert "Authorization: Bearer ACCESS-TOKEN" in page
    assert not Provider.objects.filter(code="sandbox").exists()
    assert provider_http.requests == []


def test_checking_changes_nothing_of_a_provider_that_is_there(staff: Client):
    own = json.dumps({**registry.document_of(TWILIO, source="x"), "name": "Another"})
    sent = {"client_id": "typed", "extra_scopes": "", "specification": own, "_check": "1"}
    page = posted(staff, "twilio/change/", **sent)
    assert "Another (twilio) can be used" in page
    assert Provider.objects.get(code="twilio").specification is None


def trial(staff: Client, text: str, button: str = "_try", **values: str) -> Any:
    sent = {f"try_{name}": value for name, value in values.items()}
    return staff.post(f"{LIST}add/", {"specification": text, button: "1", **sent})


OURS = TWILIO.replace('"twilio"', '"ours"')
TYPED = {"accountSid": "AC123456", "authToken": "TOPSECRET-token"}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ({"json": {"friendly_name": "Walnuts AC123456"}}, "It works: the account is Walnuts …"),
        ({"status": 401, "json": {"message": "bad TOPSECRET-token"}}, "It is refused: Twilio answered 401: bad …"),
        ({"status": 503}, "The provider could not be asked: Twilio answered 503"),
    ],
)
def test_a_credential_is_tried_and_neither_kept_nor_shown(
    staff: Client, provider_http: ProviderHttp, caplog: pytest.LogCaptureFixture, reply: Any, said: str
):
    provider_http.reply("GET", ACCOUNT, **reply)
    page = trial(staff, OURS, **TYPED)
    assert provider_http.calls("GET", ACCOUNT)[0].headers["Authorization"].startswith("Basic ")
    assert said in page.content.decode()
    for value in TYPED.values():
        assert value not in page.content.decode()
        assert value not in caplog.text
        assert value not in json.dumps(dict(staff.session))
    assert not Provider.objects.filter(code="ours").exists()


def test_a_trial_without_values_asks_nobody(staff: Client, provider_http: ProviderHttp):
    assert "Account SID is missing" in trial(staff, OURS).content.decode()
    assert "cannot be used yet" in trial(staff, "{").content.decode()
    assert provider_http.requests == []


def test_a_shipped_provider_is_tried_as_it_is(staff: Client, provider_http: ProviderHttp):
    provider_http.reply("GET", ACCOUNT, json={"friendly_name": "Walnuts"})
    sent = {"enabled": "on", "specification": "", "_try": "1", **{f"try_{name}": text for name, text in TYPED.items()}}
    assert "It works" in staff.post(f"{LIST}twilio/change/", sent).content.decode()


def test_no_transaction_is_open_while_the_provider_is_asked(staff: Client, provider_http: ProviderHttp):
    depths = [len(database.savepoint_ids)]

    def answer(request: httpx.Request) -> httpx.Response:
        depths.append(len(database.savepoint_ids))
        return httpx.Response(200, json={"friendly_name": "x"}, request=request)

    provider_http.reply("GET", ACCOUNT, answer=answer)
    trial(staff, OURS, **TYPED)
    assert depths == [depths[0]] * 2


@pytest.mark.parametrize(
    ("authorize", "token", "said"),
    [
        ({"status": 302}, {"status": 400, "json": {"error": "invalid_grant"}}, ["it is there", "invalid_grant"]),
        ({}, {"status": 401, "json": {"error": "invalid_client"}}, ["it is there", "invalid_client"]),
        ({}, {"status": 400, "json": {"error": "invalid_request"}}, ["it is there", "as OAuth has it"]),
        ({"status": 404}, {"status": 404, "text": "<html>"}, ["it answered 404", "should refuse a made-up code"]),
        ({}, {"text": "<html>Sign in</html>"}, ["it is there", "should refuse a made-up code"]),
        ({}, {"json": {"access_token": "x"}}, ["it is there", "it gave a token for a made-up code"]),
    ],
    ids=str,
)
def test_endpoints_are_asked_with_what_is_made_up(
    staff: Client, provider_http: ProviderHttp, authorize: Any, token: Any, said: list[str]
):
    provider_http.reply("GET", "https://id.example/auth", **authorize)
    provider_http.reply("POST", "https://id.example/token", **token)
    page = trial(staff, SANDBOX, "_ask")
    findings = page.context["panel"].findings
    assert [part in finding.text for part, finding in zip(said, findings, strict=True)] == [True, True]
    sent = provider_http.calls("POST", "https://id.example/token")[0]
    assert b"grant_type=authorization_code" in sent.content


def test_the_operators_client_is_not_used_to_ask_the_endpoints(
    staff: Client, provider_http: ProviderHttp, configured: Any
):
    row = configured("github", client_id="our-client", client_secret="our-secret")
    rule = row.spec.oauth
    provider_http.reply("GET", rule.authorize_url)
    provider_http.reply("POST", rule.token_url, json={"error": "Not Found"}, status=404)
    sent = {"enabled": "on", "client_id": "our-client", "extra_scopes": "", "specification": "", "_ask": "1"}
    staff.post(f"{LIST}github/change/", sent)
    asked = [str(one.url) + one.content.decode() + str(one.headers) for one in provider_http.requests]
    assert len(asked) == 2
    assert not [text for text in asked if "our-client" in text or "our-secret" in text]
    assert Provider.objects.get(code="github").client_refused_at is None
