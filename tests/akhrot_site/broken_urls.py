"""Addresses of a site on which one view is broken."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from akhrot_site.urls import handler500 as handler500


def broken(request: HttpRequest) -> HttpResponse:
    """It fails with what nobody should read."""
    raise RuntimeError("TOPSECRET")


urlpatterns = [path("readyz", broken)]
