import time
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from providers import reseal
from providers.keyring import LOOK_EVERY, add_key, keyring
from providers.models import check_canary

PASSES = 5
MARGIN = 0.5


class Command(BaseCommand):
    help = "Shows which key seals what, and seals everything anew under the first key while the service runs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        commands = parser.add_subparsers(dest="action", required=True)
        commands.add_parser("status", help="keys, and how many values are sealed under each")
        rotate = commands.add_parser("rotate", help="seal everything anew under the first key")
        rotate.add_argument("--batch", type=batch_size, default=200, help="rows for each transaction (default 200)")
        rotate.add_argument("--new-key", action="store_true", help="put a new key first in the keyring file before")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            check_canary()
            self.status() if action == "status" else self.rotate(options["batch"], options["new_key"])
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from None

    def status(self) -> None:
        """One line for each column and key; then what the operator may do."""
        used: set[str] = set()
        for column in reseal.columns():
            counts = reseal.count_keys(column)
            used.update(counts)
            shown = ", ".join(f"{key_id}: {count}" for key_id, count in sorted(counts.items()))
            self.stdout.write(f"{column.name}  {shown or 'empty'}")
        for key_id in keyring().keys:
            self.stdout.write(f"key {key_id}  {self.role_of(key_id, used)}")
        for key_id in sorted(used - {*keyring().keys, reseal.NOT_SEALED}):
            self.stdout.write(f"key {key_id}  NOT LOADED: what is sealed under it does not open")
        self.stdout.write("canary  opens")

    def role_of(self, key_id: str, used: set[str]) -> str:
        """What a loaded key is for."""
        if key_id == keyring().primary:
            return "seals"
        return "opens what is sealed under it" if key_id in used else "unused: may be removed"

    def rotate(self, batch: int, new_key: bool) -> None:
        """Go over all columns until nothing is left. Rows that change meanwhile are met by a later pass."""
        if new_key:
            self.stdout.write(f"key {add_key()}  made, seals from now on")
            # By then every running process has looked at the file, and seals under the new key too.
            time.sleep(LOOK_EVERY + MARGIN)
        broken = sum(self.seal_column(column, batch) for column in reseal.columns())
        left = sum(reseal.waiting(column) for column in reseal.columns())
        if broken or left:
            raise CommandError(
                f"{left} values are not under the first key, {broken} of them do not open; see `keyring status`"
            )
        self.stdout.write("all values are under the first key")

    def seal_column(self, column: reseal.Column, batch: int) -> int:
        """Seal one column anew; answers how many of its values do not open."""
        broken = 0
        for _ in range(PASSES):
            total, tally = reseal.waiting(column), reseal.Tally()
            for tally in reseal.reseal(column, batch=batch):
                self.show(f"{column.name}  {tally.sealed} of {total}")
            if total and self.stdout.isatty():
                self.stdout.write("")
            broken = tally.broken
            if not tally.moved_on:
                break
        return broken

    def show(self, line: str) -> None:
        """A line for each batch; on a terminal they write over each other."""
        terminal = self.stdout.isatty()
        self.stdout.write(f"\r{line}" if terminal else line, ending="" if terminal else "\n")


def batch_size(text: str) -> int:
    """Rows for each transaction: from 1 to 10,000."""
    size = int(text)
    if not 1 <= size <= 10_000:
        raise ValueError
    return size
