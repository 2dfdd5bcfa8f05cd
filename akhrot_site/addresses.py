"""Whose an e-mail address is: that of the account which was made with it, or has verified it.

Anybody may add any address to his account. Until he has verified it, it opens nothing and keeps nobody out.
"""

from __future__ import annotations

from allauth.account.models import EmailAddress
from allauth.account.utils import filter_users_by_email
from django.contrib.auth.models import User


def has_account(email: str) -> bool:
    """Whether there is an account with this address."""
    return any(belongs_to(user, email) for user in filter_users_by_email(email))


def belongs_to(user: User, email: str) -> bool:
    """Whether this is an address of `user`, and not one that he only says is his."""
    verified = EmailAddress.objects.filter(user=user, email__iexact=email, verified=True)
    return user.email.lower() == email.lower() or verified.exists()
