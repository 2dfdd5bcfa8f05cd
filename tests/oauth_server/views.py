"""The pages and the API of the server: consent by scope, whose token it is, some files."""

import json
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from oauth2_provider.models import AccessToken
from oauth2_provider.views import AuthorizationView, ConnectDiscoveryInfoView

from tests.oauth_server.settings import OAUTH2_PROVIDER, SENDS_ISS

SCOPES: dict[str, str] = OAUTH2_PROVIDER["SCOPES"]  # type: ignore[assignment]


class Consent(AuthorizationView):
    """The authorization endpoint; its redirects say who answers (RFC 9207)."""

    template_name = "consent.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        """What the user ticked of what was asked is what is granted; with nothing ticked, nothing is allowed."""
        kwargs: dict[str, Any] = super().get_form_kwargs()
        if self.request.method == "POST":
            sent = kwargs["data"].copy()
            asked = self.request.GET.get("scope", sent.get("scope", "")).split()
            granted = [scope for scope in asked if scope in self.request.POST.getlist("granted")]
            if granted:
                sent["scope"] = " ".join(granted)
            else:
                sent.pop("allow", None)
            kwargs["data"] = sent
        return kwargs

    def redirect(self, redirect_to: str, application: Any) -> HttpResponse:
        """Every answer to the client passes here, also errors."""
        from tests.oauth_server import dialects

        dialects.note_consent(self.request, redirect_to)
        if SENDS_ISS:
            joint = "&" if "?" in redirect_to else "?"
            redirect_to += joint + urlencode({"iss": issuer(self.request)})
        response: HttpResponse = super().redirect(redirect_to, application)
        return response


def issuer(request: HttpRequest) -> str:
    """This server's issuer identifier."""
    return f"http://{request.get_host()}"


def metadata(request: HttpRequest) -> HttpResponse:
    """RFC 8414."""
    base = issuer(request)
    return JsonResponse(
        {
            "issuer": base,
            "authorization_endpoint": f"{base}/o/authorize/",
            "token_endpoint": f"{base}/o/token/",
            "revocation_endpoint": f"{base}/o/revoke_token/",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "scopes_supported": list(SCOPES),
            "authorization_response_iss_parameter_supported": SENDS_ISS,
            "code_challenge_methods_supported": ["S256"],
        }
    )


class Discovery(ConnectDiscoveryInfoView):
    """OpenID Connect's document, which also promises what the redirects do."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What the toolkit says, and ``iss`` and the revocation endpoint beside."""
        said = json.loads(super().get(request, *args, **kwargs).content)
        said["authorization_response_iss_parameter_supported"] = SENDS_ISS
        said["revocation_endpoint"] = f"{issuer(request)}/o/revoke_token/"
        return JsonResponse(said)


def token_of(request: HttpRequest) -> AccessToken | None:
    """The living token that a request carries."""
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    token: AccessToken | None = AccessToken.objects.filter(token=shown).select_related("user").first()
    return token if token and not token.is_expired() else None


def _refused(error: str, status: int) -> HttpResponse:
    """RFC 6750, section 3."""
    return JsonResponse({"error": error}, status=status, headers={"WWW-Authenticate": f'Bearer error="{error}"'})


@csrf_exempt
def me(request: HttpRequest) -> HttpResponse:
    """Whose token it is."""
    token = token_of(request)
    if token is None:
        return _refused("invalid_token", 401)
    return JsonResponse({"sub": str(token.user.pk), "email": token.user.email, "name": token.user.username})


@csrf_exempt
def files(request: HttpRequest) -> HttpResponse:
    """An API that needs the scope files.read."""
    token = token_of(request)
    if token is None:
        return _refused("invalid_token", 401)
    if "files.read" not in token.scope.split():
        return _refused("insufficient_scope", 403)
    return JsonResponse([{"name": "walnuts.txt", "owner": token.user.email}], safe=False)
