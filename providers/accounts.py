"""Whose grant it is, and which of what it opens the user means: the calls made with a fresh token."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers import http
from providers.grants import Grant, kept_in
from providers.http import Answer, ProviderUnavailable
from providers.oauth_parts import After
from providers.parts import Request
from providers.spec import ProviderSpec
from providers.template import fill, look_up, matches

LONGEST_ID = 255
UNUSABLE = "the values given make no usable address"


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose grant it is: the provider's stable id and a label for people, both empty where it does not tell."""

    id: str = ""
    label: str = ""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One of the sites, tenants or accounts that a grant opens, with what is kept of it."""

    id: str
    label: str
    kept: dict[str, str]


def identity(spec: ProviderSpec, grant: Grant, inputs: Mapping[str, str]) -> Account:
    """Whose grant it is, by the provider's identity call; an empty Account where it has none.

    Raises ProviderUnavailable when the call does not succeed: a connection without its owner's id would defeat the
    check that renewing does not swap accounts.
    """
    asked = spec.oauth.identity if spec.oauth else None
    if asked is None:
        return Account()
    answer = ask(spec, asked, grant, inputs)
    document = answer.json()
    if not asked.is_met_by(answer.status, document):
        raise ProviderUnavailable(f"{spec.name} did not say whose account it is (status {answer.status})")
    account_id, label = asked.account(document)
    if asked.id and not account_id:
        raise ProviderUnavailable(f"{spec.name} did not say whose account it is (no id in its answer)")
    return Account(id=_at_host(spec, account_id[:LONGEST_ID], inputs), label=label[:LONGEST_ID])


def _at_host(spec: ProviderSpec, account_id: str, inputs: Mapping[str, str]) -> str:
    """The id with the host that somebody named, where the file lets him: each server counts its accounts from 1.

    Without it, whoever runs another server could give out an account there as one of this server.
    """
    named = [inputs.get(one.name) or one.default for one in spec.inputs if one.self_hosted]
    if not account_id or not named:
        return account_id
    found = "@".join([account_id, *(host.lower().rstrip("/") for host in named)])
    if len(found) > LONGEST_ID:
        raise ProviderUnavailable("the id of this account and its host together are too long")
    return found


def items(spec: ProviderSpec, grant: Grant, inputs: Mapping[str, str]) -> list[Item]:
    """What the grant opens, by the call of ``[oauth.after]``; without a list in its answer, one item.

    Raises ProviderUnavailable where the answer is not the one described, or holds what no address may be made of.
    """
    rule = spec.oauth.after if spec.oauth else None
    if rule is None:
        return []
    answer = ask(spec, rule, grant, inputs)
    document = answer.json()
    if not rule.is_met_by(answer.status, document):
        raise ProviderUnavailable(f"{spec.name} did not tell the {rule.noun} to use (status {answer.status})")
    found = [_item(rule, one) for one in _listed(rule, document)]
    for one in found:
        if wrong := spec.misfits(one.kept):
            name, said = next(iter(wrong.items()))
            raise ProviderUnavailable(f"{spec.name} answered a {name} that is not {said}")
    return list({one.id: one for one in reversed(found) if one.id or rule.list is None}.values())[::-1]


def _listed(rule: After, document: Any) -> list[Any]:
    if rule.list is None:
        found = [document]
    else:
        found = look_up(document, rule.list) if rule.list else document
        if not isinstance(found, list):
            raise ProviderUnavailable(f"there is no list of {rule.noun}s in the answer")
    complete = [one for one in found if all(_is_plain(look_up(one, path)) for path in rule.keep.values())]
    if rule.list is None and rule.required and not complete:
        raise ProviderUnavailable(f"the answer does not tell the {rule.noun} to use")
    return [one for one in complete if matches(one, rule.only)]


def _is_plain(value: Any) -> bool:
    return value not in (None, "") and not isinstance(value, dict | list)


def _item(rule: After, document: Any) -> Item:
    item_id, label = rule.account(document)
    return Item(id=item_id, label=(label or item_id)[:LONGEST_ID], kept=kept_in(document, rule.keep))


def at_item(spec: ProviderSpec, account: Account, item: Item) -> Account:
    """The account of the connection to `item`: the item is part of it where each is a connection of its own.

    Raises ProviderUnavailable where both ids together are too long to be kept.
    """
    rule = spec.oauth.after if spec.oauth else None
    if rule is None or rule.list is None or not rule.distinct:
        return Account(id=account.id, label=account.label or item.label)
    account_id = item_part(account, item.id)
    if len(account_id) > LONGEST_ID:
        raise ProviderUnavailable(f"the id of this {rule.noun} is too long")
    label = f"{item.label} ({account.label})" if account.label else item.label
    return Account(id=account_id, label=label[:LONGEST_ID])


def item_part(account: Account, item_id: str) -> str:
    """The id of `account` at an item. What stands before its last colon is who has granted."""
    escaped = item_id.replace(":", "%3A")
    return f"{account.id}:{escaped}" if account.id else escaped


def ask(spec: ProviderSpec, asked: Request, grant: Grant, inputs: Mapping[str, str]) -> Answer:
    """The provider's answer to one of the calls above, signed by the access token. Raises ProviderUnavailable."""
    values = spec.values({**inputs, **grant.extra, "accessToken": grant.access_token})
    headers = {"Accept": "application/json", "Authorization": f"Bearer {grant.access_token}"}
    headers |= {name: fill(template, values) for name, template in asked.headers.items()}
    body = None
    if asked.json_body is not None:
        headers["Content-Type"], body = "application/json", json.dumps(asked.json_body).encode()
    try:
        return http.request(asked.method, fill(asked.url, values, url=True), headers=headers, data=body)
    except UnicodeError:
        raise ProviderUnavailable(UNUSABLE) from None
