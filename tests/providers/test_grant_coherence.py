"""What keys of a provider file mean to each other: each contradiction is named by file and key."""

import pytest

from providers.registry import BadProviderFile, parse

OAUTH = (
    'code = "x"\nname = "X"\nauth = "oauth2"\nbase_url = "BASE"\n[oauth]\n'
    'authorize_url = "https://id.x.example/a"\ntoken_url = "https://id.x.example/t"\n'
)
AFTER = '[oauth.after]\nurl = "https://id.x.example/sites"\n'
LIST = AFTER + 'list = ""\nid = "id"\nkeep = { site = "id" }\n'
TRADED = (
    'refresh_with = "access_token"\nrefresh_url = "https://id.x.example/r"\nrefresh_params = { t = "{accessToken}" }\n'
)
EXCHANGE = '[oauth.exchange]\nurl = "https://id.x.example/long"\n[oauth.exchange.params]\n'
SECOND = (
    '[oauth.second]\nname = "userToken"\nprefix = "user:"\nscope_param = "user_scope"\n'
    'access_token = "user.token"\nscope = "user.scope"\n'
)
USER = 'scopes = ["user:read"]\n'
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
    (OAUTH + 'token_method = "GET"\nbody = "json"\n', 'oauth.body: "json" has no meaning for a request by GET'),
    (OAUTH + 'refresh_method = "GET"\nbody = "json"\n', 'oauth.body: "json" has no meaning for a request by GET'),
    (OAUTH + 'refresh_params = { a = "{accessToken}" }\n', "oauth.refresh_params: uses {accessToken}, which it may"),
    (OAUTH + 'refresh_params = { a = "{kye}" }\n', "oauth.refresh_params.a: uses {kye}"),
    (OAUTH + 'refresh_with = "access_token"\n', 'oauth.refresh_url: refresh_with = "access_token" needs it'),
    (OAUTH + 'refresh_with = "access_token"\n', 'oauth.refresh_params: refresh_with = "access_token" must send'),
    (OAUTH + TRADED + "rotates = true\n", "oauth.rotates: has no meaning with refresh_with"),
    (OAUTH + TRADED + "refresh_lifetime = 3\n", "oauth.refresh_lifetime: has no meaning with refresh_with"),
    (OAUTH + TRADED + 'answer = { refresh_token = "a" }\n', "oauth.answer.refresh_token: has no meaning with"),
    (OAUTH + EXCHANGE + 'a = "b"\n', "oauth.exchange.params: must send {accessToken}"),
    (OAUTH + EXCHANGE + 'a = "{accessToken}{kye}"\n', "oauth.exchange.params.a: uses {kye}"),
    (
        OAUTH + 'keep = { k = "k" }\n' + EXCHANGE + 'a = "{accessToken}{k}"\n',
        "oauth.exchange.params.a: uses {k}",
    ),
    (OAUTH + SECOND, "oauth.second.prefix: no scope of the file begins with it"),
    (OAUTH + USER + 'scope_param = "user_scope"\n' + SECOND, "oauth.second.scope_param: is that of the first token"),
    (
        OAUTH + USER + 'authorize_params = { user_scope = "a" }\n' + SECOND,
        "oauth.authorize_params.user_scope: is what oauth.second sends",
    ),
    (OAUTH + USER + 'keep = { userToken = "a" }\n' + SECOND, "oauth.second.userToken: has the name of another value"),
    (OAUTH + USER + SECOND.replace('"user:"', '""'), "oauth.second.prefix"),
    (CLIENT + SECOND, "oauth.second: has no meaning with grant"),
    (CLIENT + EXCHANGE + 'a = "{accessToken}"\n', "oauth.exchange: has no meaning with grant"),
    (CLIENT + 'refresh_with = "access_token"\n', "oauth.refresh_with: has no meaning with grant"),
    (OAUTH + 'headers = { A = "{kye}" }\n', "oauth.headers"),
    ('headers = { A = "{kye}" }\n' + OAUTH, "headers.A: uses {kye}"),
    (OAUTH + '[[services]]\ncode = "s"\nname = "S"\nheaders = { A = "{kye}" }\n', "services.s.headers.A: uses {kye}"),
    (at("https://a@x.example/"), "base_url: no user name stands in an address"),
    (
        OAUTH + 'revoke_url = "https://x.example/revoke"\nrevoke = { body = "json" }\n',
        'oauth.revoke.client_auth: "client_secret_post" needs body = "form"',
    ),
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
        at("{site}/v1") + LIST,
        at("https://{host}/v1") + input_of("host", "self_hosted = true"),
        at("https://{host}/v1") + input_of("host", 'choices = ["a.example", "b.example"]'),
        at("https://{shop}.x.example/{id}") + input_of("shop") + input_of("id", 'pattern = ".+"'),
        OAUTH + TRADED + EXCHANGE + 'a = "{accessToken}{clientId}{clientSecret}"\n',
        OAUTH + USER + SECOND,
        OAUTH + SECOND + '[[services]]\ncode = "s"\nname = "S"\nscopes = ["user:read"]\n',
        'headers = { Tenant = "{site}" }\n' + OAUTH + LIST,
        at("https://x.example/{realm}") + 'callback_keep = { realm = "realmId" }\n',
    ],
)
def test_files_without_a_contradiction_are_accepted(text: str):
    assert parse(text.replace("BASE", ""), source="x.toml").code == "x"
