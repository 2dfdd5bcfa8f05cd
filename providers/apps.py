from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


def _make_rows(using: str, **_: Any) -> None:
    from providers.models import Provider

    Provider.objects.using(using).make_missing()


class ProvidersConfig(AppConfig):
    name = "providers"
    verbose_name = _("Providers")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Every provider of the catalogue has a row, so that a connection can refer to it and the operator finds it.
        # `manage.py up` migrates at each start, hence a file added to AKHROT_CATALOG_DIR is met there as well.
        post_migrate.connect(_make_rows, sender=self)
