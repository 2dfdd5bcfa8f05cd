"""Examples of the OpenAPI document. Every identifier and secret in here is made up."""

from typing import Any

from connections import errors
from connections.errors import ApiError

CONNECTION = "5f0c6a52-3c1e-4a53-9a86-0a5a4a1f7f10"
SESSION = "b3a6a2b4-7d6e-4b0f-8c55-6f2f2d2f3c11"
CALL = {"method": "POST", "path": "/oauth/sessions", "body": {"provider": "google"}, "curl": "curl -s -X POST …"}

SUMMARY = {
    "connected": {"google": ["gmail", "drive", "calendar", "sheets"], "openai": ["chat", "embeddings", "images"]},
    "attention": {"slack": "TOKEN_EXPIRED"},
    "available": ["stripe", "twilio"],
    "availableTotal": 17,
    "next": "GET /ai/context/{provider}",
}
ACCOUNT = {
    "connectionId": CONNECTION,
    "account": "ada@example.com",
    "default": True,
    "status": "active",
    "verification": "verified",
    "scopes": ["openid", "email", "https://www.googleapis.com/auth/gmail.modify"],
    "expiresAt": "2026-11-24T10:15:00Z",
}
GMAIL = {
    "service": "gmail",
    "name": "Gmail",
    "baseUrl": "https://gmail.googleapis.com",
    "docsUrl": "https://developers.google.com/workspace/gmail/api/reference/rest",
    "ready": True,
    "missingScopes": [],
    "examples": [
        {
            "purpose": "List messages",
            "method": "GET",
            "path": "/gmail/v1/users/me/messages?maxResults=10",
            "curl": 'curl -s -H "Authorization: Bearer {accessToken}" "https://gmail.googleapis.com/gmail/v1/…"',
        }
    ],
}
HEAD: dict[str, Any] = {
    "provider": "google",
    "name": "Google",
    "tokenType": "oauth2",
    "connected": True,
    "accounts": [ACCOUNT],
    "getToken": {**CALL, "path": "/tokens/fetch"},
    "connect": CALL,
}
PROVIDER = {**HEAD, "services": [GMAIL]}
SERVICE = {**HEAD, "service": GMAIL}
OAUTH_TOKEN = {
    "provider": "google",
    "type": "oauth2",
    "connectionId": CONNECTION,
    "account": "ada@example.com",
    "tokenId": "tok_q2v8L0b1nXw7Zr5t",
    "accessToken": "ya29.made-up",
    "tokenType": "Bearer",
    "expiresAt": "2026-11-24T10:15:00Z",
    "expiresIn": 3412,
    "scopes": ["openid", "email"],
    "baseUrl": "https://www.googleapis.com",
    "headers": {"Authorization": "Bearer ya29.made-up"},
    "extra": {},
}
KEY_TOKEN = {
    "provider": "twilio",
    "type": "api_key",
    "connectionId": CONNECTION,
    "account": "My Twilio",
    "accessToken": "made-up-token",
    "credentials": {"accountSid": "AC00000000000000000000000000000000", "authToken": "made-up-token"},
    "baseUrl": "https://api.twilio.com",
    "headers": {"Authorization": "Basic QUMwMDA6bWFkZS11cA=="},
}
TELEGRAM_TOKEN = {
    "provider": "telegram",
    "type": "mtproto",
    "connectionId": CONNECTION,
    "account": "ada",
    "accessToken": "1made-up-session",
    "apiId": 1234567,
    "apiHash": "00000000000000000000000000000000",
}
PENDING = {
    "sessionId": SESSION,
    "provider": "google",
    "status": "pending",
    "url": f"https://akhrot.example/connect/{SESSION}",
    "expiresAt": "2026-11-24T10:10:00Z",
    "pollInterval": 3,
}
COMPLETED = {
    "sessionId": SESSION,
    "provider": "google",
    "status": "completed",
    "connectionId": CONNECTION,
    "account": "ada@example.com",
}
FAILED = {
    "sessionId": SESSION,
    "provider": "google",
    "status": "failed",
    "reason": "you did not agree at the provider",
}
LISTED = {
    "code": "google",
    "name": "Google",
    "tokenType": "oauth2",
    "category": "productivity",
    "uses": "Gmail, Drive, Calendar, Sheets",
    "services": ["gmail", "drive"],
    "configured": True,
    "connected": True,
    "docsUrl": "https://developers.google.com/identity",
}

_MADE: dict[type[ApiError], ApiError] = {
    errors.Unauthorized: errors.Unauthorized(),
    errors.Forbidden: errors.Forbidden("This key may not use google."),
    errors.IntegrationNotFound: errors.IntegrationNotFound("google"),
    errors.ProviderNotFound: errors.ProviderNotFound("gogle", ["google"]),
    errors.ServiceNotFound: errors.ServiceNotFound("google", "mail", ["gmail", "drive"]),
    errors.SessionNotFound: errors.SessionNotFound(),
    errors.ConnectionNotFound: errors.ConnectionNotFound(),
    errors.AccountNotFound: errors.AccountNotFound("google", ["ada@example.com"]),
    errors.AccountAmbiguous: errors.AccountAmbiguous("google", [f"ada ({CONNECTION})"]),
    errors.MissingScopes: errors.MissingScopes(
        "google", "drive", ["https://www.googleapis.com/auth/drive"], CONNECTION
    ),
    errors.TokenExpired: errors.TokenExpired("google", "invalid_grant", CONNECTION),
    errors.SessionExpired: errors.SessionExpired("google"),
    errors.ProviderNotConfigured: errors.ProviderNotConfigured("The operator has not set the OAuth client of google."),
    errors.ValidationFailed: errors.ValidationFailed(
        "The request is not valid.", fields={"provider": "This field is required."}
    ),
    errors.RateLimited: errors.RateLimited("Too many requests.", retry_after=23),
    errors.ProviderDown: errors.ProviderDown("google cannot refresh the token for now.", retry_after=5),
    errors.ServiceDown: errors.ServiceDown("Akhrot cannot answer for now.", retry_after=5),
    errors.InternalError: errors.InternalError("Something went wrong inside Akhrot."),
    errors.NotFound: errors.NotFound(),
    errors.UnsupportedMediaType: errors.UnsupportedMediaType("The body must be JSON."),
}


def error(kind: type[ApiError]) -> dict[str, Any]:
    """The envelope of one error of the table, as it is really built."""
    return _MADE[kind].body()
