"""The pages of invitations: the operator's list, and what an invited person sees."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.adapter import get_adapter
from allauth.account.utils import complete_signup
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from akhrot_site import invitations
from akhrot_site.account_forms import dress_new_passwords
from akhrot_site.addresses import has_account
from akhrot_site.guards import for_operators, limited
from akhrot_site.models import Invitation
from akhrot_site.templatetags.accounts import mail_is_sent
from apikeys.authentication import caller_of
from apikeys.ledger import record

PAGE = 25


class InviteForm(forms.Form):
    email = forms.EmailField(
        max_length=150,
        label=gettext_lazy("E-mail"),
        help_text=gettext_lazy(
            "The person with this address can create one account, and sees only their own connections."
        ),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def clean_email(self) -> str:
        """Addresses are compared in lower case, and belong to one account."""
        email: str = self.cleaned_data["email"].lower()
        if has_account(email):
            raise forms.ValidationError(_("There is already an account with this address."))
        return email


class JoinForm(forms.Form):
    """The account of an invited person, whose address is settled."""

    password1 = forms.CharField(strip=False, widget=forms.PasswordInput(attrs={"autofocus": True}))
    password2 = forms.CharField(strip=False, widget=forms.PasswordInput)

    def __init__(self, email: str, sent: Any = None) -> None:
        super().__init__(sent, label_suffix="")
        self.email = email
        dress_new_passwords(self, gettext_lazy("Password"), gettext_lazy("Password again"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        password = data.get("password1")
        if password and password != data.get("password2", password):
            self.add_error("password2", _("The two passwords differ."))
        if password:
            try:
                get_adapter().clean_password(password, user=User(email=self.email))
            except forms.ValidationError as error:
                self.add_error("password1", error)
        return data


@for_operators
@limited("invite")
@require_http_methods(["GET", "HEAD", "POST"])
def people(request: HttpRequest) -> HttpResponse:
    """Who was invited and what became of it; inviting somebody (POST) shows the link, this once."""
    form = InviteForm(request.POST or None, label_suffix="")
    if request.method == "POST" and not invitations.are_open():
        raise Http404
    if request.method != "POST" or not form.is_valid():
        return _page(request, form)
    row, token = Invitation.objects.invite(form.cleaned_data["email"], caller_of(request).user)
    return _invited(request, row, token)


@for_operators
@limited("invite")
@require_POST
def send_again(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Another link for somebody who is invited; the one before is void."""
    row = get_object_or_404(Invitation.objects.open(), pk=invitation_id)
    if not invitations.are_open() or has_account(row.email):
        raise Http404
    return _invited(request, row, row.renew(caller_of(request).user))


@for_operators
@require_POST
def revoke(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Void the link of an invitation that nobody has accepted."""
    row = get_object_or_404(Invitation.objects.open(), pk=invitation_id)
    row.revoke()
    record(caller_of(request), "invitation.revoke")
    messages.success(
        request, _("The invitation for %(email)s is withdrawn. Its link no longer works.") % {"email": row}
    )
    return redirect("account_people")


def _invited(request: HttpRequest, row: Invitation, token: str) -> HttpResponse:
    record(caller_of(request), "invitation.send")
    sent = mail_is_sent() and invitations.send(row, token)
    return _page(request, InviteForm(label_suffix=""), made=row, link=invitations.link(token), sent=sent)


def _page(request: HttpRequest, form: InviteForm, **made: Any) -> HttpResponse:
    rows = Invitation.objects.select_related("invited_by").order_by("-created_at")
    context = {
        "form": form,
        "is_open": invitations.are_open(),
        "signup": settings.AKHROT_SIGNUP,
        "invitations": Paginator(rows, PAGE).get_page(request.GET.get("page")),
        "accounts": User.objects.filter(is_active=True).count(),
        **made,
    }
    return render(request, "account/people.html", context, status=422 if form.errors else 200)


@never_cache
@sensitive_post_parameters("password1", "password2")
@limited("signup")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind an invitation's link. Previews open it too: a GET changes nothing."""
    row = Invitation.objects.by_token(token) if invitations.are_open() else None
    if row is None:
        return render(request, "account/invitation_void.html", status=404)
    if request.user.is_authenticated or has_account(row.email):
        return render(request, "account/invitation_needless.html", {"invitation": row})
    form = JoinForm(row.email, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {"invitation": row, "form": form}
        return render(request, "account/invitation.html", context, status=422 if form.errors else 200)
    try:
        user = invitations.accept(request, row, form.cleaned_data["password1"])
    except invitations.NotInTime:
        return render(request, "account/invitation_void.html", status=404)
    joined: HttpResponse = complete_signup(request, user, None, settings.LOGIN_REDIRECT_URL)
    return joined
