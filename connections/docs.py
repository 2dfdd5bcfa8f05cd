"""``/openapi.json`` and ``/docs``: the document that views describe themselves in, and the page to try it on."""

from typing import Any

from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response


class Document(SpectacularAPIView):
    """The OpenAPI document as JSON."""

    renderer_classes = [OpenApiJsonRenderer]


class Page(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files. The split view has no inline script, which our policy forbids."""

    template_name = "docs.html"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The page, or its script. Other sites may include a script, and the API has no use for a CSRF token."""
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response.data["csrf_token"] = ""
        return response
