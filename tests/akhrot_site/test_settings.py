"""The settings as other processes read them, from the environment that the test gives."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from akhrot_site import environment

ROOT = Path(__file__).resolve().parents[2]
SHOW = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""
Show = Callable[..., Any]


def python(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    fixed = {"AKHROT_DATA_DIR": str(folder / "data"), "DJANGO_SETTINGS_MODULE": "akhrot_site.settings"}
    command, variables = [sys.executable, *arguments], kept | fixed | variables
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def show(tmp_path: Path) -> Show:
    """``show("DEBUG", PORT="81")`` answers settings by name, as that environment makes them."""

    def show(*names: str, **variables: str) -> Any:
        done = python(tmp_path, "-c", SHOW, *names, **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return show


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("PORT", "80000"),
        ("AKHROT_BASE_URL", "akhrot.example"),
        ("AKHROT_BASE_URL", "https://akhrot.example/under/a/path"),
        ("AKHROT_BASE_URL", "https://akhrot.example:99999"),
        ("AKHROT_BASE_URL", "https://akhrot.example:"),
        ("AKHROT_BASE_URL", "https://akhrot .example"),
        ("AKHROT_BASE_URL", "https://:@akhrot.example"),
        ("AKHROT_RATE_LIMIT", "600"),
        ("AKHROT_RATE_LIMIT", "0/60"),
        ("AKHROT_SIGNUP", "everyone"),
        ("AKHROT_LEDGER_DAYS", "-1"),
        ("AKHROT_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("AKHROT_RETURN_ORIGINS", "https://a.example, b.example"),
        ("AKHROT_ALLOW_PRIVATE_HOSTS", "http://id.internal"),
        ("AKHROT_ALLOW_PRIVATE_HOSTS", "id.internal:8080"),
        ("AKHROT_ALLOW_PRIVATE_HOSTS", "10.0.0.1 10.0.0.2"),
        ("AKHROT_CATALOG_DIR", "/nowhere/at/all"),
        ("AKHROT_TELEGRAM_DC", "2 149.154.167.40"),
        ("DATABASE_URL", "mysql://user:hunter2@localhost/akhrot"),
        ("DATABASE_URL", "postgres://"),
        ("REDIS_URL", "http://localhost:6379"),
        ("REDIS_URL", "redis://localhost:redis/0"),
        ("REDIS_URL", "redis://localhost:6379/akhrot"),
        ("EMAIL_URL", "mail.example"),
        ("EMAIL_URL", "smtp+tls://"),
    ],
)
def test_a_bad_variable_stops_the_start_by_its_name(tmp_path: Path, name: str, value: str):
    done = python(tmp_path, "-c", SHOW, "DEBUG", **{name: value})
    assert done.returncode != 0
    assert f"ImproperlyConfigured: {name}: " in done.stderr
    assert "hunter2" not in done.stderr.rpartition("ImproperlyConfigured")[2]


def test_a_command_says_in_one_line_which_variable_is_wrong(tmp_path: Path):
    done = python(tmp_path, "manage.py", "up", PORT="80000")
    assert done.returncode == 1
    assert done.stderr == "ImproperlyConfigured: PORT: must be a whole number from 1 to 65535, not '80000'.\n"
    assert "Traceback" in python(tmp_path, "manage.py", "up", "--traceback", PORT="80000").stderr


def test_an_empty_variable_counts_as_unset(show: Show):
    answer = show("DEBUG", "AKHROT_RATE_LIMIT", "AKHROT_SIGNUP", DEBUG="", AKHROT_RATE_LIMIT="", AKHROT_SIGNUP="")
    assert answer == {"DEBUG": False, "AKHROT_RATE_LIMIT": [600, 60], "AKHROT_SIGNUP": "closed"}


def test_the_base_urls_scheme_decides_what_is_secure(show: Show):
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS")
    assert set(show(*names).values()) == {False}
    assert set(show(*names, AKHROT_BASE_URL="https://akhrot.example").values()) == {True, 31_536_000}


def test_hosts_come_from_the_base_url(show: Show):
    local = show("AKHROT_BASE_URL", "ALLOWED_HOSTS", PORT="8123")
    assert local["AKHROT_BASE_URL"] == "http://127.0.0.1:8123"
    assert "localhost" in local["ALLOWED_HOSTS"]
    assert show("ALLOWED_HOSTS", AKHROT_BASE_URL="https://Akhrot.Example:8443") == {"ALLOWED_HOSTS": ["akhrot.example"]}


def test_no_host_beside_it_can_plant_a_cookie_where_there_is_https(show: Show):
    names = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME")
    assert set(show(*names, AKHROT_BASE_URL="https://akhrot.example").values()) == {
        "__Host-akhrot_session",
        "__Host-akhrot_csrf",
    }
    assert set(show(*names, AKHROT_BASE_URL="http://127.0.0.1:8000").values()) == {"akhrot_session", "akhrot_csrf"}


def test_whatever_is_meant_is_taken(show: Show):
    """What the checks of a variable must let through."""
    good = {
        "AKHROT_BASE_URL": "https://[::1]:8443/",
        "AKHROT_RETURN_ORIGINS": "https://münchen.example, http://my_app:3000",
        "AKHROT_ALLOW_PRIVATE_HOSTS": "ID.internal, my_host, 127.0.0.1, fd00::1, 10.0.0.1/8",
        "REDIS_URL": "rediss://:p%2Fw@localhost/",
        "EMAIL_URL": "smtp+ssl://mail.example",
    }
    shown = show("AKHROT_BASE_URL", "AKHROT_ALLOW_PRIVATE_HOSTS", "EMAIL_HOST", **good)
    assert shown == {
        "AKHROT_BASE_URL": "https://[::1]:8443",
        "AKHROT_ALLOW_PRIVATE_HOSTS": ["id.internal", "my_host", "127.0.0.1", "fd00::1", "10.0.0.1/8"],
        "EMAIL_HOST": "mail.example",
    }
    assert show("REDIS_URL", REDIS_URL="unix:///run/redis.sock?db=3")


def test_debugging_is_refused_behind_https(tmp_path: Path):
    done = python(tmp_path, "-c", SHOW, "DEBUG", DEBUG="1", AKHROT_BASE_URL="https://akhrot.example")
    assert "ImproperlyConfigured: DEBUG: " in done.stderr


def test_postgresql_gets_a_pool_and_the_url_has_the_last_word(show: Show):
    url = "postgres://u:p@localhost/akhrot"
    options = show("DATABASES", DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
    assert options["pool"]["max_size"] == 8
    assert options["server_side_binding"] is True
    pooler = show("DATABASES", DATABASE_URL=f"{url}?server_side_binding=False&prepare_threshold=None")
    options = pooler["DATABASES"]["default"]["OPTIONS"]
    assert (options["server_side_binding"], options["prepare_threshold"]) == (False, None)


def test_redis_serves_queue_and_cache_when_it_is_there(show: Show):
    assert show("CELERY_BROKER_URL")["CELERY_BROKER_URL"].startswith("filesystem:")
    answer = show("CELERY_BROKER_URL", "CACHES", REDIS_URL="redis://localhost:6379/3")
    assert answer["CELERY_BROKER_URL"] == "redis://localhost:6379/3"
    assert answer["CACHES"]["default"]["LOCATION"] == "redis://localhost:6379/3"


def test_the_data_folder_and_the_secret_key_are_for_their_owner_alone(tmp_path: Path, show: Show):
    first = show("SECRET_KEY")["SECRET_KEY"]
    assert len(first) >= 50
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600
    assert show("SECRET_KEY")["SECRET_KEY"] == first
    assert show("SECRET_KEY", SECRET_KEY="s" * 60)["SECRET_KEY"] == "s" * 60


def test_processes_that_start_at_once_agree_on_one_secret_key(tmp_path: Path):
    with ThreadPoolExecutor(16) as starts:
        keys = list(starts.map(lambda _: environment.secret_key(tmp_path / "secret_key"), range(16)))
    assert len(set(keys)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]
