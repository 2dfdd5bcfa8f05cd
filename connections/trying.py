"""A connection tried, or renewed, because its user wants to know now."""

from dataclasses import dataclass
from typing import Literal

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apikeys.ledger import Caller, record
from apikeys.rates import counter
from connections import times
from connections.databases import give_back
from connections.models import Connection
from connections.refreshing import flights
from connections.tokens import YOUNG, must_wait
from connections.wording import reason_in_words
from providers import http, probe, verify
from providers.http import ProviderUnavailable
from providers.oauth import Grant
from providers.sealed import SealBroken
from providers.verify import Verdict

# The button asks a provider, who counts such calls.
TRIES, WINDOW = 6, 60
Level = Literal["success", "info", "warning", "error"]
LEVELS: dict[str, Level] = {"works": "success", "restricted": "warning", "refused": "error"}


@dataclass(frozen=True)
class Told:
    """What came of it, for the user: how good it is, and a sentence or two."""

    level: Level
    text: str


def can_test(row: Connection) -> bool:
    """Whether the provider can be asked whether the credential works."""
    if not row.is_known() or not row.provider.enabled:
        return False
    spec = row.spec
    if spec.kind == "oauth2":
        return probe.can_probe(spec) and not row.is_dead()
    return spec.verify is not None or spec.kind == "mtproto"


def can_renew(row: Connection) -> bool:
    """Whether its token can be renewed without its user."""
    return row.is_known() and row.refreshable and row.status == Connection.Status.ACTIVE


def try_now(caller: Caller, row: Connection) -> Told:
    """Ask the provider whether the credential works; a token that has ended is renewed first. It stands in the ledger.

    A pasted credential that is refused needs its user from then on, and one that works again does not any more.
    """
    if not can_test(row):
        return Told("info", _("There is no way to check whether it works."))
    if too_many := _too_many(row):
        return too_many
    if row.spec.kind == "oauth2" and row.is_expired():
        told = _renewed(row)
        row = Connection.objects.select_related("provider", "user").get(pk=row.pk)
        if row.is_expired():
            return told
    verdict = _verdict(row)
    with transaction.atomic():
        if row.spec.kind != "oauth2":
            _note(row, verdict)
        outcome = "ok" if verdict.outcome in ("works", "restricted") else verdict.outcome.upper()
        record(
            caller,
            "connection.test",
            outcome=outcome,
            provider=row.provider_id,
            account=row.account,
            connection_id=row.pk,
            detail=verdict.reason,
        )
    return Told(LEVELS.get(verdict.outcome, "warning"), _said(row, verdict))


def _too_many(row: Connection) -> Told | None:
    count = counter().hit(f"try:{row.pk}", WINDOW)
    if count.hits <= TRIES:
        return None
    text = _("Too many attempts. Wait %(seconds)d seconds before you try again.")
    return Told("warning", text % {"seconds": max(1, round(count.ends_in))})


def _verdict(row: Connection) -> Verdict:
    try:
        held = row.held()
    except SealBroken:
        return Verdict("refused", reason=_("its seal does not open under this keyring"))
    give_back()
    try:
        with http.waiting_room():
            if row.spec.kind != "oauth2":
                return verify.verify(row.spec, held.get("fields", {}))
            grant = Grant(access_token=held["access_token"], extra=held.get("extra", {}))
            return probe.probe(row.spec, grant, {**row.inputs, **_open_fields(row, held)})
    except ProviderUnavailable as busy:
        return Verdict("unreachable", reason=busy.reason)


def _open_fields(row: Connection, held: dict[str, dict[str, str]]) -> dict[str, str]:
    """The values of a pasted OAuth client, which its provider's addresses may name."""
    return held.get("fields", {}) if row.spec.is_pasted else {}


def _note(row: Connection, verdict: Verdict) -> None:
    """Write down what the test of a pasted credential gave, unless another has taken its place meanwhile."""
    same = Connection.objects.select_for_update().filter(pk=row.pk, generation=row.generation)
    if verdict.outcome == "unreachable" or not same.exists():
        return
    if verdict.outcome == "refused":
        row.give_up(_("the provider refuses it: ") + verdict.reason)
        return
    row.judge(verdict.outcome)
    given_up = same.filter(status=Connection.Status.NEEDS_REAUTH)
    given_up.update(status=Connection.Status.ACTIVE, status_reason="", last_error="")


def _said(row: Connection, verdict: Verdict) -> str:
    name, reason = row.spec.name, verdict.reason
    if verdict.outcome == "works":
        whose = _(" It belongs to %(account)s.") % {"account": verdict.label} if verdict.label else ""
        return _("It works: %(name)s accepts it.") % {"name": name} + whose
    if verdict.outcome == "restricted":
        return _("%(name)s accepts it, but not for everything: %(reason)s.") % {"name": name, "reason": reason}
    if verdict.outcome == "refused" and row.spec.kind == "oauth2":
        advice = _("Refresh it.") if can_renew(row) else _("Connect it again.")
        return _("It does not work: %(reason)s.") % {"reason": reason} + f" {advice}"
    if verdict.outcome == "refused":
        return _("It does not work: %(reason)s. Replace it with another one.") % {"reason": reason}
    return _("It could not be tested: %(reason)s.") % {"reason": reason}


def renew_now(row: Connection) -> Told:
    """Have the token renewed, and wait for it as long as a fetch does. It stands among the renewals."""
    return _too_many(row) or _renewed(row)


def _renewed(row: Connection) -> Told:
    name = row.spec.name
    if not can_renew(row):
        return Told("error", _("There is nothing to renew it with. Connect it again."))
    if timezone.now() - row.issued_at < YOUNG and not row.is_expired():
        return Told("info", _("Its token was issued less than a minute ago, so it was not renewed."))
    if must_wait(row):
        facts = {"name": name, "when": times.ago(row.retry_at)}
        return Told("warning", _("%(name)s failed a moment ago. Try again %(when)s.") % facts)
    try:
        landing = flights.refresh(row)
    except ProviderUnavailable as busy:
        return Told("warning", _("It could not be renewed now: %(reason)s.") % {"reason": busy.reason})
    after = Connection.objects.select_related("provider", "user").filter(pk=row.pk).first()
    if after is None:
        return Told("warning", _("It was disconnected in the meantime."))
    return _landed(row, after, landing)


def _landed(before: Connection, after: Connection, landing: flights.Landing) -> Told:
    name = after.spec.name
    if after.generation != before.generation:
        ends = _(" The new token ends %(when)s.") % {"when": times.ago(after.expires_at)} if after.expires_at else ""
        return Told("success", _("Renewed: %(name)s has issued another token.") % {"name": name} + ends)
    why = reason_in_words(name, after.status_reason or landing.error)
    if after.needs_user():
        return Told("error", _("It needs you: %(reason)s.") % {"reason": why})
    if landing.database_away:
        return Told("error", _("Akhrot cannot reach its database. Try again in a moment."))
    if after.lease_holder:
        text = _("%(name)s is slow to answer. The renewal goes on, and this page will show the result.")
        return Told("info", text % {"name": name})
    kept = "" if after.is_expired() else _(" The current token still works.")
    return Told("warning", _("It could not be renewed now: %(reason)s.") % {"reason": why} + kept)
