"""Users, their e-mail addresses and second factors in the admin's look. What a second factor knows is not shown."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminEmailInputWidget

from akhrot_site import departures
from akhrot_site import invitation_admin as invitation_admin
from akhrot_site.addresses import has_account
from apikeys.admin import ReadOnlyAdmin, moment
from apikeys.authentication import caller_of
from connections.admin import AsksToDelete, end
from connections.link import callback
from connections.models import Connection, OAuthSession

# The key of a session is as good as its password: no page shows one.
for model in (User, Group, EmailAddress, Authenticator, UserSession):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class NewUserForm(UserCreationForm):  # type: ignore[misc]
    """An account is an address and a password; the user name that Django wants is the address."""

    # A user name holds 150 characters.
    email = forms.EmailField(max_length=150, widget=UnfoldAdminEmailInputWidget())

    def clean_email(self) -> str:
        """Addresses are compared in lower case, and belong to one account."""
        email: str = self.cleaned_data["email"].lower()
        if has_account(email) or User.objects.filter(username__iexact=email).exists():
            raise forms.ValidationError(_("There is already an account with this address."))
        self.instance.username = email
        return email


@admin.register(User)
class UserAdmin(AsksToDelete, DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]
    """People. Turning one inactive ends his keys and sessions at once; nobody can lock himself out here."""

    form = forms.ModelForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = (
        *("email", "is_active", "is_administrator"),
        *(moment("last_login", _("Last sign-in")), moment("date_joined", _("Joined"))),
    )
    list_filter = ("is_active", "is_superuser")
    list_fullwidth = True
    list_disable_select_all = True
    search_fields = ("email",)
    search_help_text = _("E-mail address")
    ordering = ("email",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "sign_in")}),
        (_("Access"), {"fields": ("is_active", "is_superuser")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("email", "sign_in", "last_login", "date_joined")
    add_fieldsets = ((None, {"fields": ("email", "password1", "password2")}),)

    @display(description=_("Administrator"), boolean=True, ordering="is_superuser")
    def is_administrator(self, row: User) -> bool:
        """Whether this is one of those who may sign in here."""
        return row.is_superuser

    @display(description=_("Password"))
    def sign_in(self, row: User) -> str:
        """Where to give another one. Nothing of the old one is shown, its digest neither."""
        return format_html('<a href="{}" class="text-link">{}</a>', "../password/", gettext("Set another"))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """An address is changed by its owner, who must verify the next; one's own rights by somebody else."""
        if obj is None:
            return ()
        return (*self.readonly_fields, "is_active", "is_superuser") if obj == request.user else self.readonly_fields

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """There is one kind of administrator, and no finer permissions."""
        if db_field.name == "is_superuser":
            kwargs |= {"label": _("Administrator"), "help_text": _("May sign in here and do everything.")}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Administrators are those who may sign in here. Whom one of them adds need not verify the address."""
        obj.is_staff = obj.is_superuser
        super().save_model(request, obj, form, change)
        if not change:
            EmailAddress.objects.create(user=obj, email=obj.email, verified=True, primary=True)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Anybody but oneself."""
        return obj != request.user and bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Who would go, with how many connections. Keys and links go as well; the ledger keeps what was done."""
        connections = Connection.objects.filter(user__in=list(objs)).count()
        ended = ngettext(
            "%(number)d connection, ended at its provider where possible",
            "%(number)d connections, each ended at its provider where possible",
            connections,
        )
        what = [*(str(user) for user in objs), ended % {"number": connections}]
        return what, {"users": len(objs), "connections": connections}, set(), []

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        """Turn him off, so that nothing is added meanwhile; end what he has connected or begun, then the account."""
        User.objects.filter(pk=obj.pk).update(is_active=False)
        for row in Connection.objects.filter(user=obj).select_related("provider", "user"):
            end(request, row)
        for session in OAuthSession.objects.of(obj).unsettled():
            callback.drop(caller_of(request), session, departures.REASON)
        obj.delete()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End each account like a single one, except one's own."""
        for user in queryset:
            if user != request.user:
                self.delete_model(request, user)


@admin.register(EmailAddress)
class EmailAddressAdmin(ModelAdmin):  # type: ignore[misc]
    """Which addresses are verified; an address verified here needs no mail."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    list_fullwidth = True
    search_fields = ("email",)
    raw_id_fields = ("user",)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Second factors, without what they know. Deleting one lets somebody in who has lost his telephone."""

    list_display = ("user", "type", moment("created_at", _("Set up")), moment("last_used_at", _("Last used")))
    list_select_related = ("user",)
    list_filter = ("type",)
    search_fields = ("user__email",)
    search_help_text = _("Person")
    ordering = ("-created_at",)
    fields = ("user", "type", "created_at", "last_used_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Authenticator]:
        """Without the secrets."""
        rows: QuerySet[Authenticator] = super().get_queryset(request)
        return rows.defer("data")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """By what is shown alone: whoever may filter by a secret reads it sign by sign."""
        shown = lookup.partition("__")[0] in self.fields
        return shown and bool(super().lookup_allowed(lookup, value, request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever has the permission may delete one."""
        return request.user.has_perm("mfa.delete_authenticator")
