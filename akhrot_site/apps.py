from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class SiteConfig(AppConfig):
    name = "akhrot_site"
    verbose_name = "Akhrot"

    def ready(self) -> None:
        # Here and not in the package's `__init__`, so that the supervisor's light processes load none of it.
        # Tasks that a web process sends find their queue by this import.
        from akhrot_site import browsers
        from akhrot_site import celery as celery

        user_logged_in.connect(browsers.note_sign_in)
