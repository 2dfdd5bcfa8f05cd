"""Starts the server: ``python -m tests.oauth_server --data DIR``; prints READY and its URL once it accepts."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Migrate, make the application and the users, and serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", required=True)
    parser.add_argument("--redirect-uri", action="append", default=[])
    parser.add_argument("--token-lifetime", type=int, default=3600)
    parser.add_argument("--no-iss", action="store_true")
    options = parser.parse_args()
    Path(options.data).mkdir(parents=True, exist_ok=True)
    os.environ["OAUTH_SERVER_DATA"] = options.data
    os.environ["OAUTH_SERVER_TOKEN_LIFETIME"] = str(options.token_lifetime)
    os.environ["OAUTH_SERVER_ISS"] = "0" if options.no_iss else "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.oauth_server.settings"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    _prepare(options.redirect_uri)
    _serve(options.port)


def _prepare(redirect_uris: list[str]) -> None:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", run_syncdb=True, verbosity=0)
    for name in ("ada", "bob"):
        if not User.objects.filter(username=f"{name}@example.test").exists():
            User.objects.create_user(f"{name}@example.test", f"{name}@example.test", f"{name}-password")
    application, _ = Application.objects.get_or_create(
        client_id="akhrot-test",
        defaults={
            "name": "Akhrot",
            "client_secret": "akhrot-test-secret",
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "algorithm": Application.RS256_ALGORITHM,
        },
    )
    # A folder may be started from again with other addresses; those it knew stay.
    application.redirect_uris = " ".join(sorted({*application.redirect_uris.split(), *redirect_uris}))
    application.save(update_fields=["redirect_uris"])


def _serve(port: int) -> None:
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        def get_environ(self) -> dict[str, Any]:
            # A fault may hold or drop the connection itself, which no HttpResponse can.
            return {**super().get_environ(), "oauth_server.connection": self.connection}

        def log_message(self, format: str, *args: object) -> None:
            return

    class Server(ThreadedWSGIServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            return

    with Server(("127.0.0.1", port), Quiet) as server:
        server.set_app(WSGIHandler())
        print(f"READY http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
