"""The addresses under ``/accounts/`` that are ours. They stand before allauth's, and some in the place of one."""

from __future__ import annotations

from allauth.mfa.recovery_codes.views import view_recovery_codes
from allauth.mfa.totp.views import activate_totp
from django.urls import path
from django.views.decorators.cache import never_cache

from akhrot_site import account_views, people

urlpatterns = [
    path("sessions/", account_views.sessions, name="usersessions_list"),
    path("sessions/<int:session_id>/end/", account_views.end_session, name="account_end_session"),
    path("notifications/", account_views.notifications, name="account_notifications"),
    path("people/", people.people, name="account_people"),
    path("people/<uuid:invitation_id>/send/", people.send_again, name="account_invite_again"),
    path("people/<uuid:invitation_id>/revoke/", people.revoke, name="account_uninvite"),
    path("invitation/<str:token>/", people.invitation, name="account_invitation"),
    path("delete/", account_views.delete, name="account_delete"),
    path("goodbye/", account_views.goodbye, name="account_goodbye"),
    path("2fa/webauthn/login/", account_views.PasskeyLogin.as_view(), name="mfa_login_webauthn"),
    path("2fa/webauthn/reauthenticate/", account_views.PasskeyAgain.as_view(), name="mfa_reauthenticate_webauthn"),
    # These show secrets, which no browser shall keep.
    path("2fa/recovery-codes/", never_cache(view_recovery_codes), name="mfa_view_recovery_codes"),
    path("2fa/totp/activate/", never_cache(activate_totp), name="mfa_activate_totp"),
]
