"""The operations of the agent API as the OpenAPI document shows them: one class decorator for each view."""

from rest_framework import serializers

from connections import errors, examples
from connections.openapi import operation, path, query
from connections.serializers import FetchBody, PageQuery, ProvidersQuery, SessionBody, SkillQuery

text, flag, number = serializers.CharField, serializers.BooleanField, serializers.IntegerField
listed, mapped = serializers.ListField, serializers.DictField
CODE = path("provider", "A provider's code, for instance google.")
KINDS = ["oauth2", "api_key", "mtproto"]
CONTEXT = {
    "provider": text(),
    "name": text(),
    "tokenType": serializers.ChoiceField(KINDS),
    "connected": flag(),
    "accounts": listed(
        child=mapped(), help_text="connectionId, account, label, default, status, verification, scopes, expiresAt"
    ),
    "getToken": mapped(help_text="The call that answers a credential"),
    "connect": mapped(help_text="The call that makes a connect link"),
    "docsUrl": text(required=False),
    "notes": listed(child=text(), required=False),
}
SESSION = {
    "sessionId": serializers.UUIDField(),
    "provider": text(),
    "status": serializers.ChoiceField(["pending", "completed", "failed"]),
    "url": text(required=False),
    "expiresAt": serializers.DateTimeField(required=False),
    "pollInterval": number(required=False),
}

summary = operation(
    "get",
    "Summary",
    tag="Context",
    summary="What is connected, in under 500 bytes",
    description="Where an agent starts: ready services by provider, what needs attention, what could be connected.",
    answer={
        "connected": mapped(child=listed(child=text())),
        "attention": mapped(child=text()),
        "available": listed(child=text()),
        "availableTotal": number(),
        "next": text(),
    },
    example={"Three connections": examples.SUMMARY},
)
overview = operation(
    "get",
    "Overview",
    tag="Context",
    summary="All providers",
    description="Connected providers in full, the others by code, name and kind alone.",
    answer=listed(child=mapped()),
    example={"One connected": [examples.PROVIDER]},
)
provider = operation(
    "get",
    "ProviderContext",
    tag="Context",
    summary="One provider: accounts, services, example calls",
    description="No answer of the context holds a credential: curl texts carry the placeholder {accessToken}.",
    answer={**CONTEXT, "services": listed(child=mapped())},
    example={"Google": examples.PROVIDER},
    raises=(errors.ProviderNotFound, errors.Forbidden),
    parameters=[CODE],
)
service = operation(
    "get",
    "ServiceContext",
    tag="Context",
    summary="One service of a provider",
    description="The same with that service alone, as `service`.",
    answer={**CONTEXT, "service": mapped()},
    example={"Gmail": examples.SERVICE},
    raises=(errors.ProviderNotFound, errors.ServiceNotFound, errors.Forbidden),
    parameters=[CODE, path("service", "A service's code, for instance gmail.")],
)
fetch = operation(
    "post",
    "FetchToken",
    tag="Tokens",
    summary="A credential that works now",
    description="An expired token is refreshed before the answer; `headers` are ready to send. Never cached.",
    request=FetchBody,
    sent={"The default account": {"provider": "google", "purpose": "summarise the inbox"}},
    answer={
        "provider": text(),
        "type": serializers.ChoiceField(KINDS),
        "connectionId": serializers.UUIDField(),
        "account": text(),
        "accessToken": text(help_text="The token, the key, or the session string"),
        "tokenId": text(required=False),
        "tokenType": serializers.ChoiceField(["Bearer"], required=False),
        "expiresAt": serializers.DateTimeField(required=False, allow_null=True),
        "expiresIn": number(required=False, allow_null=True),
        "scopes": listed(child=text(), required=False),
        "baseUrl": text(required=False, allow_null=True),
        "headers": mapped(child=text(), required=False, allow_null=True),
        "query": mapped(child=text(), required=False),
        "extra": mapped(required=False),
        "credentials": mapped(child=text(), required=False),
        "apiId": number(required=False),
        "apiHash": text(required=False),
    },
    example={
        "OAuth": examples.OAUTH_TOKEN,
        "API key": examples.KEY_TOKEN,
        "Telegram": examples.TELEGRAM_TOKEN,
    },
    raises=(
        *(errors.IntegrationNotFound, errors.ProviderNotFound, errors.ServiceNotFound, errors.AccountNotFound),
        *(errors.AccountAmbiguous, errors.MissingScopes, errors.ProviderNotConfigured, errors.TokenExpired),
        *(errors.ValidationFailed, errors.Forbidden, errors.ProviderDown, errors.UnsupportedMediaType),
    ),
)
create_session = operation(
    "post",
    "CreateSession",
    tag="Connecting",
    summary="A link for the user to connect a provider",
    description="The link works for the key's own user, once, within 10 minutes. It serves every kind of provider.",
    request=SessionBody,
    sent={"Two services": {"provider": "google", "services": ["gmail", "drive"]}},
    answer=SESSION,
    example={"Created": examples.PENDING},
    status=201,
    raises=(
        *(errors.ProviderNotFound, errors.ServiceNotFound, errors.AccountNotFound, errors.AccountAmbiguous),
        *(errors.ProviderNotConfigured, errors.ValidationFailed, errors.Forbidden, errors.UnsupportedMediaType),
    ),
)
read_session = operation(
    "get",
    "ReadSession",
    tag="Connecting",
    summary="How far a connect link is",
    description="`completed` comes with the connection, `failed` with its reason.",
    answer={
        **SESSION,
        "connectionId": serializers.UUIDField(required=False),
        "account": text(required=False),
        "reason": text(required=False),
    },
    example={"Pending": examples.PENDING, "Completed": examples.COMPLETED, "Failed": examples.FAILED},
    raises=(errors.SessionNotFound, errors.SessionExpired),
    parameters=[path("session_id", "The sessionId that the creating call answered.")],
)
providers = operation(
    "get",
    "ListProviders",
    tag="Catalogue",
    summary="The enabled catalogue",
    description="Searched by words over codes, names, categories, uses and services; 50 a page.",
    answer={"providers": listed(child=mapped()), "next": text(allow_null=True)},
    example={"One": {"providers": [examples.LISTED], "next": None}},
    raises=(errors.ValidationFailed,),
    parameters=query(ProvidersQuery),
)
connections = operation(
    "get",
    "ListConnections",
    tag="Connections",
    summary="What the user has connected",
    description="The default account of each provider first; 50 a page.",
    answer={"connections": listed(child=mapped()), "next": text(allow_null=True)},
    example={"One": {"connections": [{"provider": "google", **examples.ACCOUNT}], "next": None}},
    raises=(errors.ValidationFailed,),
    parameters=query(PageQuery),
)
disconnect = operation(
    "delete",
    "Disconnect",
    tag="Connections",
    summary="End a connection",
    description="`revocation` says what became of the grant: revoked, unsupported, failed, or shared with another.",
    answer={
        "connectionId": serializers.UUIDField(),
        "provider": text(),
        "revocation": serializers.ChoiceField(["revoked", "unsupported", "failed", "shared"]),
    },
    example={"Revoked": {"connectionId": examples.CONNECTION, "provider": "google", "revocation": "revoked"}},
    raises=(errors.ConnectionNotFound, errors.Forbidden),
    parameters=[path("connection_id", "A connectionId of GET /connections.")],
)
skill = operation(
    "get",
    "Skill",
    tag="Skill",
    summary="The skill document of this instance",
    description="Markdown, to be given to an agent as it is; ?format=json wraps it. It needs no key.",
    answer={"name": text(), "description": text(), "markdown": text()},
    example={"Wrapped": {"name": "akhrot", "description": "…", "markdown": "# Akhrot …"}},
    raises=(errors.ValidationFailed,),
    parameters=query(SkillQuery),
    public="text/markdown",
)
