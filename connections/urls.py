"""Where the agent API, the connect link and the dashboard are found."""

from django.urls import include, path, re_path

from connections import (
    activity_views,
    connect_views,
    connection_views,
    home_views,
    key_views,
    phone_views,
    start_views,
    views,
)

# Converted by hand: `path` takes no optional trailing slash.
ID = r"(?P<session_id>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
KEY = r"(?P<key_id>[0-9A-Za-z]{8})"

urlpatterns = [
    path("", include("connections.api_urls")),
    re_path(rf"^connect/{ID}/?$", connect_views.connect, name="connect"),
    re_path(rf"^connect/{ID}/start/?$", connect_views.start, name="connect-start"),
    re_path(rf"^connect/{ID}/code/?$", phone_views.code, name="connect-code"),
    re_path(rf"^connect/{ID}/resend/?$", phone_views.resend, name="connect-resend"),
    re_path(rf"^connect/{ID}/password/?$", phone_views.password, name="connect-password"),
    re_path(rf"^connect/{ID}/cancel/?$", phone_views.cancel, name="connect-cancel"),
    re_path(rf"^connect/{ID}/choose/?$", connect_views.choose, name="connect-choose"),
    re_path(rf"^connect/{ID}/decide/?$", connect_views.decide, name="connect-decide"),
    re_path(rf"^connect/{ID}/again/?$", connect_views.again, name="connect-again"),
    re_path(r"^oauth/callback/(?P<code>[a-z0-9_-]{1,64})/?$", connect_views.come_back, name="callback"),
    path("app/", home_views.home, name="home"),
    path("app/waiting/", home_views.waiting_now, name="waiting"),
    path("app/start/", start_views.start, name="start"),
    path("app/start/steps/", start_views.steps_now, name="steps"),
    path("app/start/skip/", start_views.skip, name="skip-step"),
    path("app/start/hide/", start_views.hide, name="hide-path"),
    path("app/providers/", views.catalogue, name="catalogue"),
    path("app/providers/<slug:code>/", views.provider_page, name="provider"),
    path("app/providers/<slug:code>/connect/", views.begin, name="begin"),
    path("app/connections/<uuid:connection_id>/", connection_views.connection_page, name="connection"),
    path("app/connections/<uuid:connection_id>/default/", connection_views.make_default, name="make-default"),
    path("app/connections/<uuid:connection_id>/name/", connection_views.rename_it, name="rename"),
    path("app/connections/<uuid:connection_id>/test/", connection_views.test_it, name="test"),
    path("app/connections/<uuid:connection_id>/refresh/", connection_views.refresh_it, name="refresh"),
    path("app/connections/<uuid:connection_id>/disconnect/", connection_views.disconnect, name="disconnect"),
    path("app/keys/", key_views.keys, name="keys"),
    path("app/keys/new/", key_views.new, name="new-key"),
    re_path(rf"^app/keys/{KEY}/$", key_views.key, name="key"),
    re_path(rf"^app/keys/{KEY}/rename/$", key_views.rename, name="rename-key"),
    re_path(rf"^app/keys/{KEY}/rotate/$", key_views.rotate, name="rotate-key"),
    re_path(rf"^app/keys/{KEY}/revoke/$", key_views.revoke, name="revoke-key"),
    re_path(rf"^app/keys/{KEY}/undo/$", key_views.undo, name="undo-key"),
    path("app/ledger/", activity_views.ledger, name="ledger"),
    path("app/ledger/export/", activity_views.export, name="export"),
]
