"""Several ways to connect one provider: what a file may say of them, and the specification that comes of each."""

import pytest

from providers import registry
from providers.call import prepare
from providers.coherence import MTPROTO_FIELDS
from providers.registry import BadProviderFile, parse
from providers.spec import ProviderSpec, UnknownWay
from tests.providers.test_client_grant import MEETINGS
from tests.providers.test_spec import DOCS, KEY, SANDBOX

# Signed in to, or with a token that is pasted: the documentation shows this very file.
NOTEBOOK = """
code = "notebook"
name = "Notebook"
auth = "oauth2"
base_url = "https://api.notebook.example"
way = { code = "oauth", name = "Sign in at Notebook" }

[oauth]
authorize_url = "https://notebook.example/oauth/authorize"
token_url = "https://notebook.example/oauth/token"

[oauth.identity]
url = "https://api.notebook.example/me"
id = "id"
label = "email"

[[services]]
code = "pages"
name = "Pages"
scopes = ["pages.read"]

[[ways]]
code = "token"
name = "Personal access token"
help = "Made in your settings; it can do what you allow it there"
auth = "api_key"
send = { headers = { Authorization = "Bearer {token}" } }

[[ways.fields]]
name = "token"
label = "Personal access token"

[ways.verify]
url = "https://api.notebook.example/me"
id = "id"
label = "email"
"""
WAY = '[[ways]]\ncode = "w"\nname = "W"\nauth = "api_key"\n'
FIELD = '[[ways.fields]]\nname = "key"\nlabel = "Key"\n'
SIGN_IN = (
    '[[ways]]\ncode = "o"\nname = "O"\nauth = "oauth2"\n[ways.oauth]\n'
    'authorize_url = "https://id.example/a"\ntoken_url = "https://id.example/t"\n'
)
SERVICE = '[[services]]\ncode = "s"\nname = "S"\n'


def spec(text: str) -> ProviderSpec:
    return parse(text, source="x.toml")


def faults(text: str) -> list[str]:
    with pytest.raises(BadProviderFile) as caught:
        spec(text)
    return str(caught.value).splitlines()


def test_the_documentation_shows_the_example() -> None:
    assert NOTEBOOK.strip() in DOCS.read_text()


def test_the_top_of_a_file_is_its_default_way() -> None:
    file = spec(NOTEBOOK)
    top = file.by_way("")
    assert file.by_way("oauth") is top
    assert list(file.every_way()) == ["", "token"]
    assert (top.kind, top.way_name, top.is_pasted) == ("oauth2", "Sign in at Notebook", False)
    assert [one.scopes for one in top.services] == [("pages.read",)]
    assert file.sign_in is top


def test_a_way_takes_the_place_of_what_concerns_connecting() -> None:
    token = spec(NOTEBOOK).by_way("token")
    assert (token.code, token.name, token.kind, token.way_name) == (
        "notebook", "Notebook", "api_key", "Personal access token",
    )  # fmt: skip
    assert (token.oauth, token.ways, token.way.code) == (None, (), "token")
    call = prepare(token, {"token": "t1"})
    assert (call.base_url, call.headers) == ("https://api.notebook.example", {"Authorization": "Bearer t1"})
    assert token.faults({}) == {"token": "Personal access token is missing"}


def test_a_way_without_oauth_asks_for_no_scope_and_all_its_services_are_ready() -> None:
    file = spec(NOTEBOOK)
    token = file.by_way("token")
    assert [one.code for one in token.ready_services(set())] == ["pages"]
    assert (token.scopes_for(), token.services[0].scopes) == ([], ())
    assert file.by_way("").ready_services(set()) == []
    assert file.by_way("").scopes_for() == ["pages.read"]


def test_the_default_way_may_be_the_one_without_scopes() -> None:
    file = spec(KEY + SERVICE + 'scopes = ["a"]\n' + SIGN_IN)
    assert [one.code for one in file.by_way("").ready_services(set())] == ["s"]
    assert [one.code for one in file.ready_services(set())] == ["s"]
    assert file.by_way("o").ready_services(set()) == []
    assert file.sign_in is file.by_way("o")
    assert file.is_pasted


def test_a_way_inherits_the_address_the_headers_and_the_maps_unless_it_has_its_own() -> None:
    top = (
        'code = "x"\nname = "X"\nauth = "api_key"\nbase_url = "{host}"\naccess_token = "key"\nnotes = ["n"]\n'
        '[headers]\nA = "1"\n[[fields]]\nname = "key"\nlabel = "Key"\n[send.headers]\nK = "{key}"\n'
        '[maps.host]\nsource = "key"\nvalues = { a = "https://a.example" }\n[verify]\nurl = "https://a.example/me"\n'
    )
    like = spec(top + WAY + FIELD).by_way("w")
    assert prepare(like, {"key": "a"}).base_url == "https://a.example"
    assert like.headers == {"A": "1"}
    assert (like.send, like.verify, like.access_token, like.notes) == (
        ProviderSpec.model_fields["send"].default, None, "", (),
    )  # fmt: skip
    own = spec(top + WAY + 'base_url = "https://b.example"\nheaders = {}\nmaps = {}\n' + FIELD).by_way("w")
    assert (prepare(own, {"key": "a"}).base_url, own.headers, own.maps) == ("https://b.example", {}, {})


def test_a_way_may_be_good_for_some_services_alone() -> None:
    two = SERVICE + '[[services]]\ncode = "t"\nname = "T"\nbase_url = "{site}"\n'
    site = '[[ways.fields]]\nname = "site"\nlabel = "Site"\nsecret = false\nself_hosted = true\n'
    file = spec('way = { services = ["s"] }\n' + KEY + two + WAY + 'services = ["t"]\n' + FIELD + site)
    assert [[one.code for one in way.services] for way in file.every_way().values()] == [["s"], ["t"]]
    assert prepare(file.by_way("w"), {"site": "https://t.example"}, service=file.service("t")).base_url


def test_a_way_that_is_not_there_is_told() -> None:
    file = spec(NOTEBOOK)
    assert not file.has_way("gone")
    with pytest.raises(UnknownWay, match="notebook is not connected by 'gone'"):
        file.by_way("gone")


def test_a_file_with_one_way_is_its_own() -> None:
    file = spec(SANDBOX)
    assert file.by_way("") is file
    assert list(file.every_way()) == [""]
    assert file == spec(SANDBOX)
    assert spec(NOTEBOOK) == spec(NOTEBOOK)


def test_a_pasted_client_stands_beside_a_sign_in() -> None:
    way = MEETINGS.partition("[[fields]]")[2].replace("[[fields]]", "[[ways.fields]]").replace("[oauth", "[ways.oauth")
    own_app = '[[ways]]\ncode = "app"\nname = "App"\nauth = "oauth2"\n[[ways.fields]]' + way
    file = spec(NOTEBOOK + own_app)
    assert file.by_way("app").withheld
    assert file.by_way("app").is_pasted
    assert file.sign_in is file.by_way("")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (KEY + WAY, 'x.toml: ways.w.fields: auth = "api_key" needs at least one secret field'),
        (KEY + WAY.replace('auth = "api_key"\n', "") + FIELD, "x.toml: ways.w.auth: Field required"),
        (KEY + WAY + 'rank = 3\n' + FIELD, "x.toml: ways.w.rank: Extra inputs are not permitted"),
        (KEY + WAY + "send = { header = {} }\n" + FIELD, "x.toml: ways.w.send.header: Extra inputs"),
        (KEY + WAY + 'send = { headers = { A = "{kye}" } }\n' + FIELD, "x.toml: ways.w.send.headers.A: uses {kye}"),
        (KEY + WAY + 'verify = { url = "ftp://a" }\n' + FIELD, "x.toml: ways.w.verify.url: must start with https://"),
        (KEY + WAY.replace("api_key", "basic") + FIELD, "x.toml: ways.w.send.basic:"),
        (KEY + WAY.replace("api_key", "oauth2"), "x.toml: ways.w.oauth: an [oauth] table"),
        (KEY + WAY + FIELD + FIELD, "x.toml: ways.w.fields: 'key' is there twice"),
        (KEY + WAY + FIELD + WAY + FIELD, "x.toml: ways.w.code: is there twice"),
        ('way = { code = "w" }\n' + KEY + WAY + FIELD, "x.toml: ways.w.code: is there twice"),
        (KEY + WAY.replace('"w"', '"W W"') + FIELD, "x.toml: ways.W W.code:"),
        (KEY + '[[ways]]\nname = "W"\nauth = "api_key"\n' + FIELD, "x.toml: ways.0.code: Field required"),
        (SANDBOX + SIGN_IN, "x.toml: ways.o.oauth: only one way can send people to the provider"),
        (KEY + SIGN_IN + SIGN_IN.replace('"o"', '"p"'), "x.toml: ways.p.oauth: only one way"),
        (KEY + WAY + 'services = ["z"]\n' + FIELD, "x.toml: ways.w.services: there is no service 'z'"),
        ('way = { services = ["z"] }\n' + KEY + WAY + FIELD, "x.toml: way.services: there is no service 'z'"),
        (
            'way = { services = [] }\n' + KEY + SERVICE + WAY + "services = []\n" + FIELD,
            "x.toml: services.s: no way is good for it",
        ),
        (KEY + SERVICE + 'scopes = ["a"]\n' + WAY + FIELD, "x.toml: services.s.scopes: only OAuth has scopes"),
        (
            'first_way = "z"\n' + KEY + WAY + FIELD, "x.toml: first_way: there is no way 'z'",
        ),
        (KEY + WAY + 'login = "phone"\n' + FIELD, 'x.toml: ways.w.login: "phone" is for auth = "mtproto"'),
        (KEY + WAY + 'login = "fax"\n' + FIELD, "x.toml: ways.w.login: Input should be"),
        (
            KEY + SERVICE + 'base_url = "https://{key}.example"\n' + WAY + FIELD.replace('"key"', '"other"'),
            "x.toml: ways.w.services.s.base_url: uses {key}",
        ),
        (
            'base_url = "{host}"\n' + KEY + '[maps.host]\nsource = "key"\n' + WAY + FIELD.replace('"key"', '"other"'),
            "x.toml: ways.w.maps.host.source: 'key' is no field",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_file_way_and_key(text: str, fault: str) -> None:
    found = faults(text)
    assert any(line.startswith(fault) for line in found), found


def test_a_fault_of_one_way_is_not_told_of_the_others() -> None:
    assert len(faults(KEY + WAY + 'send = { headers = { A = "{kye}" } }\n' + FIELD)) == 1
    assert len(faults(KEY + '[send.headers]\nA = "{kye}"\n' + WAY + FIELD)) == 1


def test_a_way_that_came_later_may_be_offered_first_and_the_top_stays_the_default() -> None:
    file = spec('first_way = "w"\n' + KEY + WAY + FIELD)
    assert list(file.every_way()) == ["w", ""]
    assert file.by_way("").fields[0].name == "key"
    assert list(file.by_way("").every_way()) == [""]
    named = spec('first_way = "k"\nway = { code = "k" }\n' + KEY + WAY + FIELD)
    assert list(named.every_way()) == ["", "w"]


def test_signing_in_with_a_phone_belongs_to_its_way() -> None:
    fields = "".join(f'[[fields]]\nname = "{name}"\nlabel = "L"\n' for name in MTPROTO_FIELDS)
    way = '[[ways]]\ncode = "p"\nname = "P"\nauth = "mtproto"\nlogin = "phone"\n' + fields.replace("[[f", "[[ways.f")
    file = spec('code = "x"\nname = "X"\nauth = "mtproto"\n' + fields + way)
    assert (file.by_way("").login, file.by_way("p").login) == ("", "phone")
    assert file.by_way("p").token_field == "sessionString"
    assert spec('code = "x"\nname = "X"\nauth = "mtproto"\nlogin = "phone"\n' + fields).login == "phone"


def test_every_file_of_the_catalogue_answers_for_each_of_its_ways() -> None:
    for file in registry.catalogue().values():
        for code, way in file.every_way().items():
            assert file.by_way(code) is way
            assert way.code == file.code
