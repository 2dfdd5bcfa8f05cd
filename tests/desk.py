"""Management commands for a running site, one after another in one process: to start one takes two seconds.

It reads a line of JSON for each, ``{"arguments": [...], "sent": "..."}``, and answers with one, ``{"said": "..."}`` or
``{"refused": "..."}``. What a command does to its process stays there: whoever changes provider files or keys meanwhile
starts a process for each command instead.
"""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class Desk:
    """The process, started when it is first asked."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None

    def ask(self, *arguments: str, sent: str = "") -> str:
        """Run a command; its standard output. Fails with what the command said if it is refused."""
        if self.process is None:
            command = [sys.executable, "-m", "tests.desk"]
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, **pipes)
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"arguments": arguments, "sent": sent}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, str] = json.loads(self.process.stdout.readline())
        assert "said" in answer, answer
        return answer["said"].strip()

    def close(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.communicate()
            self.process = None


def serve() -> None:
    """Answer what stands on standard input until it ends."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "akhrot_site.settings")
    import django
    from django.core.management import CommandError, call_command
    from django.db import connections

    django.setup()
    answers, asked = sys.stdout, sys.stdin
    for line in asked:
        order, said = json.loads(line), io.StringIO()
        sys.stdin = io.StringIO(order["sent"])
        try:
            with redirect_stdout(said):
                call_command(*order["arguments"])
            answer = {"said": said.getvalue()}
        except (CommandError, SystemExit) as refusal:
            answer = {"refused": str(refusal)}
        # A database that is restarted meanwhile is none of the next command's business.
        connections.close_all()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
