from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest

from akhrot_site.owner import owner_exists
from apikeys.addresses import client_address


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up before the owner, who would otherwise be whoever comes first.

        `invite` is closed to sign-up as well: invited people are added by the owner in the admin.
        """
        return settings.AKHROT_SIGNUP == "open" and owner_exists()

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or ""
