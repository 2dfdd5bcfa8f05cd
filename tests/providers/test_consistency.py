"""What keys of a provider file mean to each other: each contradiction is named by file and key."""

import pytest

from providers.registry import BadProviderFile, parse

OAUTH = (
    'code = "x"\nname = "X"\nauth = "oauth2"\nbase_url = "BASE"\n[oauth]\n'
    'authorize_url = "https://id.x.example/a"\ntoken_url = "https://id.x.example/t"\n'
)
AFTER = '[oauth.after]\nurl = "https://id.x.example/sites"\n'
LIST = AFTER + 'list = ""\nid = "id"\nkeep = { site = "id" }\n'
CLIENT = (
    'code = "x"\nname = "X"\nauth = "oauth2"\n[[fields]]\nname = "s"\nlabel = "S"\n[oauth]\n'
    'grant = "client_credentials"\nclient = ["x", "{s}"]\ntoken_url = "https://id.x.example/t"\n'
)


def input_of(name: str, *lines: str) -> str:
    return "\n".join(["[[inputs]]", f'name = "{name}"', f'label = "{name}"', *lines, ""])


def at(base_url: str) -> str:
    return OAUTH.replace("BASE", base_url)


def faults(text: str) -> list[str]:
    with pytest.raises(BadProviderFile) as caught:
        parse(text.replace("BASE", ""), source="x.toml")
    return str(caught.value).splitlines()


FILES = [
    (OAUTH + AFTER, "oauth.after.keep: names nothing to keep"),
    (OAUTH + AFTER + 'list = ""\nkeep = { a = "b" }\n', "oauth.after.id: is needed to tell"),
    (OAUTH + AFTER + 'distinct = false\nkeep = { a = "b" }\n', "oauth.after.distinct: has no meaning without"),
    (OAUTH + AFTER + 'noun = "site"\nkeep = { a = "b" }\n', "oauth.after.noun: has no meaning without"),
    (OAUTH + AFTER + 'only = { a = 1 }\nkeep = { a = "b" }\n', "oauth.after.only: has no meaning without"),
    (OAUTH + AFTER + 'missing = "Go"\nkeep = { a = "b" }\n', "oauth.after.missing: has no meaning without"),
    (OAUTH + AFTER + 'keep = { "a b" = "b" }\n', "oauth.after.keep"),
    (at("https://api.x.example/{site}") + LIST + "required = false\n", "oauth.after.required: must stay true"),
    (OAUTH + 'keep = { site = "s" }\n' + LIST, "oauth.after.keep.site: has the name of another value, in oauth.keep"),
    (OAUTH + 'keep = { site = "s" }\ncallback_keep = { site = "s" }\n', "oauth.callback_keep.site: has the name"),
    (OAUTH + LIST + input_of("site"), "oauth.after.keep.site: has the name of another value, in fields or inputs"),
    (OAUTH.replace("id.x.example/t", "id.x.example/{site}") + LIST, "oauth.token_url: uses {site}, which is not known"),
    (OAUTH + '[oauth.identity]\nurl = "https://x.example/{site}"\n' + LIST, "oauth.identity.url: uses {site}, which"),
    (OAUTH + LIST + 'headers = { A = "{site}" }\n', "oauth.after.headers.A: uses {site}, which is not known yet"),
    (CLIENT + AFTER + 'keep = { a = "b" }\n', "oauth.after: has no meaning with grant"),
    (at("https://{host}/v1") + input_of("host"), "inputs.host: would decide which host is asked"),
    (at("https://api.{zone}/v1") + input_of("zone"), "inputs.zone: would decide which host is asked"),
    (at("{url}/v1") + input_of("url"), "inputs.url: would decide which host is asked"),
    (
        at("https://{host}/v1") + input_of("host", "self_hosted = true", 'pattern = ".+"'),
        "inputs.host.pattern: lets 'a/a' pass, which is not a host name",
    ),
    (
        at("https://{shop}.x.example") + input_of("shop", 'pattern = "[a-z.]+"'),
        "inputs.shop.pattern: lets 'a..a' pass, which is not part of a host name",
    ),
    (
        at("https://{shop}.x.example") + input_of("shop", 'pattern = "nut-[0-9:]+"', 'example = "nut-1"'),
        "inputs.shop.pattern: lets",
    ),
    (at("https://{shop}.x.example") + input_of("shop", 'choices = ["a", "b/"]'), "inputs.shop.choices: 'b/' is not"),
    (
        at("{api}") + input_of("r") + '[maps.api]\nsource = "r"\nvalues = { eu = "eu.x.example" }\n',
        "maps.api.values: 'eu.x.example' is not an https address",
    ),
    (
        at("https://{dc}/") + input_of("r") + '[maps.dc]\nsource = "r"\nafter = "-"\n',
        "maps.dc: what it cuts out of a value must not decide",
    ),
    (at("https://{h}/v1") + 'callback_keep = { h = "host" }\n', "oauth.callback_keep.h: comes through the browser"),
    (at("https://a@x.example/"), "base_url: no user name stands in an address"),
]


@pytest.mark.parametrize(("text", "fault"), FILES)
def test_a_contradiction_is_named_by_file_and_key(text: str, fault: str):
    found = faults(text)
    assert any(line.startswith(f"x.toml: {fault}") for line in found), found


@pytest.mark.parametrize(
    "text",
    [
        at("https://api.x.example/{site}") + LIST,
        at("https://{site}.x.example") + LIST,
        at("https://{site}/v1") + LIST,
        at("{site}/v1") + OAUTH[:0] + LIST,
        at("https://{host}/v1") + input_of("host", "self_hosted = true"),
        at("https://{host}/v1") + input_of("host", 'choices = ["a.example", "b.example"]'),
        at("https://{shop}.x.example/{id}") + input_of("shop") + input_of("id", 'pattern = ".+"'),
        at("https://x.example/{realm}") + 'callback_keep = { realm = "realmId" }\n',
    ],
)
def test_files_without_a_contradiction_are_accepted(text: str):
    assert parse(text, source="x.toml").code == "x"
