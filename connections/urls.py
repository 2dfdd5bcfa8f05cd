"""Where the agent API, the connect link and the dashboard are found."""

from django.urls import include, path, re_path

from connections.link import phone_views, views

# Converted by hand: `path` takes no optional trailing slash.
ID = r"(?P<session_id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"

urlpatterns = [
    path("", include("connections.api_urls")),
    path("app/", include("connections.dashboard.urls")),
    re_path(rf"^connect/{ID}/?$", views.connect, name="connect"),
    re_path(rf"^connect/{ID}/start/?$", views.start, name="connect-start"),
    re_path(rf"^connect/{ID}/code/?$", phone_views.code, name="connect-code"),
    re_path(rf"^connect/{ID}/resend/?$", phone_views.resend, name="connect-resend"),
    re_path(rf"^connect/{ID}/password/?$", phone_views.password, name="connect-password"),
    re_path(rf"^connect/{ID}/cancel/?$", phone_views.cancel, name="connect-cancel"),
    re_path(rf"^connect/{ID}/choose/?$", views.choose, name="connect-choose"),
    re_path(rf"^connect/{ID}/decide/?$", views.decide, name="connect-decide"),
    re_path(rf"^connect/{ID}/again/?$", views.again, name="connect-again"),
    re_path(r"^oauth/callback/(?P<code>[a-z0-9_-]{1,64})/?$", views.come_back, name="callback"),
]
