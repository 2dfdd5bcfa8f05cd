"""What a provider answers can be stored, whatever signs are in it."""

import httpx
import pytest

from providers import registry
from providers.grants import grant_in, token_document
from providers.http import Answer


@pytest.mark.parametrize(
    "body",
    [
        rb'{"access_token": "a", "scope": "read\u0000 write\ud800"}',
        b"access_token=a&scope=read%00+write%3F",
        '{"access_token": "a", "scope": "read\\u0000 write?"}'.encode("utf-16"),
    ],
)
def test_no_text_of_a_grant_has_signs_that_no_database_keeps(body: bytes) -> None:
    oauth = registry.load(registry.SHIPPED)["google"].oauth
    assert oauth
    answer = Answer(200, httpx.Headers(), body)
    assert grant_in(oauth, token_document(oauth, answer, ())).scopes == ["read", "write?"]


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (rb'{"id\u0000": ["\u0000x", {"a": "\udc00"}]}', {"id": ["x", {"a": "?"}]}),
        (rb'["\ud83d\ude00", "\u00e9", 1, null, true]', ["😀", "é", 1, None, True]),
        (b'["\xed\xa0\x80"]', ["?"]),
        (b'{"path": "\\\\u0000"}', {"path": "\\u0000"}),
        (b"[" * 100_000, None),
    ],
)
def test_an_answer_is_otherwise_as_it_came(body: bytes, document: object) -> None:
    assert Answer(200, httpx.Headers(), body).json() == document
