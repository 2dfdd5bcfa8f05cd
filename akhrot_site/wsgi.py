import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from akhrot_site import lifeline
from akhrot_site.chunked import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "akhrot_site.settings")

application = ChunkedBodies(get_wsgi_application())
# The views would be imported by the first request, which then waits for it.
get_resolver().url_patterns  # noqa: B018
# What is loaded stays for good. Looking through it is 70 ms in which no thread of this process moves.
gc.freeze()
lifeline.follow_parent()
