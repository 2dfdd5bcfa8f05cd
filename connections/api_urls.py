"""The agent API's addresses, each with and without a trailing slash and without a redirect."""

from django.urls import re_path

from connections import api, docs

urlpatterns = [
    re_path(r"^ai/context/summary/?$", api.Summary.as_view(), name="summary"),
    re_path(r"^ai/context/?$", api.Overview.as_view(), name="overview"),
    re_path(r"^ai/context/(?P<provider>[^/]+)/?$", api.ProviderContext.as_view(), name="provider-context"),
    re_path(
        r"^ai/context/(?P<provider>[^/]+)/(?P<service>[^/]+)/?$", api.ServiceContext.as_view(), name="service-context"
    ),
    re_path(r"^ai/skill/?$", api.Skill.as_view(), name="skill"),
    re_path(r"^tokens/fetch/?$", api.Fetch.as_view(), name="fetch"),
    re_path(r"^oauth/sessions/?$", api.Sessions.as_view(), name="sessions"),
    re_path(r"^oauth/sessions/(?P<session_id>[^/]+)/?$", api.Session.as_view(), name="session"),
    re_path(r"^providers/?$", api.Providers.as_view(), name="providers"),
    re_path(r"^connections/?$", api.Connections.as_view(), name="connections"),
    re_path(r"^connections/(?P<connection_id>[^/]+)/?$", api.OneConnection.as_view(), name="one-connection"),
    re_path(r"^openapi\.json/?$", docs.Document.as_view(), name="openapi"),
    re_path(r"^docs/?$", docs.Page.as_view(url_name="openapi"), name="docs"),
]
