"""Django's own checks, as ``make check`` runs them: for production, for migrations, for the OpenAPI document."""

import os
import subprocess
import sys
import tempfile

COMMANDS = (
    ("check", "--deploy", "--fail-level", "WARNING"),
    ("makemigrations", "--check", "--dry-run"),
    ("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull),
)


def main() -> int:
    """Run each; the exit status of the first that fails."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "AKHROT_DATA_DIR": folder,
            "AKHROT_BASE_URL": "https://akhrot.example",
            "SECRET_KEY": "checked-with-a-secret-key-that-is-long-enough-and-not-used-anywhere-else",
        }
        for command in COMMANDS:
            done = subprocess.run([sys.executable, "-W", "error", "manage.py", *command], env=environment, check=False)
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
