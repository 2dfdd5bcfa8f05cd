"""Static files, compressed for those who take that."""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from akhrot_site.static_files import StaticFiles, twin

TEXT = b"/* walnuts */\n" * 500
Get = Callable[..., HttpResponse]


@pytest.fixture
def get(tmp_path: Path, settings: LazySettings) -> Iterator[Get]:
    """``get("a.css")`` asks for a file of a folder that holds one large text and one small."""
    settings.AKHROT_DATA_DIR = tmp_path / "data"
    settings.AKHROT_DATA_DIR.mkdir()
    folder = tmp_path / "static"
    folder.mkdir()
    (folder / "a.css").write_bytes(TEXT)
    (folder / "small.css").write_bytes(b"p {}")
    files = StaticFiles(lambda _: HttpResponse(status=404))
    files.add_files(str(folder), prefix="/there/")

    answers: list[HttpResponse] = []

    def get(name: str, **headers: str) -> HttpResponse:
        request: HttpRequest = RequestFactory().get(f"/there/{name}", headers=headers)
        answer: HttpResponse = files(request)
        answers.append(answer)
        return answer

    yield get
    for answer in answers:
        if file := getattr(answer, "file_to_stream", None):
            file.close()


def body(answer: HttpResponse) -> bytes:
    return b"".join(answer) if answer.streaming else answer.content


def test_who_takes_gzip_gets_it_and_the_others_the_same_text(get: Get) -> None:
    packed, plain = get("a.css", accept_encoding="br, gzip"), get("a.css")
    assert packed["Content-Encoding"] == "gzip"
    assert int(packed["Content-Length"]) < len(TEXT) / 10
    assert gzip.decompress(body(packed)) == TEXT
    assert body(plain) == TEXT
    assert "Content-Encoding" not in plain
    assert packed["Vary"] == plain["Vary"] == "Accept-Encoding"


def test_what_is_known_is_not_sent_again(get: Get) -> None:
    tag = get("a.css", accept_encoding="gzip")["ETag"]
    assert get("a.css", accept_encoding="gzip", if_none_match=tag).status_code == 304


def test_what_is_small_travels_as_it_is(get: Get) -> None:
    assert "Content-Encoding" not in get("small.css", accept_encoding="gzip")


def test_a_twin_is_never_out_of_date_and_leaves_no_old_one(tmp_path: Path, settings: LazySettings) -> None:
    settings.AKHROT_DATA_DIR = tmp_path
    file = tmp_path / "a.css"
    file.write_bytes(TEXT)
    first = twin(file)
    assert twin(file) == first
    file.write_bytes(b"q" * len(TEXT))
    os.utime(file, ns=(1, 1))
    assert gzip.decompress(twin(file).read_bytes()) == b"q" * len(TEXT)
    assert list(first.parent.iterdir()) == [twin(file)]


def test_a_folder_that_cannot_be_written_costs_only_the_compression(get: Get, settings: LazySettings) -> None:
    (settings.AKHROT_DATA_DIR / "compressed").write_text("a file where the folder should be")
    answer = get("a.css", accept_encoding="gzip")
    assert "Content-Encoding" not in answer
    assert body(answer) == TEXT


def test_pages_are_compressed_and_answers_to_agents_are_not(client: Client, db: None) -> None:
    assert client.get("/accounts/login/", headers={"accept-encoding": "gzip"})["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in client.get("/ai/skill", headers={"accept-encoding": "gzip"})
