"""The queue of files: no reader meets half a message, and a broken one ends no worker."""

from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from akhrot_site.celery import app

QUEUE = "background"


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Any]:
    """A channel of the app's own transport, in a folder of its own."""
    folders = dict.fromkeys(("data_folder_in", "data_folder_out", "control_folder"), str(tmp_path))
    with app.connection_for_write("filesystem://localhost", transport_options=folders) as connection:
        yield connection.channel()


class Watched:
    """A payload that looks, while it is written down, whether somebody could read it already."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.waiting = -1

    def __json__(self) -> str:
        self.waiting = self.channel._size(QUEUE)
        return "written"


def test_a_message_that_is_being_written_is_not_there_yet(channel: Any):
    watched = Watched(channel)
    channel._put(QUEUE, {"body": watched})
    assert watched.waiting == 0
    assert channel._size(QUEUE) == 1
    assert channel._get(QUEUE) == {"body": "written"}


def test_each_queue_has_its_own_messages(channel: Any, tmp_path: Path):
    for number in range(3):
        channel._put(QUEUE, {"number": number})
        channel._put("interactive", {"number": -number})
    assert {channel._get(QUEUE)["number"] for _ in range(3)} == {0, 1, 2}
    assert channel._size(QUEUE) == 0
    assert all(path.name.endswith(".interactive.msg") for path in tmp_path.glob("*.msg"))


def test_a_message_that_cannot_be_written_leaves_nothing_behind(channel: Any, tmp_path: Path):
    with pytest.raises(TypeError):
        channel._put(QUEUE, {"body": object()})
    assert list(tmp_path.iterdir()) == []


def test_a_broken_message_is_passed_over(channel: Any, tmp_path: Path):
    Path(tmp_path, f"0_broken.{QUEUE}.msg").touch()
    with pytest.raises(Empty):
        channel._get(QUEUE)
    channel._put(QUEUE, {"body": "next"})
    assert channel._get(QUEUE) == {"body": "next"}


def test_a_queue_that_cannot_be_written_is_away_as_any_other(channel: Any, tmp_path: Path):
    tmp_path.rmdir()
    with pytest.raises(OSError):  # noqa: PT011
        channel._put(QUEUE, {"body": "lost"})


def test_a_table_of_queues_that_a_full_disk_left_empty_is_made_anew(channel: Any, tmp_path: Path):
    Path(tmp_path, f"{QUEUE}.exchange").touch()
    channel._queue_bind(QUEUE, QUEUE, "", QUEUE)
    assert [row.queue for row in channel.get_table(QUEUE)] == [QUEUE]
