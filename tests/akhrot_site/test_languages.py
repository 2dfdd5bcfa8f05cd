"""The texts are marked for translation, and English is what everybody gets."""

from typing import Any

from django.conf import settings
from django.test import Client


def test_a_browser_that_prefers_another_language_gets_english_like_everybody(db: Any):
    answer = Client().post("/accounts/login/", {"login": "", "password": "x"}, headers={"Accept-Language": "de"})
    assert "This field is required." in answer.content.decode()


def test_an_agent_that_prefers_another_language_is_answered_alike(agent: Any):
    answers = [
        agent.post("/tokens/fetch", {"provider": ""}, **{"Accept-Language": language}).json()["error"]
        for language in ("en", "de")
    ]
    assert answers[0] == answers[1]


def test_texts_are_looked_for_inside_the_project():
    (folder,) = settings.LOCALE_PATHS
    assert folder.relative_to(settings.BASE_DIR).parts == ("akhrot_site", "locale")
