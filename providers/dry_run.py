"""What a specification would send, with made-up values: nobody is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from providers import oauth
from providers.call import prepare
from providers.parts import CredentialField, Input, Service
from providers.spec import ProviderSpec
from providers.template import fill

CLIENT = oauth.Client(id="YOUR-CLIENT-ID", secret="")
STATE = "RANDOM-STATE"
# As long as a real one (RFC 7636 section 4.1).
VERIFIER = "made-up-verifier-that-is-never-sent-anywhere"


@dataclass(frozen=True)
class Sample:
    """One request as it would be: a title, its address and what it carries."""

    title: str
    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DryRun:
    """All of it. `authorize` is the address a user is sent to, cut before each parameter; empty where nobody is sent.

    `redirect_uri` is to be registered at `register_at`, where that is known.
    """

    spec: ProviderSpec
    authorize: list[str]
    redirect_uri: str
    register_at: str
    tokens: str
    samples: list[Sample]


def dry_run(spec: ProviderSpec) -> DryRun:
    """What `spec` would send. Raises ValueError where its addresses make none."""
    values = examples(spec)
    rule = spec.oauth
    return DryRun(
        spec=spec,
        authorize=[] if spec.is_pasted else _cut(authorize_url(spec, values)),
        redirect_uri="" if spec.is_pasted else oauth.redirect_uri(spec.code),
        register_at=rule.registration_url if rule else "",
        tokens=f"{fill(rule.token_url, spec.token_values(values), url=True)} ({rule.client_auth})" if rule else "",
        samples=list(_samples(spec, values)),
    )


def authorize_url(spec: ProviderSpec, values: Mapping[str, str]) -> str:
    """The address a user would be sent to, as a client that does not exist."""
    scopes = spec.scopes_for()
    return oauth.authorize_url(spec, CLIENT, scopes=scopes, state=STATE, verifier=VERIFIER, inputs=values)


def examples(spec: ProviderSpec) -> dict[str, str]:
    """A value for every name that a template may use: the file's own example, or one that shows its name."""
    kept = {**spec.oauth.keep, **spec.oauth.callback_keep} if spec.oauth else {}
    values = {name: f"your-{name}" for name in kept}
    values |= {one.name: _example(one) for one in spec.asked if one.name not in spec.withheld}
    return values if spec.fields and not spec.oauth else {**values, "accessToken": "ACCESS-TOKEN"}


def _example(one: CredentialField | Input) -> str:
    # Some examples describe a value instead of giving one.
    example = "" if " " in one.example else one.example
    return one.default or example or next(iter(one.choices), "") or f"your-{one.name}"


def _headers(spec: ProviderSpec, headers: Mapping[str, str] | None, values: dict[str, str]) -> dict[str, str]:
    """The headers of a call, those of HTTP Basic in the clear: there is nothing to hide, and more to read."""
    if not spec.send.basic:
        return dict(headers or {})
    pair = ":".join(fill(template, spec.values(values)) for template in spec.send.basic)
    return {**(headers or {}), "Authorization": f"Basic base64({pair})"}


def _samples(spec: ProviderSpec, values: dict[str, str]) -> Iterator[Sample]:
    if spec.verify:
        call = prepare(spec, values)
        headers = {name: fill(template, spec.values(values)) for name, template in spec.verify.headers.items()}
        address = f"{spec.verify.method} {fill(spec.verify.url, spec.values(values), url=True)}"
        yield Sample(
            _("To check a credential"), address, {**_headers(spec, call.headers, values), **headers}, call.query or {}
        )
    if spec.oauth and spec.oauth.identity:
        asked = spec.oauth.identity
        headers = {name: fill(template, spec.values(values)) for name, template in asked.headers.items()}
        address = f"{asked.method} {fill(asked.url, spec.values(values), url=True)}"
        yield Sample(_("To learn whose account it is"), address, {"Authorization": "Bearer ACCESS-TOKEN", **headers})
    for service in spec.services or (None,):
        yield _call(spec, values, service)


def _call(spec: ProviderSpec, values: dict[str, str], service: Service | None) -> Sample:
    call = prepare(spec, values, service=service)
    title = _("An agent's call to {service}").format(service=service.name) if service else _("An agent's call")
    return Sample(title, call.base_url or "", _headers(spec, call.headers, values), call.query or {})


def _cut(url: str) -> list[str]:
    """The address and each of its parameters, to be read one below the other."""
    address, mark, query = url.partition("?")
    first, *others = query.split("&")
    return [address, *([f"{mark}{first}"] if query else []), *(f"&{one}" for one in others)]
