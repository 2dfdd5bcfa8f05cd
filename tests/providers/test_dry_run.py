"""What a specification would send."""

import pytest

from providers import registry
from providers.dry_run import dry_run
from tests.providers.test_spec import SANDBOX, TWILIO


@pytest.mark.parametrize("code", sorted(registry.catalogue()))
def test_every_shipped_provider_has_a_dry_run(code: str) -> None:
    spec = registry.catalogue()[code]
    run = dry_run(spec)
    assert bool(run.authorize) == bool(run.redirect_uri) == (not spec.is_pasted)
    assert len(run.samples) >= len(spec.services)
    for sample in run.samples:
        assert "{" not in sample.address + "".join(sample.headers.values())


def test_basic_is_shown_in_the_clear() -> None:
    check, call = dry_run(registry.parse(TWILIO, source="x")).samples
    assert check.address == "GET https://api.twilio.com/2010-04-01/Accounts/your-accountSid.json"
    assert check.headers["Authorization"] == "Basic base64(your-accountSid:your-authToken)"
    assert call.address == "https://api.twilio.com"


def test_the_address_of_consent_is_the_one_that_is_sent() -> None:
    run = dry_run(registry.parse(SANDBOX, source="x"))
    assert "".join(run.authorize).startswith("https://id.example/auth?response_type=code&client_id=YOUR-CLIENT-ID")
    assert run.tokens == "https://id.example/token (client_secret_basic)"
