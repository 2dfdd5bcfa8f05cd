"""Akhrot's settings for the floor: its database and its server, one view, and the apps that its two models need."""

from akhrot_site.settings import *  # noqa: F403

ROOT_URLCONF = "tests.bench.floor"
MIDDLEWARE = []
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "apikeys"]
