"""No line leaves with a credential in it, whoever wrote it."""

import io
import json
import logging
import secrets
import time
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import structlog
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter

from akhrot_site import logs
from akhrot_site.logs import redact_text, redact_value


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("key akhrot_Ab3dE6gH_abcdefghij0123456789 was used", "key akhrot_Ab3dE6gH_[redacted] was used"),
        ("Authorization: Bearer ya29.a0-b_c", "Authorization: Bearer [redacted]"),
        ("authorization: basic dXNlcjpwYXNz==", "authorization: basic [redacted]"),
        ("GET /oauth/callback/google?code=4/0Ab&state=xyz", "GET /oauth/callback/google?[redacted]"),
        ("GET /oauth/callback/google/?code=4/0Ab&state=xyz", "GET /oauth/callback/google/?[redacted]"),
        ("body code=4%2F0Ab&grant_type=x", "body code=[redacted]&grant_type=x"),
        ("refresh_token=1//09&client_secret=GOCSPX-1", "refresh_token=[redacted]&client_secret=[redacted]"),
        ("Not Found: /owner/owner:1xVm6m:i7kcOCYVs7", "Not Found: /owner/[redacted]"),
        ("/accounts/password/reset/key/1-set-password/", "/accounts/password/reset/key/[redacted]/"),
        ("redis://:hunter2@localhost:6379/0", "redis://:[redacted]@localhost:6379/0"),
        ("postgres://akhrot:hunter2@db/akhrot", "postgres://akhrot:[redacted]@db/akhrot"),
        ("status_code=200 and plain words", "status_code=200 and plain words"),
    ],
)
def test_text_keeps_all_but_the_secret(text: str, left: str):
    assert redact_text(text) == left


def test_text_that_no_pattern_is_tried_on_holds_nothing_to_cut():
    openings = (
        "akhrot_Ab3",
        "Bearer",
        "basic",
        "code",
        "x_token",
        "/oauth/callback/x",
        "/owner",
        "postgres://ada",
        "x",
    )
    between = (*filter(str.isspace, map(chr, range(0x3001))), "_", "=", "/", "?", ":", "@", "-")
    cuts = 0
    for text in map("".join, product(openings, between, ("Ab3", "Ab3@db"))):
        cut = text
        for pattern, replacement in logs.PATTERNS:
            cut = pattern.sub(replacement, cut)
        assert redact_text(text) == cut
        cuts += cut != text
    assert cuts > len(logs.PATTERNS)


def test_values_under_telling_names_are_cut_wherever_they_stand():
    event = {
        "code": "4/0AbCd",
        "accessToken": "ya29",
        "refresh_token": "1//09",
        "headers": {"Authorization": "x", "Accept": "json"},
        "list": [{"password": "p"}, "Bearer abc"],
        "tokenId": "tok_1",
    }
    assert redact_value(event) == {
        "code": "[redacted]",
        "accessToken": "[redacted]",
        "refresh_token": "[redacted]",
        "headers": {"Authorization": "[redacted]", "Accept": "json"},
        "list": [{"password": "[redacted]"}, "Bearer [redacted]"],
        "tokenId": "tok_1",
    }
    assert redact_value(200, "code") == 200


@pytest.fixture
def lines() -> Iterator[Any]:
    """Calls it to get what was logged so far, line by line, as the site writes it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    config = logs.configure(debug=False)["formatters"]["line"]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(**{name: config[name] for name in ("processors", "foreign_pre_chain")})
    )
    logging.getLogger().addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().removeHandler(handler)


def test_a_request_is_one_line_with_its_route_and_number(db: None, lines: Any):
    answer = Client().get("/oauth/callback/google?code=SECRETCODE&state=SECRETSTATE")
    (line,) = [line for line in lines() if line["event"] == "request_finished"]
    assert line["request"].startswith("GET /^oauth/callback/")
    assert line["request_id"] == answer["Request-Id"]
    assert line["address"] == "127.0.0.1"
    assert "SECRET" not in json.dumps(lines())


def test_the_owners_link_is_in_no_line(db: None, lines: Any):
    Client().get("/owner/owner:1xVm6m:SECRET")
    Client().get("/owner/owner:1xVm6m:SECRET/more")
    assert len(lines()) == 2
    assert "SECRET" not in json.dumps(lines())


@pytest.mark.parametrize(
    "piece", ["a", "token", "/oauth/callback/", "/owner", "akhrot_", "a://", "code=", "Bearer ", ":x@"]
)
def test_no_stranger_can_keep_the_server_busy_with_looking_for_credentials(db: None, lines: Any, piece: str):
    # As long as the server takes a path, and as a header may be.
    endless = piece * (60_000 // len(piece))
    began = time.perf_counter()
    Client().get(f"/nowhere/{endless}")
    Client().get("/app/", headers={"host": endless})
    assert time.perf_counter() - began < 5
    assert [line["event"] for line in lines()].count("request_finished") == 2


def test_health_checks_are_silent(db: None, lines: Any):
    Client().get("/healthz")
    assert lines() == []


def test_a_file_of_a_page_is_silent_unless_it_is_missing(db: None, lines: Any):
    found = Client().get("/static/app.css")
    assert (found.status_code, b"".join(found) != b"") == (200, True)
    assert lines() == []
    Client().get("/static/nothing.css")
    assert [line["code"] for line in lines()] == [404]


# Made at run time: a traceback shows the lines of this file.
SECRET = secrets.token_hex(16)


def test_a_traceback_comes_without_variables_and_without_credentials(lines: Any):
    def fail(hidden: str) -> None:
        raise RuntimeError(f"GET https://api.example/?access_token={SECRET} refused, {len(hidden)}")

    try:
        fail(SECRET)
    except RuntimeError:
        structlog.get_logger("test").exception("failed")
        logging.getLogger("test").exception("failed with Bearer %s", SECRET)
    assert len(lines()) == 2
    assert all("RuntimeError" in line["exception"] for line in lines())
    assert SECRET not in json.dumps(lines())


def test_a_report_of_an_error_shows_neither_the_request_nor_variables():
    request = RequestFactory().post("/x", {"field": SECRET}, headers={"Authorization": f"Bearer {SECRET}"})
    try:
        hidden = request.POST["field"] + "-local"
        raise ValueError(len(hidden))
    except ValueError as error:
        report = ExceptionReporter(request, type(error), error, error.__traceback__)
    page = report.get_traceback_html() + report.get_traceback_text()
    assert SECRET not in page
    assert django_settings.SECRET_KEY not in page
