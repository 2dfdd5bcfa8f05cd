"""``/openapi.json`` and ``/docs``: the document of the API, and the page to try it on."""

import re

from django.test import Client


def test_the_document_of_the_api_answers_with_a_slash_as_all_of_it_does(db: None):
    assert Client().get("/openapi.json/").json()["openapi"] == Client().get("/openapi.json").json()["openapi"]


def test_the_script_of_the_documentation_gives_no_csrf_token_away(browser: Client):
    browser.get("/app/keys/new/")
    token = browser.cookies["akhrot_csrf"].value
    answer = browser.get("/docs", {"script": ""})
    assert answer["Content-Type"] == "application/javascript"
    (header,) = re.findall(r'headers\["X-CSRFTOKEN"\] = "(.*)"', answer.content.decode())
    assert (token != "", header) == (True, "")
    assert not answer.cookies


def test_the_page_of_the_api_leads_on_without_javascript(db: None):
    _, _, said = Client().get("/docs").content.decode().partition("<noscript>")
    said = said.partition("</noscript>")[0]
    for address in ("/openapi.json", "/ai/skill"):
        assert f'href="{address}"' in said
        assert Client().get(address).status_code == 200
