"""How the OpenAPI document describes the API key.

It has a module of its own since drf-spectacular loads DRF's views, which load `apikeys.authentication`.
"""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """HTTP bearer authentication, as a Security Scheme Object."""

    target_class = "apikeys.authentication.ApiKeyAuthentication"
    name = "akhrotKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "akhrot_<id>_<secret>",
            "description": "An API key, made in the dashboard under API keys. The key is the user.",
        }
