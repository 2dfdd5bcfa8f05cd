"""Provider files by the thousand, for tests and measurements of a large catalogue."""

from pathlib import Path

MORE = 1000
HEAD = """
code = "{code}"
name = "Walnut {number}"
category = "ai"
popularity = {popularity}
aliases = ["Pecan {number}"]
uses = "Nuts of kind {number}"
"""
PASTED = """
auth = "api_key"

[[fields]]
name = "apiKey"
label = "API key"
"""
SIGNED_IN = """
auth = "oauth2"
base_url = "https://api.{code}.example"

[oauth]
authorize_url = "https://{code}.example/authorize"
token_url = "https://{code}.example/token"
revoke_url = "https://{code}.example/revoke"
scopes = ["openid", "offline_access"]
authorize_params = {{ prompt = "consent" }}

[oauth.identity]
url = "https://api.{code}.example/me"
id = "sub"
label = "email"

[[services]]
code = "trees"
name = "Trees"
scopes = ["trees.read"]
examples = [{{ method = "GET", path = "/v1/trees", purpose = "List trees" }}]
"""


def write_files(folder: Path, number: int = MORE, *, auth: str = PASTED) -> None:
    """So many provider files, a few of them the most used of all. `auth` is how one connects to them."""
    for place in range(number):
        code = f"walnut-{place}"
        text = (HEAD + auth).format(code=code, number=place, popularity=200 if place < 5 else place % 50)
        (folder / f"{code}.toml").write_text(text)
