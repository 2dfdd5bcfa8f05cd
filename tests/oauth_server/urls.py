"""The server's addresses."""

from django.contrib.auth.views import LoginView
from django.urls import include, path
from oauth2_provider.views import JwksInfoView, RevokeTokenView, TokenView, UserInfoView

from tests.oauth_server import control, dialects, views

# The toolkit finds its own addresses under this name, and takes the issuer from where discovery stands.
oauth = [
    path("o/authorize/", views.Consent.as_view(), name="authorize"),
    path("o/token/", TokenView.as_view(), name="token"),
    path("o/revoke_token/", RevokeTokenView.as_view(), name="revoke-token"),
    path("o/userinfo/", UserInfoView.as_view(), name="user-info"),
    path(".well-known/openid-configuration", views.Discovery.as_view(), name="oidc-connect-discovery-info"),
    path(".well-known/jwks.json", JwksInfoView.as_view(), name="jwks-info"),
]

urlpatterns = [
    path("", include((oauth, "oauth2_provider"))),
    path("login", LoginView.as_view(template_name="login.html")),
    path(".well-known/oauth-authorization-server", views.metadata),
    path("me", views.me),
    path("api/files", views.files),
    path("dialects/<str:dialect>/token", dialects.token),
    path("long/<str:step>", dialects.long_token),
    path("sites", dialects.sites),
    path("sites/<str:site>/files", dialects.site_files),
    path("_control/", control.counts),
    path("_control/reset", control.reset),
    path("_control/fault", control.fault),
    path("_control/expire", control.expire),
    path("_control/revoke-grants", control.revoke_grants),
    path("_control/allow-redirect", control.allow_redirect),
    path("_control/mint", control.mint),
]
