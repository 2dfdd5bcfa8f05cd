"""A session that was sent to Google, as the tests of the way back begin with."""

from dataclasses import dataclass

from django.contrib.sessions.backends.signed_cookies import SessionStore

from apikeys.ledger import Caller
from connections.link import callback
from connections.models import OAuthSession

TOKEN_URL = "https://oauth2.googleapis.com/token"
IDENTITY_URL = "https://openidconnect.googleapis.com/v1/userinfo"


@dataclass
class Begun:
    """A session that was sent to the provider: by whom, in which browser, with which parameters."""

    session: OAuthSession
    caller: Caller
    browser: SessionStore
    params: dict[str, str]

    def come_back(self, at: str = "google", **changes: str | None) -> callback.Outcome:
        sent = {
            "state": self.params["state"],
            "code": "the-code",
            "iss": "https://accounts.google.com",
            **changes,
        }
        kept = {name: value for name, value in sent.items() if value is not None}
        return callback.come_back(self.caller, at, kept, self.browser)
