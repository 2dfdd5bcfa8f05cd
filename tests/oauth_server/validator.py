"""What the toolkit leaves open of OpenID Connect."""

from typing import Any

from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request


class Validator(OAuth2Validator):
    """Nobody is signed in without a page: ``prompt=none`` comes back as ``login_required``."""

    def validate_silent_login(self, request: Request) -> bool:
        """The toolkit has no answer, and oauthlib would fail."""
        return False

    def get_additional_claims(self, request: Request) -> dict[str, Any]:
        """What the userinfo endpoint says beside ``sub``, to who was granted the scope email."""
        return {"email": request.user.email}
