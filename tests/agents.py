"""An agent as the tests know it: a real key, and calls as agents make them."""

import json
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from apikeys.models import ApiKey


@dataclass(frozen=True)
class Key:
    """An API key: its row, and the whole text that its holder has."""

    row: ApiKey
    text: str


class Agent:
    """Calls the API through the whole middleware with a real key. Answers are Django's responses with `.json()`."""

    def __init__(self, key: Key) -> None:
        self.row = key.row
        self.key = key.text
        self.client = Client(headers={"Authorization": f"Bearer {key.text}"})

    @property
    def user(self) -> User:
        """Whose key it is."""
        return self.row.user

    def get(self, path: str, **headers: str) -> Any:
        """GET `path`."""
        return self.client.get(path, headers=headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """POST `body` as JSON; text and bytes go as they are, so that broken JSON can be sent."""
        data = body if isinstance(body, str | bytes) else json.dumps({} if body is None else body)
        return self.client.post(path, data, content_type="application/json", headers=headers)

    def delete(self, path: str, **headers: str) -> Any:
        """DELETE `path`."""
        return self.client.delete(path, headers=headers)
