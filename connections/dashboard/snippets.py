"""Texts that make an agent know its key, ready to be copied: with the key itself while it is shown, later without it.

What Claude Code reads: https://code.claude.com/docs/en/skills. What Cursor reads: https://cursor.com/docs/rules.
"""

import json
from dataclasses import dataclass

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from providers.spec import ProviderSpec

VARIABLE = "AKHROT_KEY"
PURPOSE = "trying it out"
CLAUDE_CODE = _(
    "Makes the skill document of this Akhrot a skill of yours in every project. Start Claude Code from a shell that "
    "has the variable; put it into the shell's profile to keep it."
)
CURSOR = _(
    "Makes a rule of the project that you are in, which the agent reads when it needs a credential. The key stays in "
    "the environment and out of the rule, which others may read."
)


@dataclass(frozen=True)
class Snippet:
    """One text: its name among the others, and what it does or how to use it."""

    code: str
    title: str | Promise
    about: str | Promise
    text: str


def snippets(key: str = "", connected: ProviderSpec | None = None) -> list[Snippet]:
    """All of them, for this instance.

    Without `key` each takes it from the environment variable `VARIABLE`. With `connected`, a provider that the key may
    use, those that call the API fetch a credential of it as well.
    """
    provider = connected.code if connected else ""
    tried: str | Promise = _("Asks what is connected.")
    if connected:
        tried = _("Asks what is connected, and fetches a credential of %(name)s.") % {"name": connected.name}
    return [
        Snippet("curl", "curl", tried, _curl(key, provider)),
        Snippet("python", "Python", _("Needs nothing but Python 3. Save it as akhrot.py."), _python(key, provider)),
        Snippet("javascript", "JavaScript", _("For Node 18 or newer. Save it as akhrot.mjs."), _node(key, provider)),
        Snippet("claude-code", "Claude Code", CLAUDE_CODE, _claude_code(key)),
        Snippet("cursor", "Cursor", CURSOR, _cursor(key)),
        Snippet("agent", _("Any agent"), _("Say this to an agent that can make HTTP requests."), _prompt(key)),
    ]


def _fetch_body(provider: str) -> str:
    return json.dumps({"provider": provider, "purpose": PURPOSE})


def _curl(key: str, provider: str) -> str:
    shown = key or f"${VARIABLE}"
    lines = [f'curl -sS -H "Authorization: Bearer {shown}" "{settings.AKHROT_BASE_URL}/ai/context/summary"']
    if provider:
        lines += [
            f'curl -sS -H "Authorization: Bearer {shown}" -H "Content-Type: application/json" \\',
            f"  -d '{_fetch_body(provider)}' \"{settings.AKHROT_BASE_URL}/tokens/fetch\"",
        ]
    return "\n".join(lines)


PYTHON = """\
import json
{imports}import urllib.error
import urllib.request

AKHROT = "{base}"
KEY = {key}


def ask(path, body=None):
    headers = {{"Authorization": f"Bearer {{KEY}}", "Content-Type": "application/json"}}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(AKHROT + path, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["data"]
    except urllib.error.HTTPError as refusal:
        raise SystemExit(json.load(refusal)["error"]["message"]) from None


print(ask("/ai/context/summary"))
"""
PYTHON_FETCH = """\
credential = ask("/tokens/fetch", {body})
print("Got a credential for", credential["account"])
"""


def _python(key: str, provider: str) -> str:
    text = PYTHON.format(
        imports="" if key else "import os\n",
        base=settings.AKHROT_BASE_URL,
        key=f'"{key}"' if key else f'os.environ["{VARIABLE}"]',
    )
    return text + (PYTHON_FETCH.format(body=_fetch_body(provider)) if provider else "")


NODE = """\
const AKHROT = "{base}";
const KEY = {key};

async function ask(path, body) {{
  const answer = await fetch(AKHROT + path, {{
    method: body ? "POST" : "GET",
    headers: {{ Authorization: `Bearer ${{KEY}}`, "Content-Type": "application/json" }},
    body: body && JSON.stringify(body),
  }});
  const {{ data, error }} = await answer.json();
  if (error) throw new Error(error.message);
  return data;
}}

console.log(await ask("/ai/context/summary"));
"""
NODE_FETCH = """\
const credential = await ask("/tokens/fetch", {body});
console.log("Got a credential for", credential.account);
"""


def _node(key: str, provider: str) -> str:
    text = NODE.format(base=settings.AKHROT_BASE_URL, key=f'"{key}"' if key else f"process.env.{VARIABLE}")
    return text + (NODE_FETCH.format(body=_fetch_body(provider)) if provider else "")


def _export(key: str) -> str:
    return f"export {VARIABLE}={key}\n" if key else ""


def _claude_code(key: str) -> str:
    return f"""\
mkdir -p ~/.claude/skills/akhrot
curl -fsS "{settings.AKHROT_BASE_URL}/ai/skill" -o ~/.claude/skills/akhrot/SKILL.md
cat >> ~/.claude/skills/akhrot/SKILL.md <<'END'

## Your key

It is in the environment variable {VARIABLE}: send "Authorization: Bearer ${VARIABLE}", and never print it.
END
{_export(key)}"""


def _cursor(key: str) -> str:
    base = settings.AKHROT_BASE_URL
    return f"""\
mkdir -p .cursor/rules
cat > .cursor/rules/akhrot.mdc <<'END'
---
description: Get working tokens and API keys of the user's accounts (Gmail, GitHub, Slack, OpenAI and more) from Akhrot
alwaysApply: false
---
Akhrot hands out credentials of the user's accounts. How, says its skill document; read it first:

    curl -fsS "{base}/ai/skill"

Your key is in the environment variable {VARIABLE}. Never print it, and write it into no file. What is connected:

    curl -sS -H "Authorization: Bearer ${VARIABLE}" "{base}/ai/context/summary"
END
{_export(key)}"""


def _prompt(key: str) -> str:
    held = f"Your key is {key}: keep it to yourself." if key else f"Your key is in the environment variable {VARIABLE}."
    return f"Read {settings.AKHROT_BASE_URL}/ai/skill to learn how to use my accounts through Akhrot. {held}"
