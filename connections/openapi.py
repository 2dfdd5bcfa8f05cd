"""What each operation of the agent API says of itself: description, examples, and every error it can answer."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
    inline_serializer,
)
from rest_framework import serializers
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from connections import errors, examples
from connections.errors import ApiError

ViewT = TypeVar("ViewT", bound=type[APIView])

ErrorBody = inline_serializer(
    "Error",
    {
        "code": serializers.CharField(help_text="One of the codes of the error table."),
        "message": serializers.CharField(help_text="What is wrong, in one sentence."),
        "hint": serializers.CharField(required=False, help_text="What to do."),
        "retryAfter": serializers.IntegerField(required=False, help_text="Seconds to wait."),
        "next": serializers.DictField(required=False, help_text="The call that mends it: method, path, body, curl."),
        "fields": serializers.DictField(child=serializers.CharField(), required=False),
    },
)
ErrorEnvelope = inline_serializer("ErrorEnvelope", {"status": serializers.ChoiceField(["error"]), "error": ErrorBody})

REQUEST_ID = OpenApiParameter(
    "Request-Id", str, OpenApiParameter.HEADER, response=True, description="Names this call in logs and ledger."
)
RATE = [
    OpenApiParameter(
        name, str, OpenApiParameter.HEADER, response=[200, 201], description="draft-ietf-httpapi-ratelimit-headers"
    )
    for name in ("RateLimit-Policy", "RateLimit")
]
EVERYWHERE = (errors.Unauthorized, errors.RateLimited, errors.ServiceDown, errors.InternalError)


def envelope(name: str, data: Any) -> Any:
    """The success envelope around `data`: its fields by name, or one field for all of it."""
    body = inline_serializer(f"{name}Data", data) if isinstance(data, dict) else data
    return inline_serializer(name, {"status": serializers.ChoiceField(["success"]), "data": body})


def failures(*classes: type[ApiError]) -> dict[Any, OpenApiResponse]:
    """One response for each status of these errors, with an example of each code."""
    statuses: dict[int, list[type[ApiError]]] = {}
    for one in classes:
        statuses.setdefault(one.status, []).append(one)
    return {
        status: OpenApiResponse(
            ErrorEnvelope,
            description=" · ".join(one.code for one in found),
            examples=[OpenApiExample(one.code, examples.error(one), response_only=True) for one in found],
        )
        for status, found in sorted(statuses.items())
    }


def operation(
    method: str,
    name: str,
    *,
    tag: str,
    summary: str,
    description: str,
    answer: Any,
    example: Any,
    status: int = 200,
    raises: tuple[type[ApiError], ...] = (),
    request: Any = None,
    sent: dict[str, Any] | None = None,
    parameters: list[Any] | None = None,
    public: str = "",
) -> Callable[[ViewT], ViewT]:
    """A class decorator which describes the one method of a view.

    `public` names the media type of an operation which needs no key and answers other than JSON.
    """
    good = OpenApiResponse(
        envelope(name, answer),
        description="Success",
        examples=[OpenApiExample(title, {"status": "success", "data": data}, response_only=True,
                                 status_codes=[str(status)]) for title, data in example.items()],
    )  # fmt: skip
    common = EVERYWHERE if not public else (errors.ServiceDown, errors.InternalError)
    responses: dict[Any, OpenApiResponse] = {status: good, **failures(*raises, *common)}
    if public:
        responses[(status, public)] = OpenApiResponse(OpenApiTypes.STR, description="The document itself")
        responses[304] = OpenApiResponse(description="Unchanged since the ETag of If-None-Match")
    asked = [OpenApiExample(title, body, request_only=True) for title, body in (sent or {}).items()]
    schema = extend_schema(
        operation_id=name[0].lower() + name[1:],
        tags=[tag],
        summary=summary,
        description=description,
        request=request,
        responses=responses,
        examples=asked,
        parameters=[REQUEST_ID, *([] if public else RATE), *(parameters or [])],
        auth=[{}] if public else None,  # type: ignore[list-item]
    )
    return extend_schema_view(**{method: schema})


def path(name: str, description: str, *, uuid: bool = False) -> OpenApiParameter:
    """A parameter of the path."""
    kind = OpenApiTypes.UUID if uuid else OpenApiTypes.STR
    return OpenApiParameter(name, kind, OpenApiParameter.PATH, description=description)


def query(serializer: type[Serializer[Any]]) -> list[OpenApiParameter]:
    """The parameters of a query, from the serializer which checks them."""
    return [serializer]  # type: ignore[list-item]


def finish(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """drf-spectacular's hook: says of the requests what their serializers hold and it cannot see.

    Unknown names are refused, and `returnUrl` is limited to the origins which this instance allows.
    """
    # Addresses answer with a trailing slash as well; the contract's are without.
    result["paths"] = {path.rstrip("/"): item for path, item in result["paths"].items()}
    for item in result["paths"].values():
        for described in item.values():
            for parameter in described.get("parameters", []):
                parameter["schema"] = _with_blank(parameter["schema"])
    schemas = result["components"]["schemas"]
    for name in ("FetchBodyRequest", "SessionBodyRequest"):
        if name in schemas:
            schemas[name]["additionalProperties"] = False
    _limit_return_url(schemas.get("SessionBodyRequest", {}).get("properties", {}))
    return result


def _with_blank(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without the "or empty" beside a pattern which allows the empty text itself: `oneOf` would forbid it."""
    first, *others = schema.get("oneOf", [schema])
    return {**{name: value for name, value in schema.items() if name != "oneOf"}, **first} if others else schema


def _limit_return_url(properties: dict[str, Any]) -> None:
    origins = "|".join(re.escape(origin) for origin in settings.AKHROT_RETURN_ORIGINS)
    if not origins:
        properties.pop("returnUrl", None)
    elif "returnUrl" in properties:
        properties["returnUrl"]["pattern"] = f"^({origins})(/[!-~]*)?$"
