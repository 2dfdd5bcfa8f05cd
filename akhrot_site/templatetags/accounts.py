"""What the account's pages ask of the settings."""

from allauth.account import app_settings
from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def passkeys_work() -> bool:
    """Whether browsers allow passkeys at the base URL: https at a named host, or this machine."""
    return settings.PASSKEYS_WORK


@register.simple_tag
def mail_is_sent() -> bool:
    """Whether mail leaves this instance, and is not printed."""
    return not settings.EMAIL_BACKEND.endswith("console.EmailBackend")


@register.simple_tag
def link_days() -> int:
    """How many days a link that confirms an address is good for."""
    return int(app_settings.EMAIL_CONFIRMATION_EXPIRE_DAYS)


@register.simple_tag
def signup_is_open() -> bool:
    """Whether anybody may make an account."""
    return settings.AKHROT_SIGNUP == "open"
