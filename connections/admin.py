"""Connections and connect links in the admin: to look at. Deleting a connection goes through disconnect."""

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apikeys.admin import Named, ReadOnlyAdmin, moment, tell_owner
from apikeys.authentication import caller_of
from connections import connect, history_admin
from connections.models import Connection, OAuthSession

__all__ = ["ConnectionAdmin", "OAuthSessionAdmin", "history_admin"]

STATES = {"active": "success", "failing": "warning", "needs_reauth": "danger"}
NAMES = {"active": _("active"), "failing": _("failing"), "needs_reauth": _("needs its user")}
VERIFICATION_NAMES = {"verified": _("verified"), "restricted": _("restricted"), "unverified": _("unverified")}
VERIFICATIONS = {"verified": "success", "restricted": "info", "unverified": "warning"}
STEP_NAMES = {
    "pending": _("pending"),
    "started": _("started"),
    "confirming": _("confirming"),
    "completed": _("completed"),
    "failed": _("failed"),
    "expired": _("expired"),
}
STEPS = {"completed": "success", "failed": "danger", "expired": "warning", "confirming": "warning"}
REVOCATIONS = {
    "revoked": _("the provider has ended the grant"),
    "unsupported": _("the provider cannot be asked to end it; its user can, there"),
    "failed": _("the provider did not end the grant; its user can, there"),
    "shared": _("the grant lives on, for another connection uses it"),
}


class StateFilter(admin.SimpleListFilter):
    """The states that the list shows."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("active", _("Active")), ("failing", _("Refresh is failing")), ("needs_reauth", _("Needs its user"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        states = {
            "active": Q(status="active", failures=0),
            "failing": Q(status="active", failures__gt=0),
            "needs_reauth": Q(status="needs_reauth"),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


class AsksToDelete:
    """An admin that asks providers before it deletes.

    Django's page deletes within a transaction, in which nobody else could write to SQLite while a provider thinks.
    """

    _delete_view: Callable[..., HttpResponseBase]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponseBase:
        """Django's without its transaction: each deed has one of its own."""
        return self._delete_view(request, object_id, extra_context)


@admin.register(Connection)
class ConnectionAdmin(AsksToDelete, ReadOnlyAdmin):
    """What users have connected, without anything sealed."""

    list_display = (
        *("provider", "account", "user", "state", "verified", moment("expires_at", _("Token ends")), "trouble"),
    )
    list_select_related = ("provider", "user")
    list_filter = (StateFilter, "verification", ("provider", admin.RelatedOnlyFieldListFilter))
    list_per_page = 50
    search_fields = ("account", "account_id", "user__email")
    search_help_text = _("Account or person")
    ordering = ("-created_at",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "provider",
                    "account",
                    "account_id",
                    "user",
                    "is_default",
                    "granted",
                    "inputs",
                    "ledger",
                    "history",
                )
            },
        ),
        (_("State"), {"fields": ("state", "status_reason", "verified", "failures", "last_error", "retry_at")}),
        (
            _("Credential"),
            {
                "fields": (
                    "token_id",
                    "generation",
                    "issued_at",
                    "expires_at",
                    "refreshable",
                    "refresh_at",
                    "ends_at",
                    "created_at",
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        """Without what is sealed."""
        rows: QuerySet[Connection] = super().get_queryset(request)
        return rows.defer("secrets", "provider__client_secret")

    @display(description=_("State"), label=STATES, ordering="status")
    def state(self, row: Connection) -> Named:
        """Whether it works, whether its refresh fails, whether its user must help."""
        state = "failing" if row.failures and row.status == Connection.Status.ACTIVE else str(row.status)
        return Named(state, str(NAMES[state]))

    @display(description=_("Verification"), label=VERIFICATIONS, ordering="verification")
    def verified(self, row: Connection) -> Named:
        """How the credential was checked."""
        return Named(row.verification, str(VERIFICATION_NAMES[row.verification]))

    @display(description=_("Failures"), ordering="failures")
    def trouble(self, row: Connection) -> str:
        """How often refreshing failed in a row, and the beginning of the last error; all of it is on its own page."""
        if not row.last_error:
            return "-"
        return f"{row.failures} × {Truncator(row.last_error).chars(40)}" if row.failures else row.last_error

    @display(description=_("Scopes"))
    def granted(self, row: Connection) -> str:
        """What the user agreed to, one in each line."""
        return "\n".join(row.scopes)

    @display(description=_("Refreshes"))
    def history(self, row: Connection) -> SafeString:
        """Each attempt to renew its credential."""
        url = f"{reverse('admin:connections_refresh_changelist')}?connection_id={row.pk}"
        return format_html('<a href="{}" class="text-link">{}</a>', url, gettext("Its attempts"))

    @display(description=_("Ledger"))
    def ledger(self, row: Connection) -> SafeString:
        """What happened to it."""
        url = f"{reverse('admin:apikeys_auditevent_changelist')}?connection_id={row.pk}"
        return format_html('<a href="{}" class="text-link">{}</a>', url, gettext("Its events"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has the permission may disconnect other people's connections."""
        return request.user.has_perm("connections.delete_connection")

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:
        """End it as its user would, and say what became of the grant."""
        revocation = end(request, obj)
        level = messages.WARNING if revocation == "failed" else messages.INFO
        said = gettext("{connection} is disconnected: {grant}.")
        self.message_user(request, said.format(connection=obj, grant=REVOCATIONS[revocation]), level)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """End each of them like a single one, and say what became of how many grants."""
        outcomes = Counter(end(request, row) for row in queryset)
        for revocation, number in outcomes.items():
            level = messages.WARNING if revocation == "failed" else messages.INFO
            said = ngettext("{number} disconnected: {grant}.", "{number} disconnected: {grant}.", number)
            self.message_user(request, said.format(number=number, grant=REVOCATIONS[revocation]), level)


def end(request: HttpRequest, row: Connection) -> str:
    """Disconnect somebody's connection as the signed-in administrator; what became of the grant."""
    caller = caller_of(request)
    revocation = connect.disconnect(caller, row)
    facts = {"provider": row.provider_id, "account": row.account, "connection_id": row.pk}
    tell_owner(caller, row.user, "connection.disconnect", **facts)
    return revocation


@admin.register(OAuthSession)
class OAuthSessionAdmin(ReadOnlyAdmin):
    """Connect links: who asked for what, and what came of it. State, nonce, and what is sealed are not shown."""

    list_display = (
        *("provider", "user", "key", "step", "reason"),
        *(moment("created_at", _("Created")), moment("expires_at", _("Expires"))),
    )
    list_select_related = ("provider", "user", "key")
    list_filter = ("status", ("provider", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__email", "key__name")
    search_help_text = _("Person or key")
    ordering = ("-created_at",)
    fields = (
        *("provider", "user", "key", "step", "reason", "asks_for"),
        *("connection", "successor", "returns_to", "created_at", "expires_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[OAuthSession]:
        """Without what is sealed."""
        rows: QuerySet[OAuthSession] = super().get_queryset(request)
        return rows.defer("verifier", "grant", "login", "provider__client_secret")

    @display(description=_("State"), label=STEPS, ordering="status")
    def step(self, row: OAuthSession) -> Named:
        """How far it went."""
        step = "expired" if row.is_over() else str(row.status)
        return Named(step, str(STEP_NAMES[step]))

    @display(description=_("Asks for"))
    def asks_for(self, row: OAuthSession) -> str:
        """Services and scopes, one in each line."""
        return "\n".join((*row.services, *row.scopes))

    @display(description=_("Returns to"))
    def returns_to(self, row: OAuthSession) -> str:
        """The origin alone: what follows it is between the agent and its user."""
        address = urlsplit(row.return_url)
        return f"{address.scheme}://{address.netloc}" if address.netloc else ""
