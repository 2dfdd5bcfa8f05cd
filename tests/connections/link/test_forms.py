"""The forms that a provider's specification makes: what they ask, what they refuse, what they never show again."""

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from connections.link.forms import InputsForm, PasteForm
from providers import registry
from providers.registry import validate
from providers.spec import ProviderSpec


def spec(**more: Any) -> ProviderSpec:
    """A provider with a secret of a known pattern, a choice and an optional field."""
    return validate(
        {
            "code": "nuts",
            "name": "Nuts",
            "auth": "api_key",
            "base_url": "https://{region}.nuts.example",
            "fields": [
                {"name": "token", "label": "Token", "pattern": "nut_[0-9]{4}", "help_url": "https://nuts.example/keys"},
                {"name": "region", "label": "Region", "secret": False, "choices": ["eu", "us"], "default": "eu"},
                {"name": "team", "label": "Team", "secret": False, "required": False},
            ],
            **more,
        },
        source="a test",
    )


def shop() -> ProviderSpec:
    """An OAuth provider whose addresses need a shop."""
    oauth = {"authorize_url": "https://{shop}.shops.example/auth", "token_url": "https://{shop}.shops.example/token"}
    inputs = [{"name": "shop", "label": "Shop", "pattern": "[a-z]+"}]
    return validate({"code": "shop", "name": "Shop", "auth": "oauth2", "oauth": oauth, "inputs": inputs}, source="test")


def test_a_pattern_warns_and_never_refuses():
    form = PasteForm(spec(), {"token": "something new", "region": "us"})
    assert form.is_valid()
    assert form.values() == {"token": "something new", "region": "us"}
    assert 'data-looks="nut_[0-9]{4}"' in str(form["token"])


def test_blanks_around_a_value_are_dropped_and_empty_fields_left_out():
    form = PasteForm(spec(), {"token": "  nut_1234\r\n", "region": "us", "team": "  "})
    assert form.is_valid()
    assert form.values() == {"token": "nut_1234", "region": "us"}


def test_a_missing_field_is_named():
    form = PasteForm(spec(), {"token": "", "region": "eu"})
    assert not form.is_valid()
    assert list(form.errors) == ["token"]


def test_a_secret_is_typed_blind_and_never_written_back():
    form = PasteForm(spec(), {"token": "nut_1234", "region": "nowhere", "team": "walnut"})
    assert not form.is_valid()
    assert 'type="password"' in str(form["token"])
    assert "nut_1234" not in form.as_p()
    assert "walnut" in form.as_p(), "what is no secret need not be typed again"


def test_a_choice_is_a_choice():
    form = PasteForm(spec())
    assert "<select" in str(form["region"])
    assert '<option value="eu" selected>' in str(form["region"])
    assert not PasteForm(spec(), {"token": "nut_1234", "region": "mars"}).is_valid()


def test_keeping_a_credential_unchecked_is_offered_only_when_it_could_not_be_checked():
    assert "keep_unverified" not in PasteForm(spec()).fields
    assert "keep_unverified" in PasteForm(spec(), boxes=["keep_unverified"]).fields


@pytest.mark.parametrize("given", ["", "evil.example/", "UPPER", "a b"])
def test_an_input_that_does_not_fit_into_a_host_name_is_refused(given: str):
    assert not InputsForm(shop(), {"shop": given}).is_valid()
    assert InputsForm(shop(), {"shop": "walnuts"}).is_valid()


@pytest.mark.parametrize("code", sorted(registry.catalogue()))
def test_every_provider_of_the_catalogue_has_a_form(code: str):
    known = registry.catalogue()[code]
    form = PasteForm(known) if known.is_pasted else InputsForm(known)
    text = form.as_p()
    assert all(field.label in text for field in known.asked)
    secret = {field.name for field in known.fields if field.secret and not field.choices}
    assert all('type="password"' in str(form[name]) for name in secret)


def test_a_key_may_have_a_last_day_which_is_not_over():
    today = timezone.now().date()
    form = PasteForm(spec(), {"token": "nut_1234", "region": "eu", "ends_on": str(today)})
    assert form.is_valid()
    assert form.ends_at() == dt.datetime.combine(today, dt.time(23, 59, 59), tzinfo=dt.UTC)
    assert "ends_on" not in form.values()
    assert f'value="{today}"' in str(form["ends_on"]), "it need not be typed again"
    without = PasteForm(spec(), {"token": "nut_1234", "region": "eu"})
    assert without.is_valid()
    assert without.ends_at() is None


@pytest.mark.parametrize("given", ["2020-01-01", "tomorrow", "2024-02-30"])
def test_a_last_day_that_is_over_or_none_is_refused(given: str):
    form = PasteForm(spec(), {"token": "nut_1234", "region": "eu", "ends_on": given})
    assert list(form.errors) == ["ends_on"]
