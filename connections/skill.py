"""``GET /ai/skill``: the skill document, written from the live catalogue so that it cannot drift from it."""

import hashlib
import json

from django.conf import settings
from django.http import HttpResponse
from django.utils.cache import get_conditional_response
from rest_framework.request import Request

from connections import errors
from connections.errors import KEY_PLACEHOLDER
from providers.offers import Offers
from providers.spec import ProviderSpec

NAME = "akhrot"
DESCRIPTION = (
    "Get working OAuth tokens and API keys of the user's connected services (Gmail, GitHub, Slack, OpenAI, Stripe "
    "and more) from Akhrot, and links to connect further ones. Use it before calling any such provider's API."
)
LISTED = 30
KINDS = {"oauth2": "OAuth", "api_key": "API key", "mtproto": "MTProto session"}
TELLING = (
    (errors.Unauthorized, "the Akhrot key is missing or not valid: ask the user for another"),
    (errors.IntegrationNotFound, "not connected yet: make a connect link"),
    (errors.ProviderNotFound, "no such code: `hint` names the nearest"),
    (errors.ServiceNotFound, "the provider has no such service: `hint` names those it has"),
    (errors.AccountNotFound, "no such account: `hint` names those there are"),
    (errors.SessionNotFound, "no such session: make a connect link"),
    (errors.ConnectionNotFound, "no such connection: `GET /connections` names those there are"),
    (errors.TokenExpired, "the user must reconnect: make a connect link with the call in `next`"),
    (errors.SessionExpired, "the connect link is older than 10 minutes: make another"),
    (errors.MissingScopes, "the user has not granted this service: make a connect link with the call in `next`"),
    (errors.ProviderNotConfigured, "a matter for the operator: tell the user"),
    (errors.AccountAmbiguous, "several accounts go by that name: name one by its id"),
    (errors.Forbidden, "this key may not do that: tell the user"),
    (errors.RateLimited, "wait as many seconds as `retryAfter` says"),
    (errors.ProviderDown, "the provider fails for now: wait as many seconds as `retryAfter` says"),
    (errors.ServiceDown, "Akhrot cannot answer for now: wait as many seconds as `retryAfter` says"),
    (errors.ValidationFailed, "`fields` says what is wrong with the request"),
)


def markdown() -> str:
    """The document, the same for everybody and always the same for the same catalogue."""
    specs = list(Offers.read().specs().values())
    head = f"---\nname: {NAME}\ndescription: {DESCRIPTION}\n---\n"
    return "\n".join([head, _introduction(), _calls(), _providers(specs), _errors(), _notes()])


def _curl(method: str, path: str, body: dict[str, object] | None = None) -> str:
    return f"```sh\n{errors.call(method, path, body)['curl']}\n```\n"


def _introduction() -> str:
    return f"""# Akhrot

Akhrot at {settings.AKHROT_BASE_URL} keeps the user's credentials and hands you working ones. It is no proxy: you
fetch a credential here and call the provider yourself. Your key is the user's identity, so no call names a user.
Every call but this document takes the header `Authorization: Bearer {KEY_PLACEHOLDER}`.
"""


def _calls() -> str:
    return f"""## Calls

1. What is connected, and what could be:

{_curl("GET", "/ai/context/summary")}
2. How to call one provider or one of its services, with examples:

{_curl("GET", "/ai/context/google")}
{_curl("GET", "/ai/context/google/gmail")}
3. A credential that works now. Send the `headers` of the answer to `baseUrl`:

{_curl("POST", "/tokens/fetch", {"provider": "google", "purpose": "what you want it for"})}
Optional: `account` (a label or connection id), `service`, `minTtl` (seconds of life you need), `rejected` (the
`tokenId` that the provider answered 401 to: you get another one).

4. A link for the user to connect more. Give them `url` and poll every `pollInterval` seconds until `status` is
   `completed`, or `failed` with its `reason`:

{_curl("POST", "/oauth/sessions", {"provider": "google", "services": ["gmail"]})}
{_curl("GET", "/oauth/sessions/SESSION_ID")}
5. Everything connected, and ending one connection (only when the user asks for it):

{_curl("GET", "/connections")}
{_curl("DELETE", "/connections/CONNECTION_ID")}"""


def _providers(specs: list[ProviderSpec]) -> str:
    rows = [f"| {spec.name} | `{spec.code}` | {KINDS[spec.kind]} | {spec.uses} |" for spec in specs[:LISTED]]
    table = "\n".join(["| Provider | Code | Kind | Uses |", "| --- | --- | --- | --- |", *rows])
    return f"""## Providers

The {len(rows)} most used of {len(specs)}. All of them, and a search by words:

{_curl("GET", "/providers?search=mail")}
{table}
"""


def _errors() -> str:
    rows = [f"| `{error.code}` | {error.status} | {meaning} |" for error, meaning in TELLING]
    return "\n".join(
        [
            "## Errors\n",
            'A failure is `{"status": "error", "error": {"code", "message", "hint", "next"}}`; where a call',
            "mends it, `next` holds that call with a ready curl line.\n",
            "| Code | HTTP | What to do |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def _notes() -> str:
    return """## Notes

- Never print a credential or put it into a file that others read. Fetch it again when you need it; that is cheap.
- Tokens are refreshed for you. Do not refresh one yourself: the provider may end the grant.
- A connect link works for the user of your key alone, once, within 10 minutes. You cannot consent in their place.
- A provider with several fields answers them all in `credentials`.
- Telegram speaks MTProto: `accessToken` is a Telethon session string, to be used with `apiId` and `apiHash` by one
  client at a time.
"""


def answer(request: Request, *, wrapped: bool) -> HttpResponse:
    """The response with its ETag (RFC 9110 section 8.8.3), or 304 where the caller has it already."""
    text = markdown()
    if wrapped:
        data = {"name": NAME, "description": DESCRIPTION, "markdown": text}
        body, kind = json.dumps({"status": "success", "data": data}, ensure_ascii=False), "application/json"
    else:
        body, kind = text, "text/markdown; charset=utf-8"
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    fresh = HttpResponse(body, content_type=kind, headers={"ETag": etag, "Cache-Control": "public, max-age=300"})
    known = get_conditional_response(request._request, etag=etag, response=fresh)
    return known if isinstance(known, HttpResponse) else fresh
