"""The server's side of Telegram's password check, by https://core.telegram.org/api/srp and not by Telethon's code."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from telethon.tl.types import (
    InputCheckPasswordSRP,
    PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow,
    SecurePasswordKdfAlgoUnknown,
)
from telethon.tl.types.account import Password

# The prime that Telegram uses; clients know it to be a good one.
PRIME = int(
    "C71CAEB9C6B1C9048E6C522F70F13F73980D40238E3E21C14934D037563D930F48198A0AA7C14058229493D22530F4DB"
    "FA336F6E0AC925139543AED44CCE7C3720FD51F69458705AC68CD4FE6B6B13ABDC9746512969328454F18FAF8C595F64"
    "2477FE96BB2A941D5BCD1D4AC8CC49880708FA9B378E3C4F3A9060BEE67CF9A4A4A695811051907E162753B56B0F6B41"
    "0DBA74D8A84B2A14B3144E0EF1284754FD17ED950D5965B4B9DD46582DB1178D169C6BC465B0D6FF9CA3928FEF5B9AE4"
    "E418FC15E83EBEA0F87FA9FF5EED70050DED2849F47BF959D956850CE929851F0D8115F635B105EE2E4E15D04B2454BF"
    "6F4FADF034B10403119CD8E3B92FCC5B",
    16,
)
BASE = 3


def padded(number: int) -> bytes:
    return number.to_bytes(256, "big")


def digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


@dataclass
class PasswordCheck:
    """One question and its answer: `asked` goes to the client, `is_proved_by` judges what comes back."""

    password: str
    hint: str
    salts: tuple[bytes, bytes] = field(default_factory=lambda: (os.urandom(8), os.urandom(16)))
    secret: int = field(default_factory=lambda: int.from_bytes(os.urandom(64), "big"))

    @cached_property
    def _verifier(self) -> int:
        first, second = self.salts
        inner = digest(second, digest(first, self.password.encode(), first), second)
        slow = hashlib.pbkdf2_hmac("sha512", inner, first, 100_000)
        return pow(BASE, int.from_bytes(digest(second, slow, second), "big"), PRIME)

    @cached_property
    def _public(self) -> int:
        factor = int.from_bytes(digest(padded(PRIME), padded(BASE)), "big")
        return (factor * self._verifier + pow(BASE, self.secret, PRIME)) % PRIME

    def asked(self) -> Password:
        """What ``account.getPassword`` answers."""
        algorithm = PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow(
            salt1=self.salts[0], salt2=self.salts[1], g=BASE, p=padded(PRIME)
        )
        return Password(
            new_algo=algorithm,
            new_secure_algo=SecurePasswordKdfAlgoUnknown(),
            secure_random=b"",
            has_password=True,
            current_algo=algorithm,
            srp_B=padded(self._public),
            srp_id=1,
            hint=self.hint,
        )

    def is_proved_by(self, given: Any) -> bool:
        """Whether `given` could only be made by somebody who knows the password."""
        assert isinstance(given, InputCheckPasswordSRP)
        scrambled = int.from_bytes(digest(given.A, padded(self._public)), "big")
        base = int.from_bytes(given.A, "big") * pow(self._verifier, scrambled, PRIME) % PRIME
        key = digest(padded(pow(base, self.secret, PRIME)))
        mixed = bytes(a ^ b for a, b in zip(digest(padded(PRIME)), digest(padded(BASE)), strict=True))
        salted = digest(self.salts[0]), digest(self.salts[1])
        return digest(mixed, *salted, given.A, padded(self._public), key) == bytes(given.M1)
