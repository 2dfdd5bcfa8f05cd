"""Seeds of second factors in the database: sealed, opened for a sign-in, carried along when keys rotate."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from akhrot_site.models import FactorKey
from providers.keyring import add_key, ensure_keyring, forget_keyring, keyring, keyring_path
from tests.akhrot_site.test_accounts import code, try_to
from tests.conftest import PASSWORD
from tests.providers.test_keyring import folder as folder


def as_stored(kind: str) -> Any:
    """What the database holds, read past every field."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT data FROM mfa_authenticator WHERE type = %s", [kind])
        (data,) = cursor.fetchone()
    return json.loads(data) if isinstance(data, str) else data


def sign_in(user: User, answer: str) -> str:
    client = Client()
    try_to(user, client=client)
    return str(client.post("/accounts/2fa/authenticate/", {"code": answer}).get("Location"))


@pytest.fixture
def secret(user: User) -> str:
    """The seed of an app that Ada set up on the page."""
    client = Client()
    try_to(user, client=client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    seed = str(page.context["form"].secret)
    assert client.post("/accounts/2fa/totp/activate/", {"code": code(seed)}).status_code == 302
    return seed


def test_seeds_are_sealed_in_the_database_and_open_for_a_sign_in(user: User, secret: str):
    recovery = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    spare = recovery.get_unused_codes()[0]
    assert as_stored("totp")["secret"].startswith("sealed:")
    assert as_stored("recovery_codes")["seed"].startswith("sealed:")
    assert secret not in str(as_stored("totp"))
    assert sign_in(user, code(secret)) == "/app/"
    assert sign_in(user, spare) == "/app/"
    assert FactorKey.objects.count() == 1


def test_seeds_open_after_the_keys_were_rotated_and_the_old_one_is_gone(folder: Any, db: None, user: User):
    ensure_keyring()
    recovery = RecoveryCodes.activate(user)
    codes = recovery.get_unused_codes()
    add_key()
    forget_keyring()
    call_command("keyring", "rotate")
    keyring_path().write_text(keyring_path().read_text().split()[0] + "\n")
    forget_keyring()
    assert len(keyring().keys) == 1
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes() == codes


@pytest.fixture
def migrate(transactional_db: None) -> Iterator[Any]:
    """``migrate("0003_factor_key")`` takes the site's tables there; without a name all of them to the newest."""

    def migrate(name: str = "") -> None:
        executor = MigrationExecutor(connection)
        executor.migrate([("akhrot_site", name)] if name else executor.loader.graph.leaf_nodes())

    yield migrate
    migrate()


def test_seeds_from_before_are_sealed_by_the_migration(migrate: Any, user: User):
    seed, spare = generate_totp_secret(), "0123456789abcdef" * 5
    Authenticator.objects.create(user=user, type="totp", data={"secret": seed})
    Authenticator.objects.create(user=user, type="recovery_codes", data={"seed": spare, "used_mask": 5})
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).generate_codes()
    migrate("0003_factor_key")
    migrate()
    assert seed not in str(as_stored("totp"))
    assert spare not in str(as_stored("recovery_codes"))
    after = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert (after.generate_codes(), after.instance.data["used_mask"]) == (codes, 5)
    assert sign_in(user, code(seed)) == "/app/"
