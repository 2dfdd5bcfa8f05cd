"""When a credential is renewed."""

import datetime as dt

import pytest
from django.utils import timezone

from connections.refreshing import margins
from providers import registry
from providers.oauth import Grant
from providers.spec import ProviderSpec


def spec(**oauth: object) -> ProviderSpec:
    google = registry.catalogue()["google"]
    assert google.oauth
    return google.model_copy(
        update={"oauth": google.oauth.model_copy(update={"margin": None, "refresh_lifetime": None, **oauth})}
    )


def due_before_end(lifetime: float, **oauth: object) -> float:
    """Seconds between the moment of renewal and the token's end."""
    ends = timezone.now() + dt.timedelta(seconds=lifetime)
    due = margins.refresh_at(spec(**oauth), Grant(access_token="a", expires_at=ends))
    assert due
    return (ends - due).total_seconds()


@pytest.mark.parametrize(
    ("lifetime", "least", "most"),
    [(3600, 305, 365), (86_400, 305, 365), (600, 65, 77), (30, 7.9, 8.7), (8, 3.9, 4.1)],
    ids=["an hour", "a day", "ten minutes", "half a minute", "eight seconds"],
)
def test_a_token_is_renewed_before_its_margin_and_a_sweep_too_early(lifetime: float, least: float, most: float):
    assert all(least <= due_before_end(lifetime) <= most for _ in range(20))


def test_two_tokens_of_one_moment_are_not_renewed_at_one_moment():
    assert len({round(due_before_end(3600), 1) for _ in range(20)}) > 10


def test_a_margin_longer_than_the_life_does_not_renew_without_end():
    assert due_before_end(300, margin=600) == pytest.approx(150, abs=0.1)


def test_a_refresh_token_that_lapses_is_used_before_it_does():
    day = 86_400
    due = margins.refresh_at(spec(refresh_lifetime=7 * day), Grant(access_token="a"))
    assert due
    assert 5 * day < (due - timezone.now()).total_seconds() < 6.5 * day


def test_what_never_ends_is_never_due():
    assert margins.refresh_at(spec(), Grant(access_token="a")) is None
