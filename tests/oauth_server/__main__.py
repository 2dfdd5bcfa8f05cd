"""Starts the server: ``python -m tests.oauth_server --data DIR``; prints READY and its URL once it accepts."""

import argparse
import os
import signal


def main() -> None:
    """Migrate, make the application and the users, and serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", required=True)
    parser.add_argument("--redirect-uri", action="append", default=[])
    parser.add_argument("--token-lifetime", type=int, default=3600)
    parser.add_argument("--no-iss", action="store_true")
    options = parser.parse_args()
    os.environ["OAUTH_SERVER_DATA"] = options.data
    os.environ["OAUTH_SERVER_TOKEN_LIFETIME"] = str(options.token_lifetime)
    os.environ["OAUTH_SERVER_ISS"] = "0" if options.no_iss else "1"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.oauth_server.settings"
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    _prepare(options.redirect_uri)
    _serve(options.port)


def _prepare(redirect_uris: list[str]) -> None:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    for name in ("ada", "bob"):
        if not User.objects.filter(username=f"{name}@example.test").exists():
            User.objects.create_user(f"{name}@example.test", f"{name}@example.test", f"{name}-password")
    Application.objects.get_or_create(
        client_id="akhrot-test",
        defaults={
            "name": "Akhrot",
            "client_secret": "akhrot-test-secret",
            "client_type": Application.CLIENT_CONFIDENTIAL,
            "authorization_grant_type": Application.GRANT_AUTHORIZATION_CODE,
            "redirect_uris": " ".join(redirect_uris),
        },
    )


def _serve(port: int) -> None:
    from django.core.handlers.wsgi import WSGIHandler
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

    class Quiet(WSGIRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            return

    class Server(ThreadedWSGIServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            return

    server = Server(("127.0.0.1", port), Quiet)
    server.set_app(WSGIHandler())
    print(f"READY http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
