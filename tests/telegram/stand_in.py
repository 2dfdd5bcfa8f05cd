"""Telegram's servers as a client of Telethon meets them: its requests go in, its types and its errors come out."""

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from telethon import errors
from telethon.crypto import AuthKey
from telethon.tl import types
from telethon.tl.types import auth

from tests.telegram.srp import PasswordCheck

API_ID, API_HASH = 1234567, "0123456789abcdef0123456789abcdef"
CODE = "24680"


@dataclass
class Account:
    """Somebody at Telegram. Without a name there, the number has no account."""

    phone: str
    id: int = 0
    first_name: str = ""
    last_name: str = ""
    username: str = ""
    password: str = ""
    hint: str = ""

    def user(self) -> types.User:
        names = {"first_name": self.first_name, "last_name": self.last_name, "username": self.username}
        return types.User(id=self.id, phone=self.phone, access_hash=1, **names)


ADA = Account("4915123456789", 4001, "Ada", "Lovelace", "ada")
BOB = Account("4915198765432", 4002, "Bob", "Babbage", password="walnut", hint="a nut")
NOBODY = Account("4915100000000")


@dataclass
class Code:
    """One that was sent: to whom, and by which hash it is given back."""

    account: Account
    hash: str = field(default_factory=lambda: os.urandom(9).hex())


class Telegram:
    """A small Telegram. `client` stands in for Telethon's class; `asked` are the requests, in order.

    `fail` queues what the next request of a kind is answered with instead; ``"connect"`` is one such kind.
    """

    def __init__(self, *accounts: Account) -> None:
        self.accounts = {one.phone: one for one in accounts or (ADA, BOB, NOBODY)}
        self.asked: list[Any] = []
        self.sessions: dict[bytes, Account] = {}
        self.how: types.TypeSentCodeType = auth.SentCodeTypeApp(length=5)
        self.again: Any = auth.CodeTypeSms()
        self.wait = 0
        self._codes: dict[bytes, Code] = {}
        self._checks: dict[bytes, PasswordCheck] = {}
        self._troubles: dict[str, list[BaseException]] = {}
        self._lost: set[str] = set()
        self._meanwhile: dict[tuple[str, bool], Callable[[], Any]] = {}
        self._lock = threading.Lock()

    def client(self, session: Any, api_id: int, api_hash: str, **options: Any) -> "Client":
        """Called as ``TelegramClient`` is."""
        assert options["receive_updates"] is False
        return Client(self, session, (api_id, api_hash))

    def fail(self, kind: str, *troubles: BaseException) -> None:
        """Answer the next requests of this kind (``"SignInRequest"``) with these, one after the other."""
        self._troubles.setdefault(kind, []).extend(troubles)

    def meanwhile(self, kind: str, do: Callable[[], Any], *, first: bool = False) -> None:
        """Have `do` done in another thread, between the next request of this kind and the arrival of its answer.

        `first`: before what the request asks for is done.
        """
        self._meanwhile[(kind, first)] = do

    def lose(self, kind: str) -> None:
        """Do what the next request of this kind asks for, and hang up before the answer."""
        self._lost.add(kind)

    def count(self, kind: str) -> int:
        """How many requests of this kind came."""
        return sum(type(one).__name__ == kind for one in self.asked)

    def signed_in(self) -> list[str]:
        """The first names of the accounts that are signed in, one for each session."""
        return [one.first_name for one in self.sessions.values()]

    def answer(self, client: "Client", kind: str, request: Any) -> Any:
        """What Telegram says to `request`."""
        self._do_meanwhile(kind, first=True)
        with self._lock:
            if request is not None:
                self.asked.append(request)
            if trouble := self._troubles.get(kind):
                raise trouble.pop(0)
            given: Callable[..., Any] | None = getattr(self, f"_{_snake(kind)}", None)
            answer = given(client, request) if given else None
            if kind in self._lost:
                self._lost.remove(kind)
                raise ConnectionResetError
        self._do_meanwhile(kind, first=False)
        return answer

    def _do_meanwhile(self, kind: str, *, first: bool) -> None:
        if do := self._meanwhile.pop((kind, first), None):
            other = threading.Thread(target=do)
            other.start()
            other.join()

    def _send_code_request(self, client: "Client", request: Any) -> Any:
        if (request.api_id, request.api_hash) != client.app or client.app != (API_ID, API_HASH):
            raise errors.ApiIdInvalidError(request)
        account = self.accounts.get(request.phone_number.lstrip("+"))
        if account is None:
            raise errors.PhoneNumberInvalidError(request)
        code = self._codes[client.key] = Code(account)
        return auth.SentCode(self.how, code.hash, next_type=self.again, timeout=self.wait or None)

    def _resend_code_request(self, client: "Client", request: Any) -> Any:
        code = self._code(client, request)
        return auth.SentCode(auth.SentCodeTypeSms(length=5), code.hash)

    def _code(self, client: "Client", request: Any) -> Code:
        code = self._codes.get(client.key)
        if code is None or code.hash != request.phone_code_hash:
            raise errors.PhoneCodeExpiredError(request)
        assert request.phone_number.lstrip("+") == code.account.phone
        return code

    def _sign_in_request(self, client: "Client", request: Any) -> Any:
        account = self._code(client, request).account
        if request.phone_code != CODE:
            raise errors.PhoneCodeInvalidError(request)
        if not account.id:
            return auth.AuthorizationSignUpRequired()
        if account.password:
            self._checks[client.key] = PasswordCheck(account.password, account.hint)
            raise errors.SessionPasswordNeededError(request)
        return self._let_in(client, account)

    def _let_in(self, client: "Client", account: Account) -> Any:
        del self._codes[client.key]
        self.sessions[client.key] = account
        return auth.Authorization(account.user())

    def _get_password_request(self, client: "Client", request: Any) -> Any:
        check = self._checks.get(client.key)
        if check is None:
            raise errors.AuthKeyUnregisteredError(request)
        return check.asked()

    def _check_password_request(self, client: "Client", request: Any) -> Any:
        if not self._checks[client.key].is_proved_by(request.password):
            raise errors.PasswordHashInvalidError(request)
        return self._let_in(client, self._codes[client.key].account)

    def _get_users_request(self, client: "Client", request: Any) -> Any:
        if client.key not in self.sessions:
            raise errors.AuthKeyUnregisteredError(request)
        return [self.sessions[client.key].user()]

    def _log_out_request(self, client: "Client", request: Any) -> Any:
        if self.sessions.pop(client.key, None) is None:
            raise errors.AuthKeyUnregisteredError(request)
        return auth.LoggedOut()


class Client:
    """One connection to it, with the part of Telethon's client that Akhrot uses."""

    def __init__(self, telegram: Telegram, session: Any, app: tuple[int, str]) -> None:
        self.session, self.app = session, app
        self._telegram = telegram

    @property
    def key(self) -> bytes:
        """The key of its session, by which Telegram knows it."""
        return bytes(self.session.auth_key.key)

    async def connect(self) -> None:
        self._telegram.answer(self, "connect", None)
        if not self.session.server_address:
            self.session.set_dc(2, "149.154.167.51", 443)
        if not self.session.auth_key:
            self.session.auth_key = AuthKey(os.urandom(256))

    async def __call__(self, request: Any) -> Any:
        return self._telegram.answer(self, type(request).__name__, request)

    async def disconnect(self) -> None:
        return None


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
