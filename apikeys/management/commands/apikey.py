import datetime as dt
import re
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from apikeys.ledger import Caller, record
from apikeys.management.users import find_user
from apikeys.models import ID_LENGTH, ApiKey

PROVIDER_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
KEY_ID = re.compile(rf"(?:akhrot_)?([0-9A-Za-z]{{{ID_LENGTH}}})(?:_.*)?")
HEADINGS = ("KEY", "NAME", "USER", "STATE", "EXPIRES", "LAST USED", "PROVIDERS")


class Command(BaseCommand):
    help = "Makes, lists and revokes the keys that agents hold."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="action", required=True)
        create = commands.add_parser("create", help="make a key and print it, alone; it is not shown again")
        create.add_argument("--user", required=True, metavar="E", help="whose key, by e-mail address")
        create.add_argument("--name", required=True, metavar="N", help="which agent will hold it")
        create.add_argument("--expires", type=days, metavar="DAYS", help="days until it ends (default: never)")
        create.add_argument("--providers", type=provider_codes, metavar="A,B", help="the only ones it may use")
        create.add_argument("--no-disconnect", action="store_true", help="it may not disconnect anything")
        listing = commands.add_parser("list", help="show the keys, without their secrets")
        listing.add_argument("--user", metavar="E", help="only those of this user")
        revoke = commands.add_parser("revoke", help="end a key now")
        revoke.add_argument("id", metavar="ID", help="the part after akhrot_")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        actions: dict[str, Callable[..., None]] = {
            "create": self.create,
            "list": self.list_keys,
            "revoke": self.revoke,
        }
        actions[action](**options)

    @transaction.atomic
    def create(
        self,
        *,
        user: str,
        name: str,
        expires: dt.timedelta | None,
        providers: list[str] | None,
        no_disconnect: bool,
        **_: Any,
    ) -> None:
        """Print the whole key, so that a script can take it from standard output."""
        owner = find_user(user)
        if not 1 <= len(name.strip()) <= 80:
            raise CommandError("--name: must have 1 to 80 characters")
        row, key = ApiKey.objects.issue(
            user=owner, name=name.strip(), expires_in=expires, providers=providers, may_disconnect=not no_disconnect
        )
        record(Caller(user=owner), "key.issue", detail=f"{row}, on the command line")
        self.stdout.write(key)

    def list_keys(self, *, user: str | None, **_: Any) -> None:
        """One line a key, its columns parted by tabs."""
        keys = ApiKey.objects.select_related("user").order_by("created_at")
        self.stdout.write("\t".join(HEADINGS))
        for key in keys.filter(user=find_user(user)) if user else keys:
            ends, used = moment(key.expires_at), moment(key.last_used_at)
            row = (
                f"akhrot_{key.pk}",
                key.name,
                key.user.email,
                key.state,
                ends,
                used,
                ",".join(key.providers) or "all",
            )
            self.stdout.write("\t".join(row))

    @transaction.atomic
    def revoke(self, *, id: str, **_: Any) -> None:
        """End a key by its id. A whole key will do as well; no answer repeats it."""
        known = KEY_ID.fullmatch(id)
        row = ApiKey.objects.select_related("user").filter(pk=known[1]).first() if known else None
        if row is None:
            raise CommandError("there is no such key; `apikey list` shows the ids")
        if not row.revoke():
            self.stderr.write(f"akhrot_{row.pk} was revoked before")
            return
        record(Caller(user=row.user), "key.revoke", detail=f"{row}, on the command line")
        self.stderr.write(f"revoked akhrot_{row.pk}")


def days(text: str) -> dt.timedelta:
    """A whole number of days, from one to a hundred years."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 36_500:
        raise ArgumentTypeError("must be a whole number of days, from 1 to 36500")
    return dt.timedelta(days=int(text))


def provider_codes(text: str) -> list[str]:
    """Codes parted by commas."""
    codes = [code.strip() for code in text.split(",") if code.strip()]
    if not codes or not all(PROVIDER_CODE.fullmatch(code) for code in codes):
        raise ArgumentTypeError("must be provider codes parted by commas, such as google,github")
    return codes


def moment(at: dt.datetime | None) -> str:
    """To the minute, in UTC."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%MZ}" if at else "never"
