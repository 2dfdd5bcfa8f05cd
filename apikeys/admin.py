"""API keys and the ledger in the admin: to look at, and to revoke. Nobody makes a key for somebody else."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from apikeys.authentication import caller_of
from apikeys.ledger import Caller, record
from apikeys.models import ApiKey, AuditEvent

# How many of the newest events tell which values the ledger's filters offer.
LOOKED_AT = 10_000
DAY = "%Y-%m-%d"
STATES = {"active": _("active"), "expired": _("expired"), "revoked": _("revoked")}
PERIODS = {
    "hour": (_("The last hour"), dt.timedelta(hours=1)),
    "day": (_("The last 24 hours"), dt.timedelta(days=1)),
    "week": (_("The last 7 days"), dt.timedelta(days=7)),
    "month": (_("The last 30 days"), dt.timedelta(days=30)),
}


class Named(NamedTuple):
    """A state in a list: the code that gives its colour, and its words, which are all that a row's own page shows."""

    code: str
    words: str

    def __str__(self) -> str:
        return self.words


def moment(field: str, title: str | Promise, form: str = "%Y-%m-%d %H:%M") -> Callable[[Model], str]:
    """A column that shows a time of the row in UTC and in one line, to the minute unless `form` says otherwise."""

    def column(row: Model) -> str:
        at: dt.datetime | None = getattr(row, field)
        return format_html('<span class="whitespace-nowrap">{}</span>', f"{at:{form}}") if at else "-"

    column.__name__ = field
    shown: Callable[[Model], str] = display(column, description=title, ordering=field)
    return shown


def tell_owner(caller: Caller, owner: User, action: str, **facts: Any) -> None:
    """What an administrator did to somebody else's things stands in that person's ledger too."""
    if owner != caller.user:
        record(replace(caller, user=owner), action, detail=f"by the administrator {caller.user.email}", **facts)


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]
    """Rows to look at: no adding, changing or deleting."""

    list_fullwidth = True
    list_disable_select_all = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No: the change page shows every field as text."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No."""
        return False


class StateFilter(admin.SimpleListFilter):
    """The states that `ApiKey.state` knows."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("expired", _("Expired")), ("revoked", _("Revoked"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        over = Q(expires_at__lte=timezone.now())
        states = {
            "active": ~over & Q(revoked_at=None),
            "expired": over & Q(revoked_at=None),
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Keys of all users. The digest is not shown; a key is revoked, never deleted."""

    list_display = (
        *("name", "id", "user", "state_label", "limited_to"),
        *(
            moment("created_at", _("Created"), DAY),
            moment("expires_at", _("Expires"), DAY),
            moment("last_used_at", _("Used")),
        ),
    )
    list_select_related = ("user",)
    list_filter = (StateFilter,)
    search_fields = ("name", "id", "user__email")
    search_help_text = _("Name, key or person")
    ordering = ("-created_at",)
    fields = (
        *("name", "id", "user", "state_label", "limited_to", "may_disconnect"),
        *("created_at", "expires_at", "revoked_at", "last_used_at"),
    )
    actions = ("revoke",)

    @display(description=_("State"), label={"active": "success", "expired": "warning", "revoked": "danger"})
    def state_label(self, row: ApiKey) -> Named:
        """Active, expired or revoked."""
        return Named(row.state, str(STATES[row.state]))

    @display(description=_("Providers"))
    def limited_to(self, row: ApiKey) -> str:
        """Which providers it may use."""
        return ", ".join(row.providers) or gettext("all")

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change keys may revoke them."""
        return request.user.has_perm("apikeys.change_apikey")

    @admin.action(description=_("Revoke the chosen keys"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        """End them now; whoever holds one is refused from its next call on."""
        ended = sum(_revoke(caller_of(request), row) for row in rows.select_related("user"))
        said = ngettext("%(number)d revoked.", "%(number)d revoked.", ended) % {"number": ended}
        self.message_user(request, said, messages.SUCCESS)


@transaction.atomic
def _revoke(caller: Caller, row: ApiKey) -> bool:
    if not row.revoke():
        return False
    record(caller, "key.revoke", detail=str(row))
    tell_owner(caller, row.user, "key.revoke")
    return True


class LatelyFilter(admin.SimpleListFilter):
    """The values that a column has among the newest events: a list of all would read the whole ledger."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = AuditEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        lately = AuditEvent.objects.filter(pk__gt=newest - LOOKED_AT)
        values = {*lately.values_list(str(self.parameter_name), flat=True).distinct(), self.value() or ""}
        return [(value, value) for value in sorted(values - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class ActionFilter(LatelyFilter):
    """What was done."""

    title, parameter_name = _("action"), "action"


class OutcomeFilter(LatelyFilter):
    """What came of it."""

    title, parameter_name = _("outcome"), "outcome"


class ProviderFilter(LatelyFilter):
    """At which provider."""

    title, parameter_name = _("provider"), "provider"


class PeriodFilter(admin.SimpleListFilter):
    """How far back."""

    title = _("time")
    parameter_name = "period"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, title) for name, (title, _length) in PERIODS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        if self.value() not in PERIODS:
            return queryset
        return queryset.filter(pk__gte=first_since(timezone.now() - PERIODS[str(self.value())][1]))


def first_since(at: dt.datetime) -> int:
    """The id of the first event at or after `at`, found by halving: the key grows with time, which has no index."""
    ids = AuditEvent.objects.values_list("pk", flat=True)
    low, high = ids.order_by("pk").first() or 0, (ids.order_by("-pk").first() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        event = AuditEvent.objects.filter(pk__gte=middle).order_by("pk").only("at").first()
        if event is None or event.at >= at:
            high = middle
        else:
            low = event.pk + 1
    return low


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The ledger, append-only here as everywhere. It may hold a year of events: nothing here counts or sorts them."""

    list_display = (moment("at", _("Time")), "user", "action", "result", "provider", "account", "api_key_id", "address")
    list_select_related = ("user",)
    list_filter = (PeriodFilter, ActionFilter, OutcomeFilter, ProviderFilter)
    search_fields = ("=request_id", "=api_key_id", "=provider", "^account", "=user__email")
    search_help_text = _("Request id, key id, provider, account or person")
    ordering = ("-pk",)
    sortable_by = ()
    paginator = InfinitePaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    fields = (
        *("at", "user", "action", "outcome", "provider", "account", "connection_id", "api_key_id"),
        *("address", "request_id", "purpose", "detail"),
    )

    @display(description=_("Outcome"), label={"ok": "success", "refused": "warning"})
    def result(self, row: AuditEvent) -> Named:
        """“ok”, or the code of the error answered."""
        return Named("ok" if row.outcome == "ok" else "refused", row.outcome)
