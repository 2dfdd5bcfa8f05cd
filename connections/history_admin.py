"""Attempts to renew, and what people are told by mail, in the admin: to look at."""

import datetime as dt
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apikeys.admin import Named, ReadOnlyAdmin, moment
from connections.models import Notice, Refresh

OUTCOMES = {
    "renewed": "success",
    "late": "success",
    "unavailable": "warning",
    "interrupted": "warning",
    "revoked": "danger",
    "client_refused": "danger",
}
STATES = {"sent": "success", "waiting": "info", "given_up": "danger"}
NAMES = {"sent": _("sent"), "waiting": _("waiting"), "given_up": _("given up")}
# A notice whose next try lies so far ahead has none.
NEVER = dt.timedelta(days=365)


@admin.register(Refresh)
class RefreshAdmin(ReadOnlyAdmin):
    """Each attempt to renew a credential: when it ended, how long it took, what came of it."""

    list_display = ("connection", "result", "took", "reason", moment("at", _("Ended")))
    list_select_related = ("connection",)
    list_filter = ("outcome", ("connection__provider", admin.RelatedOnlyFieldListFilter))
    list_per_page = 50
    show_full_result_count = False
    search_fields = ("connection__account",)
    search_help_text = _("Account")
    ordering = ("-id",)
    fields = ("connection", "result", "took", "reason", "at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refresh]:
        """Without what is sealed."""
        rows: QuerySet[Refresh] = super().get_queryset(request)
        return rows.defer("connection__secrets")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """The connection's page links here."""
        allowed: bool = super().lookup_allowed(lookup, value, request)
        return allowed or lookup == "connection_id"

    @display(description=_("Outcome"), label=OUTCOMES, ordering="outcome")
    def result(self, row: Refresh) -> Named:
        """What came of it."""
        return Named(row.outcome, row.get_outcome_display())

    @display(description=_("Took"), ordering="took_ms")
    def took(self, row: Refresh) -> str:
        """How long it took."""
        return gettext("%(number)s ms") % {"number": f"{row.took_ms:,}"}


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """What people are told by mail, and whether the mail has left."""

    list_display = ("kind", "told", "provider", "state", "attempts", moment("created_at", _("Written")))
    list_select_related = ("user",)
    list_filter = ("kind",)
    search_fields = ("user__email", "provider")
    search_help_text = _("Person or provider")
    ordering = ("-id",)
    fields = (
        "kind",
        "told",
        "connection",
        "provider",
        "reason",
        "state",
        "attempts",
        "created_at",
        "try_at",
        "sent_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        """Without what is sealed."""
        rows: QuerySet[Notice] = super().get_queryset(request)
        return rows.defer("connection__secrets")

    @display(description=_("Told to"))
    def told(self, row: Notice) -> Any:
        """Who gets the mail."""
        return row.user or gettext("the operators")

    @display(description=_("State"), label=STATES)
    def state(self, row: Notice) -> Named:
        """Whether the mail has left."""
        is_over = row.try_at > timezone.now() + NEVER
        state = "sent" if row.sent_at else "given_up" if is_over else "waiting"
        return Named(state, str(NAMES[state]))
