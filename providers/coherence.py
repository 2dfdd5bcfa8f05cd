"""What must hold between the tables of a provider file: each fault is one line that begins with its key."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from providers import grant_coherence
from providers.places import templates
from providers.template import placeholders

if TYPE_CHECKING:
    from providers.spec import ProviderSpec

MTPROTO_FIELDS = ("apiId", "apiHash", "sessionString")
# What has no meaning where nobody is sent to the provider, and no refresh token comes.
CONSENT_KEYS = (
    *("after", "authorize_url", "authorize_params", "callback_keep", "iss_required", "pkce", "registration_url"),
    *("refresh_url", "refresh_params", "refresh_lifetime", "rotates", "refresh_method", "refresh_with"),
    *("exchange", "second"),
)
TOKEN_REQUEST = ("oauth.client", "oauth.token_params.")


def faults(spec: "ProviderSpec") -> Iterator[str]:
    """Everything that is wrong with a specification as one way to connect; nothing if it can be used."""
    yield from _faults_of_auth(spec)
    yield from _faults_of_grant(spec)
    yield from _faults_of_fields(spec)
    yield from _faults_of_placeholders(spec)
    yield from grant_coherence.faults(spec)


def _faults_of_auth(spec: "ProviderSpec") -> Iterator[str]:
    names = {field.name for field in spec.fields}
    if (spec.auth == "oauth2") != (spec.oauth is not None):
        yield 'oauth: an [oauth] table and auth = "oauth2" belong together'
    if spec.auth != "oauth2" and not any(field.secret for field in spec.fields):
        yield f'fields: auth = "{spec.auth}" needs at least one secret field'
    if spec.auth == "basic" and not spec.send.basic:
        yield 'send.basic: auth = "basic" needs it'
    if spec.auth == "mtproto" and not names.issuperset(MTPROTO_FIELDS):
        yield f'fields: auth = "mtproto" needs {", ".join(MTPROTO_FIELDS)}'
    if spec.login and spec.auth != "mtproto":
        yield f'login: "{spec.login}" is for auth = "mtproto"'
    if spec.fields and spec.access_token not in ("", *names):
        yield f"access_token: names no field: {spec.access_token!r}"


def _faults_of_grant(spec: "ProviderSpec") -> Iterator[str]:
    rule, secret = spec.oauth, {field.name for field in spec.fields if field.secret}
    if rule is None:
        return
    if rule.grant == "authorization_code":
        if not rule.authorize_url:
            yield "oauth.authorize_url: is required"
        if rule.client:
            yield 'oauth.client: only grant = "client_credentials" has it'
        return
    if not secret:
        yield 'fields: grant = "client_credentials" needs at least one secret field'
    if not rule.client or not secret & placeholders(rule.client[1]):
        yield "oauth.client: must be two templates, of the client's id and secret, the second with a secret field"
    if rule.client_auth == "none":
        yield "oauth.client_auth: the client has a secret to show"
    if "accessToken" in secret:
        yield "fields.accessToken: is the name of the token that the client gets"
    for name in ("inputs", "verify", "access_token"):
        if getattr(spec, name):
            yield f'{name}: has no meaning with grant = "client_credentials"'
    for name in sorted(rule.model_fields_set.intersection(CONSENT_KEYS)):
        yield f'oauth.{name}: has no meaning with grant = "client_credentials"'


def _faults_of_fields(spec: "ProviderSpec") -> Iterator[str]:
    yield from _twice("services", [service.code for service in spec.services])
    yield from _twice("fields", [one.name for one in spec.asked])
    for one in spec.asked:
        if one.default and one.choices and one.default not in one.choices:
            yield f"fields.{one.name}.default: is none of its choices"


def _faults_of_placeholders(spec: "ProviderSpec") -> Iterator[str]:
    known = {one.name for one in spec.asked} - spec.withheld
    known |= spec.kept_names
    for name, rule in spec.maps.items():
        if rule.source in spec.withheld:
            yield f"maps.{name}.source: {rule.source!r} is a secret for the token endpoint alone"
        elif rule.source not in known:
            yield f"maps.{name}.source: {rule.source!r} is no field, input or kept value"
    known |= {"accessToken", *spec.maps}
    for where, template in templates(spec):
        also = spec.withheld if where.startswith(TOKEN_REQUEST) else _known_to(where)
        for unknown in sorted(placeholders(template) - known - also):
            what = "a secret for the token endpoint alone" if unknown in spec.withheld else "no field, input or map"
            yield f"{where}: uses {{{unknown}}}, which is {what}"


def _known_to(where: str) -> set[str]:
    """What else the templates of some requests may use."""
    if where.startswith(("oauth.exchange.params.", "oauth.refresh_params.")):
        return {"clientId", "clientSecret"}
    return {"token", "clientId"} if where.startswith("oauth.revoke") else set()


def _twice(where: str, names: list[str]) -> list[str]:
    return [f"{where}: {name!r} is there twice" for name in sorted({n for n in names if names.count(n) > 1})]
