"""How the most used providers take a pasted key, written down from their documentation and not from their files."""

from dataclasses import dataclass, field

from tests.providers.known_dialects import Call


@dataclass(frozen=True, kw_only=True)
class Pasted:
    """One provider: the call that proves a key with an answer of it, and where and how its API is called."""

    docs: str
    fields: dict[str, str]
    check: Call
    answer: dict[str, object] = field(default_factory=dict)
    base_url: str = ""
    headers: dict[str, str]
    refused: int = 401


PASTED = {
    "openai": Pasted(
        docs="https://platform.openai.com/docs/api-reference/authentication",
        fields={"apiKey": "sk-1"},
        check=Call(url="https://api.openai.com/v1/models", headers={"Authorization": "Bearer sk-1"}),
        answer={"object": "list", "data": []},
        base_url="https://api.openai.com",
        headers={"Authorization": "Bearer sk-1"},
    ),
    "anthropic": Pasted(
        docs="https://platform.claude.com/docs/en/api/overview",
        fields={"apiKey": "sk-ant-1"},
        check=Call(
            url="https://api.anthropic.com/v1/models",
            headers={"x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01"},
            without=("authorization",),
        ),
        answer={"data": [], "has_more": False},
        base_url="https://api.anthropic.com",
        headers={"x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01"},
    ),
    "stripe": Pasted(
        docs="https://docs.stripe.com/api/authentication",
        fields={"apiKey": "sk_test_1"},
        check=Call(url="https://api.stripe.com/v1/balance", headers={"Authorization": "Bearer sk_test_1"}),
        answer={"object": "balance", "available": []},
        base_url="https://api.stripe.com",
        headers={"Authorization": "Bearer sk_test_1"},
    ),
    "twilio": Pasted(
        docs="https://www.twilio.com/docs/iam/api/account",
        fields={"accountSid": "AC1", "authToken": "hush"},
        check=Call(
            url="https://api.twilio.com/2010-04-01/Accounts/AC1.json", headers={"Authorization": "Basic QUMxOmh1c2g="}
        ),
        answer={"sid": "AC1", "friendly_name": "Nuts"},
        base_url="https://api.twilio.com",
        headers={"Authorization": "Basic QUMxOmh1c2g="},
    ),
    "sendgrid": Pasted(
        docs="https://www.twilio.com/docs/sendgrid/api-reference/api-key-permissions",
        fields={"apiKey": "SG.1"},
        check=Call(url="https://api.sendgrid.com/v3/scopes", headers={"Authorization": "Bearer SG.1"}),
        answer={"scopes": ["mail.send"]},
        base_url="https://api.sendgrid.com",
        headers={"Authorization": "Bearer SG.1"},
    ),
    # A key of its own stands without the word Bearer there.
    "linear:key": Pasted(
        docs="https://linear.app/developers/graphql",
        fields={"apiKey": "lin_api_1"},
        check=Call(
            method="POST",
            url="https://api.linear.app/graphql",
            headers={"Authorization": "lin_api_1"},
            kind="json",
        ),
        answer={"data": {"viewer": {"id": "1", "name": "Ada", "email": "ada@example.com"}}},
        headers={"Authorization": "lin_api_1"},
    ),
    "discord:bot": Pasted(
        docs="https://discord.com/developers/docs/reference#authentication",
        fields={"botToken": "b1"},
        check=Call(url="https://discord.com/api/v10/users/@me", headers={"Authorization": "Bot b1"}),
        answer={"id": "1", "username": "nuts"},
        headers={"Authorization": "Bot b1"},
    ),
}
