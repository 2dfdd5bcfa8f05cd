"""The fixtures of tests that need the provider; a test module imports all three."""

from collections.abc import Iterator

import pytest

from tests.rogue.process import Minted, Rogue


@pytest.fixture(scope="module")
def running_rogue() -> Iterator[Rogue]:
    """A provider for the whole module, in whatever state the test before left it."""
    rogue = Rogue.start()
    yield rogue
    rogue.stop()


@pytest.fixture
def rogue(running_rogue: Rogue) -> Iterator[Rogue]:
    """The provider with its defaults, and counts of zero."""
    running_rogue.reset()
    yield running_rogue
    # Connections that a test left behind must not be counted in the next one.
    running_rogue.go_away()
    running_rogue.come_back()


@pytest.fixture
def grant(rogue: Rogue) -> Minted:
    """A grant of the provider."""
    return rogue.mint()[0]
