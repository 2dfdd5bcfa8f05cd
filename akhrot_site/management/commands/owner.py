from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from akhrot_site import owner


class Command(BaseCommand):
    help = "Makes the first account, or prints the link that lets somebody make it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--link", action="store_true", help="print a one-time link, good for 24 hours")
        parser.add_argument("--email", help="the owner's address")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *args: Any, link: bool, email: str | None, password_stdin: bool, **options: Any) -> None:
        if owner.owner_exists():
            raise CommandError("this instance has its owner")
        if link:
            self.stdout.write(owner.link())
        elif email and password_stdin:
            self.make(email, sys.stdin.read().rstrip("\r\n"))
        else:
            raise CommandError("give --link, or --email and --password-stdin")

    def make(self, email: str, password: str) -> None:
        form = owner.OwnerForm({"email": email, "password": password, "password_again": password})
        if not form.is_valid():
            faults = [f"{field}: {message}" for field, messages in form.errors.items() for message in messages]
            raise CommandError(" ".join(faults))
        try:
            owner.make_owner(form.cleaned_data["email"], form.cleaned_data["password"])
        except owner.OwnerExists as error:
            raise CommandError("this instance has its owner") from error
        self.stderr.write(f"Made the owner {form.cleaned_data['email']}")
