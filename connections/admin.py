"""Connections and connect links in the admin: to look at. Deleting a connection goes through disconnect."""

from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from unfold.decorators import display

from apikeys.admin import ReadOnlyAdmin, moment, tell_owner
from apikeys.authentication import caller_of
from connections import connect, history_admin
from connections.models import Connection, OAuthSession

__all__ = ["ConnectionAdmin", "OAuthSessionAdmin", "history_admin"]

STATES = {"active": "success", "failing": "warning", "needs its user": "danger"}
VERIFICATIONS = {"verified": "success", "restricted": "info", "unverified": "warning"}
STEPS = {"completed": "success", "failed": "danger", "expired": "warning", "confirming": "warning"}
REVOCATIONS = {
    "revoked": "the provider has ended the grant",
    "unsupported": "the provider cannot be asked to end it; its user can, there",
    "failed": "the provider did not end the grant; its user can, there",
    "shared": "the grant lives on, for another connection uses it",
}


class StateFilter(admin.SimpleListFilter):
    """The states that the list shows."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("active", "Active"), ("failing", "Refresh is failing"), ("needs_reauth", "Needs its user")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        states = {
            "active": Q(status="active", failures=0),
            "failing": Q(status="active", failures__gt=0),
            "needs_reauth": Q(status="needs_reauth"),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    """What users have connected, without anything sealed."""

    list_display = (
        *("provider", "account", "user", "state", "verified", moment("expires_at", "Token ends"), "trouble"),
    )
    list_select_related = ("provider", "user")
    list_filter = (StateFilter, "verification", ("provider", admin.RelatedOnlyFieldListFilter))
    list_per_page = 50
    search_fields = ("account", "account_id", "user__email")
    search_help_text = "Account or person"
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
        ("State", {"fields": ("state", "status_reason", "verified", "failures", "last_error", "retry_at")}),
        (
            "Credential",
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

    @display(description="State", label=STATES, ordering="status")
    def state(self, row: Connection) -> str:
        """Whether it works, whether its refresh fails, whether its user must help."""
        if row.status == Connection.Status.NEEDS_REAUTH:
            return "needs its user"
        return "failing" if row.failures else "active"

    @display(description="Verification", label=VERIFICATIONS, ordering="verification")
    def verified(self, row: Connection) -> str:
        """How the credential was checked."""
        return row.verification

    @display(description="Failures", ordering="failures")
    def trouble(self, row: Connection) -> str:
        """How often refreshing failed in a row, and the beginning of the last error; all of it is on its own page."""
        if not row.last_error:
            return "-"
        return f"{row.failures} × {Truncator(row.last_error).chars(40)}" if row.failures else row.last_error

    @display(description="Scopes")
    def granted(self, row: Connection) -> str:
        """What the user agreed to, one in each line."""
        return "\n".join(row.scopes)

    @display(description="Refreshes")
    def history(self, row: Connection) -> SafeString:
        """Each attempt to renew its credential."""
        url = f"{reverse('admin:connections_refresh_changelist')}?connection_id={row.pk}"
        return format_html('<a href="{}" class="text-link">Its attempts</a>', url)

    @display(description="Ledger")
    def ledger(self, row: Connection) -> SafeString:
        """What happened to it."""
        url = f"{reverse('admin:apikeys_auditevent_changelist')}?connection_id={row.pk}"
        return format_html('<a href="{}" class="text-link">Its events</a>', url)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who has the permission may disconnect what belongs to somebody."""
        return request.user.has_perm("connections.delete_connection")

    def delete_model(self, request: HttpRequest, obj: Connection) -> None:
        """End it as its user would, and say what became of the grant."""
        revocation = end(request, obj)
        level = messages.WARNING if revocation == "failed" else messages.INFO
        self.message_user(request, f"{obj} is disconnected: {REVOCATIONS[revocation]}.", level)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> None:
        """End each of them so."""
        outcomes = Counter(end(request, row) for row in queryset)
        for revocation, number in outcomes.items():
            level = messages.WARNING if revocation == "failed" else messages.INFO
            self.message_user(request, f"{number} disconnected: {REVOCATIONS[revocation]}.", level)


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
        *(moment("created_at", "Created"), moment("expires_at", "Expires")),
    )
    list_select_related = ("provider", "user", "key")
    list_filter = ("status", ("provider", admin.RelatedOnlyFieldListFilter))
    search_fields = ("user__email", "key__name")
    search_help_text = "Person or key"
    ordering = ("-created_at",)
    fields = (
        *("provider", "user", "key", "step", "reason", "asks_for"),
        *("connection", "successor", "returns_to", "created_at", "expires_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[OAuthSession]:
        """Without what is sealed."""
        rows: QuerySet[OAuthSession] = super().get_queryset(request)
        return rows.defer("verifier", "grant", "login", "provider__client_secret")

    @display(description="State", label=STEPS, ordering="status")
    def step(self, row: OAuthSession) -> str:
        """How far it went."""
        return "expired" if row.is_over() else row.status

    @display(description="Asks for")
    def asks_for(self, row: OAuthSession) -> str:
        """Services and scopes, one in each line."""
        return "\n".join((*row.services, *row.scopes))

    @display(description="Returns to")
    def returns_to(self, row: OAuthSession) -> str:
        """The origin alone: what follows it is between the agent and its user."""
        address = urlsplit(row.return_url)
        return f"{address.scheme}://{address.netloc}" if address.netloc else ""
