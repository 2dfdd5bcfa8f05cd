"""A real OAuth server for the tests, in its own process: django-oauth-toolkit with rotation and reuse protection."""
