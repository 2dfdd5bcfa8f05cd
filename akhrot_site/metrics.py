from __future__ import annotations

import ipaddress

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

from apikeys.addresses import client_address


def is_loopback(address: str | None) -> bool:
    """Whether `address` is this machine."""
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """For a collector on this machine, or staff: to everybody else there is nothing here.

    A request that some proxy passed on is not from this machine, though an untrusted proxy on it makes it look so.
    """
    is_direct = "HTTP_X_FORWARDED_FOR" not in request.META and is_loopback(client_address(request))
    if not is_direct and not request.user.is_staff:
        raise Http404
    response: HttpResponse = ExportToDjangoView(request)
    return response
