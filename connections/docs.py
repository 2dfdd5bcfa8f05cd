"""``/openapi.json`` and ``/docs``: the document that views describe themselves in, and the page to try it on."""

from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class Document(SpectacularAPIView):
    """The OpenAPI document as JSON."""

    renderer_classes = [OpenApiJsonRenderer]


class Page(SpectacularSwaggerSplitView):
    """Swagger UI from our own static files. The split view has no inline script, which our policy forbids."""

    template_name = "docs.html"
