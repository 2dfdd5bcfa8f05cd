import os

from django.core.wsgi import get_wsgi_application

from akhrot_site import lifeline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "akhrot_site.settings")

application = get_wsgi_application()
lifeline.follow_parent()
