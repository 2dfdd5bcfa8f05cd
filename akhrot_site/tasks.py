"""Work of the site behind the scenes. Each task may be lost or run twice: what is left to do stands in the rows."""

import datetime as dt

from celery import shared_task
from django.utils import timezone

from akhrot_site import departures
from akhrot_site.models import Departure, Invitation

# Less than the five minutes for which a departure is claimed.
PATIENCE = 120.0
DEPARTURES_KEPT = dt.timedelta(days=1)
INVITATIONS_KEPT = dt.timedelta(days=30)


@shared_task(name="akhrot_site.depart")
def depart() -> None:
    """Go on with the accounts that are being deleted."""
    for pk in Departure.objects.unfinished().values_list("pk", flat=True):
        departures.go_on(pk, patience=PATIENCE)


@shared_task(name="akhrot_site.tidy")
def tidy() -> None:
    """Forget deleted accounts altogether, and the addresses of people who did not come."""
    departures.tidy(DEPARTURES_KEPT)
    Invitation.objects.filter(account=None, expires_at__lt=timezone.now() - INVITATIONS_KEPT).delete()
