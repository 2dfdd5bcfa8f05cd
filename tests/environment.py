"""What the tests run with, set before Django reads its settings: a data folder of their own, nothing inherited."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

BASE_URL = "http://127.0.0.1:8000"
OUR_NAMES = ("SECRET_KEY", "DEBUG", "PORT", "HOST", "REDIS_URL", "EMAIL_URL")


def prepare() -> Path:
    """Set the environment of this process (with xdist of each worker) and answer its data folder.

    Only the database may be chosen from outside, by TEST_DATABASE_URL or DATABASE_URL: pytest-django makes a database
    of its own beside the one that is named. By default it is SQLite in the data folder.
    """
    if "akhrot_site.settings" in sys.modules:
        raise pytest.UsageError("unset DJANGO_SETTINGS_MODULE: the settings must not be read before the tests' own")
    folder = Path(tempfile.mkdtemp(prefix="akhrot-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in [name for name in os.environ if name.startswith("AKHROT_") or name in OUR_NAMES]:
        del os.environ[name]
    os.environ |= {
        "AKHROT_ALLOW_PRIVATE_HOSTS": "127.0.0.1",
        "AKHROT_BASE_URL": BASE_URL,
        "AKHROT_DATA_DIR": str(folder),
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL") or os.environ.get("DATABASE_URL", ""),
        "DJANGO_SETTINGS_MODULE": "akhrot_site.settings",
        "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
    }
    return folder
