"""Bringing people in: the invitation's link and mail, and the account that is made with it."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from akhrot_site.account_mail import ASKS_FIRST
from akhrot_site.addresses import has_account
from akhrot_site.models import LIFETIME, Invitation
from apikeys.addresses import client_address
from apikeys.ledger import Caller, record
from connections import letters
from connections.mail import FAILURES

log = structlog.get_logger(__name__)


class NotInTime(Exception):
    """The link was used, revoked or renewed, or its address got an account, while somebody filled in the form."""


def are_open() -> bool:
    """Whether the operator lets people come by an invitation."""
    return settings.AKHROT_SIGNUP in ("invite", "open")


def link(token: str) -> str:
    """The address that the invited person opens."""
    return settings.AKHROT_BASE_URL + reverse("account_invitation", args=[token])


def send(invitation: Invitation, token: str) -> bool:
    """Mail the link; False if the mail server does not take it. Of the error only its kind is logged."""
    facts = {
        "inviter": invitation.invited_by.email if invitation.invited_by else "",
        "base_url": settings.AKHROT_BASE_URL,
        "days": LIFETIME.days,
    }
    mail = letters.compose(
        render_to_string("mail/invitation.txt", facts),
        to=[invitation.email],
        button=_("See the invitation"),
        url=link(token),
        foot=str(ASKS_FIRST),
    )
    try:
        mail.send()
    except FAILURES as error:
        log.warning("invitation_not_sent", id=str(invitation.pk), error=type(error).__name__)
        return False
    return True


def accept(request: HttpRequest, invitation: Invitation, password: str) -> User:
    """Make the account: its address is verified, for the link came to it. Raises NotInTime."""
    try:
        with transaction.atomic():
            return _make(request, invitation, password)
    except IntegrityError:
        raise NotInTime from None


def _make(request: HttpRequest, invitation: Invitation, password: str) -> User:
    if has_account(invitation.email):
        raise NotInTime
    adapter: Any = get_adapter(request)
    user = User(email=invitation.email)
    user.set_password(password)
    adapter.populate_username(request, user)
    user.save()
    EmailAddress.objects.create(user=user, email=invitation.email, verified=True, primary=True)
    if not invitation.accept(user):
        raise NotInTime
    record(Caller(user=user, address=client_address(request)), "invitation.accept")
    return user
