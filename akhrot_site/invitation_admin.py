"""Invitations in the admin: to look at and to withdraw. They are made on the page that may show the link."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from akhrot_site.models import Invitation
from apikeys.admin import Named, ReadOnlyAdmin, moment
from apikeys.authentication import caller_of
from apikeys.ledger import record

NAMES = {"accepted": _("accepted"), "waiting": _("waiting"), "expired": _("expired"), "revoked": _("revoked")}
STATES = {"accepted": "success", "waiting": "info", "expired": "warning"}


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Who was invited by whom, and what came of it."""

    list_display = (
        *("email", "standing", "invited_by", "account"),
        *(moment("created_at", _("Invited")), moment("expires_at", _("Lapses"))),
    )
    list_select_related = ("invited_by", "account")
    search_fields = ("email",)
    search_help_text = _("E-mail address")
    ordering = ("-created_at",)
    fields = ("email", "standing", "invited_by", "account", "created_at", "expires_at", "accepted_at", "revoked_at")

    @display(description=_("State"), label=STATES)
    def standing(self, row: Invitation) -> Named:
        """Whether it waits, was accepted or withdrawn, or has lapsed."""
        return Named(row.state, str(NAMES[row.state]))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may see this list may invite."""
        return request.user.is_active and request.user.is_superuser

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page of the dashboard that shows the link, once."""
        return redirect("account_people")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting it withdraws it as well: its link opens nothing."""
        return request.user.has_perm("akhrot_site.delete_invitation")

    def delete_model(self, request: HttpRequest, obj: Invitation) -> None:
        """Withdraw and forget it."""
        if obj.revoke():
            record(caller_of(request), "invitation.revoke")
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        """Withdraw and forget each of them."""
        for row in queryset:
            self.delete_model(request, row)
