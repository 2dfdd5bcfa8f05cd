from __future__ import annotations

import os
import shutil
import socket
import stat
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from akhrot_site import owner
from connections.refreshing import keeping
from providers import registry
from providers.models import Provider, check_canary
from providers.sealed import ensure_keyring


class Command(BaseCommand):
    help = "Prepares the data folder and the database, then runs the web server and the worker."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--workers", type=int, default=settings.AKHROT_WEB_PROCESSES, help="web processes (default 1)"
        )

    def handle(self, *args: Any, workers: int, **options: Any) -> None:
        os.umask(0o077)
        self.refuse_busy_port()
        self.refuse_broken_files()
        self.close_data_folder()
        ensure_keyring()
        self.migrate()
        Provider.objects.make_missing()
        check_canary()
        keeping.replay(older_than=0)
        announcement = self.announcement()
        connections.close_all()
        self.become_supervisor(workers, announcement)

    def refuse_busy_port(self) -> None:
        try:
            family, kind, _, _, address = socket.getaddrinfo(
                settings.HOST, settings.PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            with socket.socket(family, kind) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
        except OSError as error:
            place = f"{settings.HOST}:{settings.PORT}"
            raise CommandError(f"cannot listen on {place}: {error.strerror}. Set PORT or HOST.") from error

    def refuse_broken_files(self) -> None:
        try:
            registry.catalogue()
        except registry.BadProviderFile as faults:
            raise CommandError(f"a provider file cannot be used.\n{faults}") from None

    def close_data_folder(self) -> None:
        """The folder holds the keyring: nobody but its owner may look inside."""
        folder = settings.AKHROT_DATA_DIR
        if folder.stat().st_uid == os.getuid() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)

    def migrate(self) -> None:
        with connection.cursor() as cursor:
            # Several machines may start at once. The lock goes with the session if this one dies.
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_lock(%s)", [owner.ADVISORY_LOCK])
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                call_command("migrate", interactive=False, verbosity=0)
                self.stderr.write("Database prepared")
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_advisory_unlock(%s)", [owner.ADVISORY_LOCK])

    def announcement(self) -> str:
        lines = [f"Akhrot is ready at {settings.AKHROT_BASE_URL}"]
        if not owner.owner_exists():
            lines.append(f"Create the owner's account here, within 24 hours: {owner.link()}")
        return "\n".join(lines)

    def empty_metrics_folder(self) -> Path:
        """Where web processes and worker keep their counts, so that `/metrics` shows the sum and not those of one."""
        folder = Path(settings.AKHROT_DATA_DIR, "metrics")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        return folder

    def become_supervisor(self, workers: int, announcement: str) -> None:
        environment = os.environ | {
            "AKHROT_ANNOUNCEMENT": announcement,
            "AKHROT_WEB_PROCESSES": str(workers),
            "AKHROT_WEB_THREADS": str(settings.AKHROT_WEB_THREADS),
            "HOST": settings.HOST,
            "PORT": str(settings.PORT),
            "DJANGO_SETTINGS_MODULE": "akhrot_site.settings",
            "PROMETHEUS_MULTIPROC_DIR": str(self.empty_metrics_folder()),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(settings.BASE_DIR), os.environ.get("PYTHONPATH")])),
            # Many threads, each with an arena of its own, would hold memory that none of them uses.
            "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX", "2"),
        }
        if connection.vendor == "postgresql":
            # A statement that hangs must not hang its thread; migrations, which may take long, are over by now.
            environment.setdefault("PGOPTIONS", "-c statement_timeout=20s -c lock_timeout=10s")
        self.stderr.flush()
        os.execve(sys.executable, [sys.executable, "-m", "akhrot_site.supervisor"], environment)  # noqa: S606
