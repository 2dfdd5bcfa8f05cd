"""What real providers ask for can be said in a file: the oddest of them, in the keys that their oddity needs."""

import pytest

from providers.call import prepare
from providers.registry import parse

HEAD = 'code = "x"\nname = "X"\nauth = "oauth2"\n'
ENDPOINTS = 'authorize_url = "https://id.x.example/auth"\ntoken_url = "https://id.x.example/token"\n'

# Kept values and inputs, and where they lead: the base URL and a header.
FILES = {
    "atlassian": (
        HEAD + 'base_url = "https://api.atlassian.com/ex/jira/{cloudId}"\n[oauth]\n' + ENDPOINTS +
        '[oauth.after]\nurl = "https://api.atlassian.com/oauth/token/accessible-resources"\nlist = ""\nid = "id"\n'
        'label = "name"\nkeep = { cloudId = "id" }\nnoun = "site"\n',
        {"cloudId": "11-22"},
        "https://api.atlassian.com/ex/jira/11-22",
    ),
    "xero": (
        HEAD + 'base_url = "https://api.xero.com/api.xro/2.0"\nheaders = { xero-tenant-id = "{tenantId}" }\n[oauth]\n' +
        ENDPOINTS + '[oauth.after]\nurl = "https://api.xero.com/connections"\nlist = ""\nid = "tenantId"\n'
        'label = "tenantName"\nkeep = { tenantId = "tenantId" }\nonly = { tenantType = "ORGANISATION" }\n',
        {"tenantId": "t1"},
        "https://api.xero.com/api.xro/2.0",
    ),
    "docusign": (
        HEAD + 'base_url = "{baseUri}/restapi/v2.1/accounts/{accountId}"\n[oauth]\n' + ENDPOINTS +
        '[oauth.after]\nurl = "https://account.docusign.com/oauth/userinfo"\nlist = "accounts"\nid = "account_id"\n'
        'label = "account_name"\nkeep = { accountId = "account_id", baseUri = "base_uri" }\n',
        {"accountId": "7", "baseUri": "https://na3.docusign.net"},
        "https://na3.docusign.net/restapi/v2.1/accounts/7",
    ),
    "mailchimp": (
        HEAD + 'base_url = "https://{dc}.api.mailchimp.com/3.0"\n[oauth]\n' + ENDPOINTS +
        '[oauth.after]\nurl = "https://login.mailchimp.com/oauth2/metadata"\nkeep = { dc = "dc" }\n'
        'headers = { Authorization = "OAuth {accessToken}" }\n',
        {"dc": "us21"},
        "https://us21.api.mailchimp.com/3.0",
    ),
    "basecamp": (
        HEAD + 'base_url = "https://3.basecampapi.com/{accountId}"\n[oauth]\n' + ENDPOINTS +
        'token_params = { type = "web_server" }\nrefresh_params = { type = "refresh" }\n'
        '[oauth.after]\nurl = "https://launchpad.37signals.com/authorization.json"\nlist = "accounts"\nid = "id"\n'
        'label = "name"\nkeep = { accountId = "id" }\nonly = { product = "bc3" }\n',
        {"accountId": "99"},
        "https://3.basecampapi.com/99",
    ),
    "salesforce": (
        HEAD + 'base_url = "{instanceUrl}"\n[[inputs]]\nname = "domain"\nlabel = "Domain"\ndefault = "login"\n[oauth]\n'
        'authorize_url = "https://{domain}.salesforce.com/services/oauth2/authorize"\n'
        'token_url = "https://{domain}.salesforce.com/services/oauth2/token"\n'
        'keep = { instanceUrl = "instance_url" }\n',
        {"domain": "acme.my", "instanceUrl": "https://acme.my.salesforce.com"},
        "https://acme.my.salesforce.com",
    ),
    "quickbooks": (
        HEAD + 'base_url = "https://quickbooks.api.intuit.com/v3/company/{realmId}"\n[oauth]\n' + ENDPOINTS +
        'callback_keep = { realmId = "realmId" }\nanswer = { refresh_expires_in = "x_refresh_token_expires_in" }\n',
        {"realmId": "12/3"},
        "https://quickbooks.api.intuit.com/v3/company/12%2F3",
    ),
    "zoho": (
        HEAD + 'base_url = "{apiDomain}"\n[[inputs]]\nname = "region"\nlabel = "Data centre"\nchoices = ["com", "eu", '
        '"com.au"]\n[oauth]\nauthorize_url = "https://accounts.zoho.{region}/oauth/v2/auth"\n'
        'token_url = "https://accounts.zoho.{region}/oauth/v2/token"\nkeep = { apiDomain = "api_domain" }\n',
        {"region": "com.au", "apiDomain": "https://www.zohoapis.com.au"},
        "https://www.zohoapis.com.au",
    ),
    "wrike": (
        HEAD + 'base_url = "https://{host}/api/v4"\n[oauth]\n' + ENDPOINTS + 'keep = { host = "host" }\n',
        {"host": "app-eu.wrike.com"},
        "https://app-eu.wrike.com/api/v4",
    ),
    "shopify": (
        HEAD + 'base_url = "https://{shop}.myshopify.com/admin/api"\nsend = { headers = { X-Shopify-Access-Token = '
        '"{accessToken}" } }\n[[inputs]]\nname = "shop"\nlabel = "Shop"\npattern = "[a-z0-9]+(-+[a-z0-9]+)*"\n[oauth]\n'
        'authorize_url = "https://{shop}.myshopify.com/admin/oauth/authorize"\ntoken_params = { expiring = "1" }\n'
        'token_url = "https://{shop}.myshopify.com/admin/oauth/access_token"\n',
        {"shop": "acme"},
        "https://acme.myshopify.com/admin/api",
    ),
    "gitlab": (
        HEAD + 'base_url = "https://{host}/api/v4"\n[[inputs]]\nname = "host"\nlabel = "Host"\ndefault = "gitlab.com"\n'
        'self_hosted = true\n[oauth]\nauthorize_url = "https://{host}/oauth/authorize"\n'
        'token_url = "https://{host}/oauth/token"\n',
        {"host": "git.acme.example"},
        "https://git.acme.example/api/v4",
    ),
    "facebook": (
        HEAD + 'base_url = "https://graph.facebook.com/v22.0"\n[oauth]\n' + ENDPOINTS + 'lifetime = 5184000\n'
        'revoked_errors = ["190"]\nanswer = { error = "error.code" }\n'
        '[oauth.exchange]\nurl = "https://graph.facebook.com/v22.0/oauth/access_token"\n[oauth.exchange.params]\n'
        'grant_type = "fb_exchange_token"\nclient_id = "{clientId}"\nclient_secret = "{clientSecret}"\n'
        'fb_exchange_token = "{accessToken}"\n',
        {},
        "https://graph.facebook.com/v22.0",
    ),
    "threads": (
        HEAD + 'base_url = "https://graph.threads.net/v1.0"\n[oauth]\n' + ENDPOINTS + 'refresh_with = "access_token"\n'
        'refresh_url = "https://graph.threads.net/refresh_access_token"\nrefresh_method = "GET"\nmargin = 604800\n'
        'refresh_params = { grant_type = "th_refresh_token", access_token = "{accessToken}" }\n'
        '[oauth.exchange]\nurl = "https://graph.threads.net/access_token"\n'
        '[oauth.exchange.params]\ngrant_type = "th_exchange_token"\nclient_secret = "{clientSecret}"\n'
        'access_token = "{accessToken}"\n',
        {},
        "https://graph.threads.net/v1.0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_can_say_it(name: str):
    text, values, base_url = FILES[name]
    spec = parse(text, source=f"{name}.toml")
    assert spec.faults(values) == {}
    assert spec.misfits(values) == {}
    call = prepare(spec, {**values, "accessToken": "t"})
    assert call.base_url == base_url
    assert all(value for value in (call.headers or {}).values())


def test_a_tenants_header_goes_with_every_call():
    text, values, _ = FILES["xero"]
    assert prepare(parse(text, source="x"), {**values, "accessToken": "t"}).headers == {
        "Authorization": "Bearer t",
        "xero-tenant-id": "t1",
    }
