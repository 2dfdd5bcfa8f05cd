"""The dashboard's addresses, below ``/app/``."""

from django.urls import path, re_path

from connections.dashboard import activity_views, catalogue_views, connection_views, home_views, key_views, start_views

KEY = r"(?P<key_id>[0-9A-Za-z]{8})"

urlpatterns = [
    path("", home_views.home, name="home"),
    path("waiting/", home_views.waiting_now, name="waiting"),
    path("start/", start_views.start, name="start"),
    path("start/steps/", start_views.steps_now, name="steps"),
    path("start/skip/", start_views.skip, name="skip-step"),
    path("start/hide/", start_views.hide, name="hide-path"),
    path("providers/", catalogue_views.catalogue, name="catalogue"),
    path("providers/<slug:code>/", catalogue_views.provider_page, name="provider"),
    path("providers/<slug:code>/connect/", catalogue_views.begin, name="begin"),
    path("connections/<uuid:connection_id>/", connection_views.connection_page, name="connection"),
    path("connections/<uuid:connection_id>/default/", connection_views.make_default, name="make-default"),
    path("connections/<uuid:connection_id>/name/", connection_views.rename_it, name="rename"),
    path("connections/<uuid:connection_id>/test/", connection_views.test_it, name="test"),
    path("connections/<uuid:connection_id>/refresh/", connection_views.refresh_it, name="refresh"),
    path("connections/<uuid:connection_id>/disconnect/", connection_views.disconnect, name="disconnect"),
    path("keys/", key_views.keys, name="keys"),
    path("keys/new/", key_views.new, name="new-key"),
    re_path(rf"^keys/{KEY}/$", key_views.key, name="key"),
    re_path(rf"^keys/{KEY}/rename/$", key_views.rename, name="rename-key"),
    re_path(rf"^keys/{KEY}/rotate/$", key_views.rotate, name="rotate-key"),
    re_path(rf"^keys/{KEY}/revoke/$", key_views.revoke, name="revoke-key"),
    re_path(rf"^keys/{KEY}/undo/$", key_views.undo, name="undo-key"),
    path("ledger/", activity_views.ledger, name="ledger"),
    path("ledger/export/", activity_views.export, name="export"),
]
