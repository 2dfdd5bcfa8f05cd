"""The agent API: each view translates, calls one function and translates back."""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.exceptions import ParseError
from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from apikeys.ledger import Caller
from apikeys.throttling import LimitedView
from connections import connect, context, errors, operations, sessions, skill, tokens
from connections.models import Connection, OAuthSession
from connections.serializers import FetchBody, PageQuery, ProvidersQuery, SessionBody, SkillQuery
from connections.times import iso

NO_STORE = {"Cache-Control": "no-store"}
PAGE = 50


def success(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """The contract's envelope around `data`."""
    return Response({"status": "success", "data": data}, status=status, headers=headers)


def checked(serializer: type[Serializer[Any]], given: Any) -> dict[str, Any]:
    """What was sent, if it is valid. Raises DRF's ValidationError."""
    valid: dict[str, Any] = _blank(serializer).run_validation(given)
    return valid


@cache
def _blank(serializer: type[Serializer[Any]]) -> Serializer[Any]:
    """One without data, as a nested one is: it checks whatever it is given and keeps nothing of it.

    DRF copies every field for each serializer that is made, which costs more than checking them.
    """
    return serializer()


def query(serializer: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """The query parameters, if they are valid."""
    return checked(serializer, request.query_params.dict())


def caller(request: Request) -> Caller:
    """Who calls; the authentication has made sure that there is one."""
    if not isinstance(request.auth, Caller):
        raise errors.Unauthorized
    return request.auth


class JsonAlways(BaseContentNegotiation):
    """JSON whatever the Accept header says, for there is nothing else, and many clients send one without a thought."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """The parser of the request's Content-Type; None is answered 415."""
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first renderer."""
        first = next(iter(renderers))
        return first, first.media_type or "application/json"


class Json(JSONParser):
    """DRF's parser. What is nested too deeply to be read is answered as any other bad JSON."""

    def parse(self, *args: Any, **kwargs: Any) -> Any:
        """What was sent. Raises ParseError."""
        try:
            return super().parse(*args, **kwargs)
        except RecursionError:
            raise ParseError from None


class AgentView(LimitedView):
    """A view of the contract."""

    content_negotiation_class = JsonAlways
    parser_classes = (Json,)


@operations.summary
class Summary(AgentView):
    """``GET /ai/context/summary``"""

    def get(self, request: Request) -> Response:
        """Where an agent starts."""
        return success(context.summary(caller(request)))


@operations.overview
class Overview(AgentView):
    """``GET /ai/context``"""

    def get(self, request: Request) -> Response:
        """Every provider: the connected ones in full."""
        return success(context.overview(caller(request)))


@operations.provider
class ProviderContext(AgentView):
    """``GET /ai/context/{provider}``"""

    def get(self, request: Request, provider: str) -> Response:
        """One provider."""
        return success(context.provider(caller(request), provider))


@operations.service
class ServiceContext(AgentView):
    """``GET /ai/context/{provider}/{service}``"""

    def get(self, request: Request, provider: str, service: str) -> Response:
        """One service of a provider."""
        return success(context.service(caller(request), provider, service))


@operations.fetch
class Fetch(AgentView):
    """``POST /tokens/fetch``"""

    def post(self, request: Request) -> Response:
        """A working credential."""
        body = checked(FetchBody, request.data)
        names = {"minTtl": "min_ttl"}
        data = tokens.fetch(caller(request), **{names.get(name, name): value for name, value in body.items()})
        return success(data, headers=NO_STORE)


@operations.create_session
class Sessions(AgentView):
    """``POST /oauth/sessions``"""

    def post(self, request: Request) -> Response:
        """A connect link."""
        body = checked(SessionBody, request.data)
        session = sessions.start(
            caller(request),
            provider=body["provider"],
            services=body.get("services"),
            scopes=body.get("scopes"),
            account=body.get("account"),
            method=body.get("method"),
            return_url=body.get("returnUrl", ""),
        )
        made = {"sessionId": str(session.pk), "provider": session.provider_id, "url": sessions.link(session)}
        ends = {"status": "pending", "expiresAt": iso(session.expires_at), "pollInterval": 3}
        return success({**made, **ends}, status=201, headers=NO_STORE)


@operations.read_session
class Session(AgentView):
    """``GET /oauth/sessions/{id}``"""

    def get(self, request: Request, session_id: str) -> Response:
        """How far it is."""
        return success(session_data(session_id, sessions.poll(caller(request), session_id)), headers=NO_STORE)


def session_data(asked_id: str, session: OAuthSession) -> dict[str, Any]:
    """The contract's answer to a poll. The id is the one asked for, also when a successor goes on."""
    status = session.public_status
    data = {"sessionId": asked_id, "provider": session.provider_id, "status": status}
    if status == "completed" and session.connection:
        return {**data, "connectionId": str(session.connection_id), "account": session.connection.account}
    if status == "failed":
        return {**data, "reason": session.reason}
    return {**data, "url": sessions.link(session), "expiresAt": iso(session.expires_at), "pollInterval": 3}


@operations.providers
class Providers(AgentView):
    """``GET /providers``"""

    def get(self, request: Request) -> Response:
        """The enabled catalogue."""
        asked = query(ProvidersQuery, request)
        found = context.catalogue(caller(request), asked.get("search", ""))
        return success(page(found, asked.get("cursor", ""), "code", "providers"))


def page(items: list[dict[str, Any]], cursor: str, key: str, name: str) -> dict[str, Any]:
    """Up to 50 of `items` after the one whose `key` is `cursor`, and the cursor of the page that follows, or None.

    After one that is not there (any more) comes nothing.
    """
    places = [item[key] for item in items]
    start = 0 if not cursor else places.index(cursor) + 1 if cursor in places else len(items)
    shown = items[start : start + PAGE]
    more = start + PAGE < len(items)
    return {name: shown, "next": shown[-1][key] if more else None}


@operations.connections
class Connections(AgentView):
    """``GET /connections``"""

    def get(self, request: Request) -> Response:
        """What the user has connected."""
        who = caller(request)
        asked = query(PageQuery, request)
        mine = [row for row in Connection.objects.of(who.user) if who.may_use(row.provider_id)]
        shown = [{"provider": row.provider_id, **context.account(row)} for row in mine]
        return success(page(shown, asked.get("cursor", ""), "connectionId", "connections"))


@operations.disconnect
class OneConnection(AgentView):
    """``DELETE /connections/{id}``"""

    def delete(self, request: Request, connection_id: str) -> Response:
        """End it, and give the grant back."""
        who = caller(request)
        row = own_connection(who, connection_id)
        if not who.may_use(row.provider_id) or (who.key and not who.key.may_disconnect):
            raise errors.Forbidden("This key may not disconnect.", hint="The user can do it in the dashboard.")
        ended = {"connectionId": str(row.pk), "provider": row.provider_id}
        return success({**ended, "revocation": connect.disconnect(who, row)})


def own_connection(who: Caller, connection_id: str) -> Connection:
    """The caller's connection of that id. Raises ConnectionNotFound for every other, also a malformed id."""
    try:
        return Connection.objects.select_related("provider", "user").get(user=who.user, pk=UUID(connection_id))
    except (ValueError, Connection.DoesNotExist):
        raise errors.ConnectionNotFound from None


@operations.skill
class Skill(APIView):
    """``GET /ai/skill``"""

    content_negotiation_class = JsonAlways
    authentication_classes = ()
    permission_classes = ()

    def get(self, request: Request) -> Response | HttpResponse:
        """The skill document of this instance."""
        wrapped = query(SkillQuery, request).get("format") == "json"
        return skill.answer(request, wrapped=wrapped)
