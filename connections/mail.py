"""Sends notices as mails, in text and HTML: to the user, or to every operator."""

import contextlib
import datetime as dt
from typing import Any

import structlog
from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from connections import letters, reminders
from connections.databases import give_back
from connections.models import Connection, Notice
from providers.models import Provider

log = structlog.get_logger(__name__)

# So few that they are all tried within the two minutes for which they are ours, though each waits for a time-out.
BATCH = 10
MOST_BATCHES = 20
PAUSES = [dt.timedelta(minutes=minutes) for minutes in (1, 5, 30, 60)]
GIVEN_UP_AFTER = dt.timedelta(days=3)
NEVER = dt.datetime(9000, 1, 1, tzinfo=dt.UTC)
# Whatever smtplib raises is an OSError, like a server that is not there. A header that cannot be is a ValueError.
FAILURES = (OSError, ValueError)


def send_due() -> int:
    """Send what is due, a batch after the other until the mail server fails; answers how many were seen to.

    A process that dies between sending a mail and noting it has it sent again: better twice than never.
    """
    done = 0
    for _ in range(MOST_BATCHES):
        notices = Notice.objects.take_due(BATCH)
        outcomes = _send_all(notices) if notices else []
        done += sum(outcomes)
        if len(notices) < BATCH or not all(outcomes):
            break
    return done


def _send_all(notices: list[Notice]) -> list[bool]:
    post: BaseEmailBackend = get_connection()
    give_back()
    try:
        post.open()
    except FAILURES as error:
        for notice in notices:
            _put_off(notice, error)
        return [False for _ in notices]
    try:
        return [_send(notice, post) for notice in notices]
    finally:
        _close(post)


def _send(notice: Notice, post: BaseEmailBackend) -> bool:
    """Whether the notice is done with: sent, or no longer to be told."""
    reason = moot(notice)
    if reason:
        log.info("notice_moot", notice=str(notice), reason=reason)
    else:
        try:
            message = letters.message(notice, post)
            give_back()
            message.send()
        except FAILURES as error:
            # The server may have hung up on us; the next mail begins a conversation of its own.
            _close(post)
            _put_off(notice, error)
            return False
    Notice.objects.filter(pk=notice.pk).update(sent_at=Now())
    return True


def _close(post: BaseEmailBackend) -> None:
    with contextlib.suppress(*FAILURES):
        post.close()


def _put_off(notice: Notice, error: Exception) -> None:
    """Try again later, or not at all once it is old. Of the error only its kind is logged: texts may hold addresses."""
    pause = PAUSES[min(notice.attempts, len(PAUSES) - 1)]
    columns: dict[str, Any] = {"try_at": Now() + pause}
    if timezone.now() - notice.created_at >= GIVEN_UP_AFTER:
        columns["try_at"] = NEVER
        log.error("notice_given_up", notice=str(notice), id=notice.pk, error=type(error).__name__)
    else:
        log.warning("notice_not_sent", notice=str(notice), id=notice.pk, error=type(error).__name__)
    Notice.objects.filter(pk=notice.pk).update(attempts=F("attempts") + 1, **columns)


def moot(notice: Notice) -> str:
    """Why a notice need not be told any more; empty as long as it must be."""
    if not letters.readers(notice):
        return "nobody to tell has an address and wants to be told"
    if notice.kind == Notice.Kind.SIGN_IN:
        return ""
    if notice.kind == Notice.Kind.CLIENT_REFUSED:
        refused = Provider.objects.filter(code=notice.provider, client_refused_at__isnull=False).exists()
        return "" if refused else "the provider accepts the client again"
    # Read again, since the mails before this one took their time.
    rows = Connection.objects.defer("secrets").select_related("provider")
    row = rows.filter(pk=notice.connection_id).first() if notice.connection_id else None
    if row is None or not row.provider.is_known():
        return "it is disconnected, or its provider is gone"
    if notice.kind == Notice.Kind.LOST:
        return "" if row.status == Connection.Status.NEEDS_REAUTH else "it works again"
    ends_so = row.status == Connection.Status.ACTIVE and reminders.end_of(row) in notice.cause
    return "" if ends_so else "it does not end then any more"
