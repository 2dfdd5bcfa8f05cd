"""The server's addresses."""

from django.contrib.auth.views import LoginView
from django.urls import path
from oauth2_provider.views import RevokeTokenView, TokenView

from tests.oauth_server import control, views

urlpatterns = [
    path("login", LoginView.as_view(template_name="login.html")),
    path("o/authorize/", views.Consent.as_view()),
    path("o/token/", TokenView.as_view()),
    path("o/revoke_token/", RevokeTokenView.as_view()),
    path(".well-known/oauth-authorization-server", views.metadata),
    path("me", views.me),
    path("api/files", views.files),
    path("_control/counts", control.counts),
    path("_control/reset", control.reset),
    path("_control/fault", control.fault),
    path("_control/expire", control.expire),
    path("_control/revoke-grants", control.revoke_grants),
    path("_control/allow-redirect", control.allow_redirect),
    path("_control/mint", control.mint),
]
