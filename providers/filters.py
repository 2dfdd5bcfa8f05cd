"""How the admin's list of providers is narrowed by what stands in their files, which no query can look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from providers import categories
from providers.models import Provider


class CategoryFilter(admin.SimpleListFilter):
    """What it is for."""

    title = "category"
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        there = {row.spec.category for row in _known()} - {""}
        return [(one, categories.title(one)) for one in sorted(there, key=categories.place)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Provider]) -> QuerySet[Provider]:
        if self.value() is None:
            return queryset
        return queryset.filter(code__in=[row.code for row in _known() if row.spec.category == self.value()])


def _known() -> list[Provider]:
    return Provider.objects.defer("client_secret").known()
