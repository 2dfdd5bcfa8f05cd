"""How the admin's list of providers is narrowed by what stands in their files, which no query can look at."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from providers import categories
from providers.models import Provider

KINDS = {"oauth2": "OAuth", "api_key": _("API key"), "basic": "Basic", "mtproto": _("Telegram session")}


def sent_there() -> Q:
    """The rows whose users are sent to the provider, which takes an OAuth client of the operator's."""
    return Q(code__in=[row.code for row in known() if row.spec.sign_in])


def waiting_for_client() -> Q:
    """The rows that nobody can connect before the operator has set an OAuth client."""
    return Q(code__in=[row.code for row in known() if not row.is_configured()])


def of_kind(kind: str) -> Q:
    """The rows that are connected in a way with this `auth`."""
    return Q(code__in=[row.code for row in known() if kind in {way.auth for way in row.spec.every_way().values()}])


def known() -> list[Provider]:
    """Every row with a specification, its own or the catalogue's: what stands in files no query can look at."""
    return Provider.objects.defer("client_secret").known()


class CategoryFilter(admin.SimpleListFilter):
    """What it is for."""

    title = _("category")
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        there = {row.spec.category for row in known()} - {""}
        return [(one, categories.title(one)) for one in sorted(there, key=categories.place)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> QuerySet[Provider]:
        if self.value() is None:
            return queryset
        return queryset.filter(code__in=[row.code for row in known() if row.spec.category == self.value()])


class KindFilter(admin.SimpleListFilter):
    """How users connect it."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> QuerySet[Provider]:
        return queryset.filter(of_kind(str(self.value()))) if self.value() in KINDS else queryset


class ClientFilter(admin.SimpleListFilter):
    """Whether users can connect it already."""

    title = _("state")
    parameter_name = "client"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        missing, refused = _("OAuth client not set"), _("OAuth client refused")
        return [("ready", _("Ready")), ("set", _("OAuth client set")), ("missing", missing), ("refused", refused)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> QuerySet[Provider]:
        refused = Q(client_refused_at__isnull=False)
        if self.value() == "ready":
            return queryset.exclude(waiting_for_client() | refused)
        if self.value() == "missing":
            return queryset.filter(sent_there(), client_id="")
        if self.value() == "set":
            return queryset.filter(sent_there()).exclude(Q(client_id="") | refused)
        return queryset.filter(refused) if self.value() == "refused" else queryset
