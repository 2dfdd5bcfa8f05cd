"""Every page in every state: photographed, timed and judged. `python -m tests.pages --help` says how."""

STATES = ("empty", "one", "many", "failing", "long")
"""What a user may have, as `tests.pages.rows` makes it."""
DOORS = {
    "sign-in": "/accounts/login/",
    "sign-up": "/accounts/signup/",
    "password-reset": "/accounts/password/reset/",
    "password-reset-done": "/accounts/password/reset/done/",
    "password-link-void": "/accounts/password/reset/key/1-nothing/",
    "address-link-void": "/accounts/confirm-email/nothing/",
    "invitation-void": "/accounts/invitation/nothing/",
}
"""Pages for those who are not signed in."""
