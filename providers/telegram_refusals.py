"""What Telegram refuses while somebody signs in, in words that say what to do."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from providers.http import ProviderUnavailable
from providers.telegram import error_code

Text = str | Promise


class LoginRefused(Exception):
    """A step of signing in is refused. `reason` is fit to be shown, and holds nothing of what was sent.

    `field` is what it is about: ``apiId``, ``phone``, ``code``, ``password``, or "" for none of them. `wait` is in how
    many seconds Telegram wants to be asked again. `is_over`: the code is worth nothing any more, and a new one must be
    sent; `is_lost`: nor is the session.
    """

    def __init__(
        self, code: str, reason: Text, *, field: str = "", wait: int = 0, is_over: bool = False, is_lost: bool = False
    ) -> None:
        self.code, self.reason, self.field, self.wait = code, str(reason), field, wait
        self.is_lost, self.is_over = is_lost, is_over or is_lost
        super().__init__(self.reason)


class _Known(NamedTuple):
    field: str
    reason: Text
    is_over: bool = False
    is_lost: bool = False


_NO_ACCOUNT = _Known(
    "phone",
    _("No Telegram account has this number. Check it, or sign up first, which is done in the Telegram app."),
)
_BEGIN_AGAIN = _Known("", _("Telegram has ended this attempt to sign in. Send a new code."), is_lost=True)
# The session is ended, by whomever.
ENDED = (
    *("AUTH_KEY_UNREGISTERED", "AUTH_KEY_INVALID", "AUTH_KEY_NOT_FOUND", "AUTH_KEY_DUPLICATED"),
    *("SESSION_EXPIRED", "SESSION_REVOKED"),
)
_GONE = _Known("phone", _("Telegram has closed this account. Sign in with another one."), is_lost=True)
# By Telegram's own codes: https://core.telegram.org/api/errors, and the list of each method there.
KNOWN: Mapping[str, _Known] = {
    "API_ID_INVALID": _Known(
        "apiId", _("Telegram does not know this API ID with this API hash. Copy both again from my.telegram.org/apps.")
    ),
    "API_ID_PUBLISHED_FLOOD": _Known(
        "apiId",
        _("This API ID was published somewhere, so Telegram refuses it. Make your own at my.telegram.org/apps."),
    ),
    "PHONE_NUMBER_INVALID": _Known(
        "phone", _("Telegram cannot read this number. Write it with + and the country code, such as +49 151 23456789.")
    ),
    "PHONE_NUMBER_BANNED": _Known(
        "phone", _("Telegram has banned this number. Its support can say why; until then use another account.")
    ),
    "PHONE_NUMBER_UNOCCUPIED": _NO_ACCOUNT,
    "PHONE_NUMBER_APP_SIGNUP_FORBIDDEN": _NO_ACCOUNT,
    "PHONE_NUMBER_FLOOD": _Known(
        "phone",
        _("Too many codes were asked for this number. Telegram does not say how long it refuses; try again tomorrow."),
    ),
    "PHONE_PASSWORD_FLOOD": _Known(
        "",
        _("Too many attempts to sign in with this number. Telegram does not say how long it refuses; try tomorrow."),
    ),
    "PHONE_CODE_INVALID": _Known("code", _("This is not the code that Telegram sent. Check it again.")),
    "PHONE_CODE_EMPTY": _Known("code", _("Enter the code that Telegram sent.")),
    "PHONE_CODE_EXPIRED": _Known("code", _("This code is no longer valid. Ask for a new one."), is_over=True),
    "PHONE_CODE_HASH_EMPTY": _Known("code", _("This code is no longer valid. Ask for a new one."), is_over=True),
    "SEND_CODE_UNAVAILABLE": _Known(
        "", _("Telegram has no other way to send the code. Use the one it sent, or ask for a new one later."),
    ),
    "SMS_CODE_CREATE_FAILED": _Known("", _("Telegram could not send a code just now. Try again in a few minutes.")),
    "PASSWORD_HASH_INVALID": _Known("password", _("This is not the password of the two-step verification.")),
    "PASSWORD_EMPTY": _Known("password", _("Enter the password of the two-step verification.")),
    "SRP_ID_INVALID": _Known("password", _("Telegram wants the password once more. Enter it again.")),
    "SRP_PASSWORD_CHANGED": _Known("password", _("The password was changed in the meantime. Enter the current one.")),
    "AUTH_RESTART": _BEGIN_AGAIN,
    "SIGN_IN_FAILED": _BEGIN_AGAIN,
    # Not Telegram's: what was kept of the session cannot be read.
    "SESSION_UNREADABLE": _BEGIN_AGAIN,
    **dict.fromkeys(ENDED, _BEGIN_AGAIN),
    "USER_DEACTIVATED": _GONE,
    "USER_DEACTIVATED_BAN": _GONE,
    "UPDATE_APP_TO_LOGIN": _Known(
        "", _("Telegram asks for a newer version of the library that Akhrot speaks to it with. Tell its operator.")
    ),
}  # fmt: skip
FLOODS = ("FLOOD_WAIT", "FLOOD_PREMIUM_WAIT", "FLOOD_TEST_PHONE_WAIT")


def known(code: str) -> LoginRefused:
    """The refusal of a code in `KNOWN`."""
    field, reason, is_over, is_lost = KNOWN[code]
    return LoginRefused(code, reason, field=field, is_over=is_over, is_lost=is_lost)


def refusal(error: Any) -> LoginRefused | ProviderUnavailable:
    """What one of Telethon's RPCErrors means for whoever signs in."""
    code = error_code(error)
    if code in KNOWN:
        return known(code)
    if code in FLOODS:
        return LoginRefused(code, _("Telegram asks to wait."), wait=max(1, error.seconds))
    if error.code in (400, 401, 403, 406):
        return LoginRefused(code, gettext("Telegram refuses this (%(code)s).") % {"code": code})
    return ProviderUnavailable(f"Telegram cannot answer for now ({code})")
