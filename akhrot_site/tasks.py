"""Work of the site behind the scenes. Each task may be lost or run twice: what is left to do stands in the rows."""

import datetime as dt

from celery import shared_task
from django.utils import timezone

from akhrot_site.models import Invitation

INVITATIONS_KEPT = dt.timedelta(days=30)


@shared_task(name="akhrot_site.tidy")
def tidy() -> None:
    """Forget the addresses of people who were invited and did not come."""
    Invitation.objects.filter(account=None, expires_at__lt=timezone.now() - INVITATIONS_KEPT).delete()
