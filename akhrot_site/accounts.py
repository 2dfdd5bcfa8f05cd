"""What allauth asks of us about accounts: who may sign up, what is said, and what happens around a sign-in."""

from __future__ import annotations

from typing import Any, ClassVar

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMultiAlternatives
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from akhrot_site import account_mail, browsers, errors, factors
from akhrot_site.owner import owner_exists
from apikeys.addresses import client_address

log = structlog.get_logger(__name__)

# The limit itself is ACCOUNT_RATE_LIMITS["login_failed"].
TOO_MANY_ATTEMPTS = _("Too many attempts. Wait five minutes, then try again.")
WRONG_CODE = _("This code is wrong. An app's codes change every 30 seconds: enter the one that it shows now.")
WAYS_TO_CONFIRM = {
    "reauthenticate": _("Use your password"),
    "mfa_reauthenticate": _("Use a code"),
    "mfa_reauthenticate:webauthn": _("Use a passkey or security key"),
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": _("This account is turned off. Its operator can turn it on again."),
        "cannot_remove_primary_email": _("The primary address cannot be removed. Make another one primary first."),
        "duplicate_email": _("This address is already one of yours."),
        "email_password_mismatch": _("Wrong address or password. Check both, or set a new password."),
        "enter_current_password": _("This is not your current password."),
        "incorrect_code": WRONG_CODE,
        "incorrect_password": _("This is not your password."),
        "rate_limited": _("Too many attempts. Wait a minute, then try again."),
        "same_as_current": _("This is the one you have already."),
        "too_many_login_attempts": TOO_MANY_ATTEMPTS,
        "unverified_primary_email": _("Verify this address first: only a verified one can be primary."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up before the owner, who would otherwise be whoever comes first.

        With `invite` people come in by an invitation, which has a page of its own.
        """
        return settings.AKHROT_SIGNUP == "open" and owner_exists()

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or browsers.NO_ADDRESS

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return [{**method, "description": WAYS_TO_CONFIRM[method["id"]]} for method in methods]

    def login(self, request: HttpRequest, user: User) -> None:
        self._is_first_sign_in = user.last_login is None
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponse:
        """Tell of a browser that is new to this account, unless the account is new as well."""
        response: HttpResponse = super().post_login(request, user, **details)
        if not browsers.recognise(request, response, user) and not self._is_first_sign_in:
            user_agent = self.get_http_user_agent(request)
            browsers.tell_of_sign_in(user, user_agent=user_agent, address=self.get_client_ip(request))
        return response

    def render_mail(
        self, template_prefix: str, email: str | list[str], context: dict[str, Any], headers: Any = None
    ) -> EmailMultiAlternatives:
        return account_mail.letter(template_prefix, [email] if isinstance(email, str) else email, context)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that somebody waits for; where that fails, the page says so instead of promising it."""
        try:
            super().send_mail(template_prefix, email, context)
        except OSError as error:
            log.error("account_mail_not_sent", mail=template_prefix, error=type(error).__name__)
            raise ImmediateHttpResponse(errors.mail_not_sent(self.request)) from None

    def send_notification_mail(self, template_prefix: str, *arguments: Any, **options: Any) -> None:
        """Tell of a change that is done already: a mail server that is away must not make it look undone."""
        try:
            super().send_notification_mail(template_prefix, *arguments, **options)
        except ImmediateHttpResponse:
            log.warning("account_change_not_told", mail=template_prefix)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "cannot_generate_recovery_codes": _("Set up an authenticator app or a passkey first."),
        "incorrect_code": WRONG_CODE,
        "unverified_email": _("Verify your addresses, or remove those that are not verified, before you do this."),
    }

    def encrypt(self, text: str) -> str:
        """Seal a seed for its way into the database."""
        return factors.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Open a seed that came from there."""
        return factors.unseal(encrypted_text)

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """What a passkey is called until its user gives it a name."""
        number = Authenticator.objects.filter(user=user, type=type).count() + 1
        return gettext("Passkey") if number == 1 else gettext("Passkey %(number)d") % {"number": number}
