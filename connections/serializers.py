"""What agents may send, field by field, strictly: no coercion, no unknown name, no control character."""

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError

CODE_PATTERN = r"^[A-Za-z0-9_-]{1,64}$"
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$"
MOST_SCOPES = 100


class Text(serializers.RegexField):
    """A string of one line. DRF would accept a number or a boolean as well."""

    default_error_messages = {"invalid": "holds a character that it must not, such as a line break"}

    def __init__(self, regex: str = LINE_PATTERN, **kwargs: Any) -> None:
        super().__init__(re.compile(regex.replace("$", r"\Z")), trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("must be a string")
        return str(super().to_internal_value(data))


class Code(Text):
    """The code of a provider, a service or a way."""

    default_error_messages = {"invalid": "must be a code: up to 64 letters, digits, hyphens and underscores"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(CODE_PATTERN, **kwargs)


class Whole(serializers.IntegerField):
    """A JSON number without a fraction. DRF would accept "3" as well, and Python takes true for 1."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            raise ValidationError("must be a whole number")
        return int(super().to_internal_value(data))


class Scope(Text):
    """One scope-token (RFC 6749 section 3.3)."""

    default_error_messages = {"invalid": "must be one scope, without spaces or quotes"}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(r"^[\x21\x23-\x5b\x5d-\x7e]+$", max_length=300, **kwargs)


class Known(serializers.Serializer[Any]):
    """A JSON object whose every name is known."""

    default_error_messages = {"null": "must be a JSON object"}

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError({"body": "must be a JSON object"})
        known = ", ".join(self.fields)
        unknown = {str(name)[:64]: f"is not known; known are {known}" for name in data if name not in self.fields}
        if unknown:
            raise ValidationError(unknown)
        return super().to_internal_value(data)


class FetchBody(Known):
    """The body of ``POST /tokens/fetch``."""

    provider = Code(help_text="The provider's code, for instance google.")
    account = Text(
        required=False, max_length=255, help_text="A label or a connection id; without it the default account."
    )
    service = Code(required=False, help_text="Checks its scopes and answers its base URL.")
    minTtl = Whole(  # noqa: N815
        required=False, min_value=0, max_value=3600, help_text="Seconds of life wanted; refreshed first if less."
    )
    rejected = Text(
        required=False, max_length=64, help_text="The tokenId that the provider answered 401 to; refreshed first."
    )
    purpose = Text(required=False, max_length=200, help_text="What it is for: the user reads it in the ledger.")


class SessionBody(Known):
    """The body of ``POST /oauth/sessions``."""

    provider = Code(help_text="The provider's code, for instance google.")
    services = serializers.ListField(
        child=Code(), required=False, max_length=50, help_text="Services to ask the scopes of."
    )
    scopes = serializers.ListField(
        child=Scope(), required=False, max_length=MOST_SCOPES, help_text="Further scopes, in the provider's words."
    )
    account = Text(required=False, max_length=255, help_text="The connection to renew: its id or label.")
    method = Code(required=False, help_text="One of the provider's ways to connect.")
    returnUrl = serializers.URLField(  # noqa: N815
        required=False, max_length=2000, help_text="Where the last page links to; its origin must be allowed."
    )


class PageQuery(Known):
    """The query of a list."""

    cursor = Text(
        r"^[A-Za-z0-9_-]*$",
        required=False,
        allow_blank=True,
        max_length=64,
        help_text="The next of the page before; empty for the first.",
    )


class ProvidersQuery(PageQuery):
    """The query of ``GET /providers``."""

    search = Text(required=False, allow_blank=True, max_length=100, help_text="Words to look for.")


class SkillQuery(Known):
    """The query of ``GET /ai/skill``."""

    format = serializers.ChoiceField(["json", "markdown"], required=False, help_text="json wraps the document.")
