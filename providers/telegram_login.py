"""Signing in to Telegram with a phone, one call for each step: a code is sent, the code, the second password.

Nothing is kept here. The session of a sign-in on its way comes out of one call as Telethon's string and goes into the
next one. Each call is over in 15 s, may be made in any thread without an event loop of its own, and raises
LoginRefused, in words, and ProviderUnavailable.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from providers import telegram
from providers.http import ProviderUnavailable
from providers.telegram import App as App
from providers.telegram_refusals import ENDED, known, refusal
from providers.telegram_refusals import LoginRefused as LoginRefused

T = TypeVar("T")
# How a code travels, by Telethon's names: https://core.telegram.org/type/auth.SentCodeType
WAYS = {
    "SentCodeTypeApp": "app",
    "SentCodeTypeSms": "sms",
    "SentCodeTypeFirebaseSms": "sms",
    "SentCodeTypeSmsWord": "word",
    "SentCodeTypeSmsPhrase": "phrase",
    "SentCodeTypeCall": "call",
    "SentCodeTypeFlashCall": "flash_call",
    "SentCodeTypeMissedCall": "missed_call",
    "SentCodeTypeEmailCode": "email",
    "SentCodeTypeFragmentSms": "fragment",
}
# And how it would travel another time: https://core.telegram.org/type/auth.CodeType
NEXT_WAYS = {
    "CodeTypeSms": "sms",
    "CodeTypeCall": "call",
    "CodeTypeFlashCall": "flash_call",
    "CodeTypeMissedCall": "missed_call",
    "CodeTypeFragmentSms": "fragment",
}
# What is told beside the way: an e-mail's address in part, a page, the beginning of a number or of a text.
DETAILS = ("email_pattern", "url", "prefix", "pattern", "beginning")


@dataclass(frozen=True, kw_only=True, repr=False)
class Sent:
    """A code is on its way, by `how` (one of `WAYS`, or "other"), with so many signs (0: not said).

    `next` is how it would be sent again, in `wait` seconds at the earliest; "" where it would not.
    """

    session: str
    code_hash: str
    how: str
    detail: str = ""
    length: int = 0
    next: str = ""
    wait: int = 0


@dataclass(frozen=True, kw_only=True, repr=False)
class PasswordWanted:
    """The code was right, and the account has a password as well, of which its owner has left a `hint`."""

    session: str
    hint: str


@dataclass(frozen=True, kw_only=True, repr=False)
class SignedIn:
    """The session is that of an account from now on. `label` is its name for people."""

    session: str
    account_id: str
    label: str


def send_code(app: App, phone: str) -> Sent | SignedIn:
    """Have a code sent to `phone`, in international format, for a new session."""

    async def say(client: Any) -> Sent | SignedIn:
        from telethon import errors
        from telethon.tl.functions.auth import SendCodeRequest
        from telethon.tl.types import CodeSettings

        request = SendCodeRequest(phone, app.id, app.hash, CodeSettings())
        try:
            answer = await client(request)
        except errors.AuthRestartError:
            # It asks for the same request once more: https://core.telegram.org/method/auth.sendCode
            answer = await client(request)
        return _sent(client, answer)

    return _talk(app, "", say)


def resend(app: App, session: str, phone: str, code_hash: str) -> Sent | SignedIn:
    """Have the code sent again, by the next way that Telegram has for this number."""

    async def say(client: Any) -> Sent | SignedIn:
        from telethon.tl.functions.auth import ResendCodeRequest

        return _sent(client, await client(ResendCodeRequest(phone, code_hash)))

    return _talk(app, session, say)


def sign_in(app: App, session: str, phone: str, code_hash: str, code: str) -> SignedIn | PasswordWanted:
    """Give the code back that was sent to `phone`."""

    async def say(client: Any) -> SignedIn | PasswordWanted:
        from telethon import errors
        from telethon.tl.functions.account import GetPasswordRequest
        from telethon.tl.functions.auth import SignInRequest

        try:
            answer = await client(SignInRequest(phone, code_hash, code))
        except errors.SessionPasswordNeededError:
            wanted = await client(GetPasswordRequest())
            return PasswordWanted(session=client.session.save(), hint=wanted.hint or "")
        return _authorized(client, answer)

    return _talk(app, session, say)


def check_password(app: App, session: str, password: str) -> SignedIn:
    """Give the account's second password: what is sent is only a proof of knowing it (SRP)."""

    async def say(client: Any) -> SignedIn:
        from telethon.password import compute_check
        from telethon.tl.functions.account import GetPasswordRequest
        from telethon.tl.functions.auth import CheckPasswordRequest

        wanted = await client(GetPasswordRequest())
        if not wanted.has_password:
            raise known("AUTH_RESTART")
        try:
            proof = compute_check(wanted, password)
        except ValueError:
            # The numbers of the proof are checked before the password is used for it.
            raise ProviderUnavailable("Telegram's server sent something that is not its protocol") from None
        return _authorized(client, await client(CheckPasswordRequest(proof)))

    return _talk(app, session, say)


def whose(app: App, session: str) -> SignedIn | None:
    """Whose session it is; None while it is nobody's. For when an answer got lost."""

    async def say(client: Any) -> SignedIn | None:
        from telethon import errors

        try:
            return _signed_in(client, await telegram.ask_account(client))
        except errors.UnauthorizedError:
            return None

    return _talk(app, session, say)


def log_out(app: App, session: str) -> bool:
    """End `session` at Telegram. True if it is over now, also where Telegram did not know it any more."""

    async def say(client: Any) -> bool:
        from telethon.tl.functions.auth import LogOutRequest

        await client(LogOutRequest())
        return True

    try:
        return _talk(app, session, say)
    except LoginRefused as refused:
        return refused.code in ENDED


def _talk(app: App, session: str, say: Callable[[Any], Awaitable[T]]) -> T:
    from telethon import errors

    try:
        opened = telegram.own_session(session)
    except telegram.SessionRefused:
        raise known("SESSION_UNREADABLE") from None
    try:
        return telegram.talk(opened, app, say)
    except errors.RPCError as error:
        raise refusal(error) from None
    except telegram.SessionRefused:
        raise known("AUTH_KEY_NOT_FOUND") from None


def _sent(client: Any, answer: Any) -> Sent | SignedIn:
    name = type(answer).__name__
    if name == "SentCodeSuccess":
        return _authorized(client, answer.authorization)
    if name == "SentCodePaymentRequired":
        said = _(
            "Telegram sends a code to this number for a payment alone, which is made in its app. Sign in there first."
        )
        raise LoginRefused("PAYMENT_REQUIRED", said, field="phone")
    kind, further = type(answer.type).__name__, type(answer.next_type).__name__
    if kind == "SentCodeTypeSetUpEmailRequired":
        said = _("Telegram wants this account to have an e-mail address first. Set one up in the Telegram app.")
        raise LoginRefused("EMAIL_REQUIRED", said, field="phone")
    details = (getattr(answer.type, name, None) for name in DETAILS)
    return Sent(
        session=client.session.save(),
        code_hash=answer.phone_code_hash,
        how=WAYS.get(kind, "other"),
        detail=next((str(one) for one in details if one), ""),
        length=getattr(answer.type, "length", 0),
        next=NEXT_WAYS.get(further, ""),
        wait=answer.timeout or 0,
    )


def _authorized(client: Any, answer: Any) -> SignedIn:
    if type(answer).__name__ == "AuthorizationSignUpRequired":
        raise known("PHONE_NUMBER_UNOCCUPIED")
    return _signed_in(client, answer.user)


def _signed_in(client: Any, user: Any) -> SignedIn:
    names = " ".join(name for name in (user.first_name, user.last_name) if name)
    label = f"@{user.username}" if user.username else names or str(user.id)
    return SignedIn(session=client.session.save(), account_id=str(user.id), label=label)
