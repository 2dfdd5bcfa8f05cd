"""Every operation of the OpenAPI document, with what it allows and what it forbids, against the real application."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import ignored_auth

from akhrot_site.wsgi import application

CASES = 25


@pytest.fixture
def api(agent: Any, connect: Any, settings: Any) -> Any:
    """The document as the application serves it, with something connected and no limit in the way."""
    settings.AKHROT_RATE_LIMIT = (1_000_000, 60)
    connect("google")
    connect("openai")
    agent.post("/oauth/sessions", {"provider": "openai"})
    return schemathesis.openapi.from_wsgi("/openapi.json", application)


def operations(api: Any) -> list[Any]:
    """All of them."""
    return [one.ok() for one in api.get_all_operations()]


@pytest.mark.django_db(transaction=True)
def test_the_document_has_the_contracts_operations(api: Any):
    paths = json.loads(json.dumps(api.raw_schema["paths"]))
    assert {(method.upper(), path) for path, item in paths.items() for method in item} == {
        ("GET", "/ai/context/summary"),
        ("GET", "/ai/context"),
        ("GET", "/ai/context/{provider}"),
        ("GET", "/ai/context/{provider}/{service}"),
        ("POST", "/tokens/fetch"),
        ("POST", "/oauth/sessions"),
        ("GET", "/oauth/sessions/{session_id}"),
        ("GET", "/providers"),
        ("GET", "/connections"),
        ("DELETE", "/connections/{connection_id}"),
        ("GET", "/ai/skill"),
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode), ids=str)
def test_every_operation_keeps_to_its_document(api: Any, agent: Any, mode: Any):
    for operation in operations(api):
        strategy = operation.as_strategy(generation_mode=mode)
        _try(strategy, agent.key)


def _try(strategy: Any, key: str) -> None:
    from hypothesis import given

    @given(case=strategy)
    @settings(max_examples=CASES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def keeps(case: Any) -> None:
        # Whether a key is demanded is asked for every path in test_api.py; here it would send each case thrice.
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=[ignored_auth])

    keeps()
