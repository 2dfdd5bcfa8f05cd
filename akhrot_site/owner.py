"""The first account, made with a one-time link that `up` prints, or by `manage.py owner`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from akhrot_site import browsers
from akhrot_site.account_forms import GOOD_PASSWORD

SALT = "akhrot.owner"
LINK_SECONDS = 24 * 3600
# Any number does, so long as nothing else in this database takes the same advisory lock.
ADVISORY_LOCK = 0x616B68726F74
NEW_PASSWORD = {"class": "form-control", "autocomplete": "new-password"}


class OwnerExists(Exception):
    """This instance has its owner."""


def owner_exists() -> bool:
    """Whether there is a superuser."""
    return User.objects.filter(is_superuser=True).exists()


def link() -> str:
    """A fresh one-time link for whoever makes the first account."""
    token = signing.TimestampSigner(salt=SALT).sign("owner")
    return settings.AKHROT_BASE_URL + reverse("owner", args=[token])


def token_is_ours(token: str, *, max_age: int | None = LINK_SECONDS) -> bool:
    """Whether a token of such a link was made here, at most `max_age` seconds ago."""
    try:
        return signing.TimestampSigner(salt=SALT).unsign(token, max_age=max_age) == "owner"
    except signing.BadSignature:
        return False


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """A transaction in which nobody else makes the first superuser, or lets the last one go.

    No constraint can say how many superusers there are, so those who ask stand in line: SQLite's transactions begin
    with the write lock, PostgreSQL has a lock for the purpose.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        yield


def make_owner(email: str, password: str) -> User:
    """Make the first superuser. Raises OwnerExists, also for the slower of two that come at the same moment."""
    with one_at_a_time():
        if owner_exists():
            raise OwnerExists
        user = User.objects.create_superuser(username=email, email=email, password=password)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


class OwnerForm(forms.Form):
    email = forms.EmailField(
        max_length=150,
        label=_("E-mail"),
        widget=forms.EmailInput(attrs={"class": "form-control", "autocomplete": "username", "autofocus": True}),
    )
    password = forms.CharField(widget=forms.PasswordInput(attrs=NEW_PASSWORD), strip=False, help_text=GOOD_PASSWORD)
    password_again = forms.CharField(widget=forms.PasswordInput(attrs=NEW_PASSWORD), strip=False)

    def clean_email(self) -> str:
        """Addresses are compared in lower case."""
        email: str = self.cleaned_data["email"]
        return email.lower()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        password = data.get("password")
        if password and password != data.get("password_again", password):
            self.add_error("password_again", _("The two passwords differ."))
        if password:
            try:
                validate_password(password, User(email=data.get("email", "")))
            except ValidationError as error:
                self.add_error("password", error)
        return data


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: HttpRequest, token: str) -> HttpResponse:
    """The page behind the link; it is there only as long as there is no owner."""
    if owner_exists() or not token_is_ours(token):
        return _gone(request, token)
    form = OwnerForm(request.POST or None)
    if not form.is_valid():
        return render(request, "owner.html", {"form": form})
    try:
        user = make_owner(form.cleaned_data["email"], form.cleaned_data["password"])
    except OwnerExists:
        return _gone(request, token)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    response = redirect("start")
    browsers.begin(request, response, user)
    return response


def _gone(request: HttpRequest, token: str) -> HttpResponse:
    """The answer to a link that is over: a page if it was one of ours, and a plain 404 if it was made up."""
    if not token_is_ours(token, max_age=None):
        raise Http404
    return render(request, "owner_gone.html", {"has_owner": owner_exists()}, status=404)
