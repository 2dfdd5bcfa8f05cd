"""The floor under a fetch: what a bare Django view costs that reads one row and writes one.

It runs on the product's own server with the product's settings, but for the middleware (`floor_settings`).
"""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from apikeys.models import ApiKey, AuditEvent


def read_and_write(request: HttpRequest, key_id: str) -> HttpResponse:
    """A key with its user, and an event in the ledger."""
    key = ApiKey.objects.select_related("user").get(pk=key_id)
    AuditEvent.objects.create(user=key.user, action="bench.floor", api_key_id=key.pk)
    return JsonResponse({"status": "success", "data": {"key": key.name}})


urlpatterns = [path("floor/<key_id>", read_and_write)]
