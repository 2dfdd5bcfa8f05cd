"""How commands name a user."""

from django.contrib.auth.models import User
from django.core.management.base import CommandError


def find_user(email: str) -> User:
    """The user with this e-mail address. Raises CommandError where there is none, or more than one."""
    found = list(User.objects.filter(email__iexact=email.strip())[:2])
    if len(found) != 1:
        raise CommandError(f"there is {'more than one' if found else 'no'} user {email}")
    return found[0]
