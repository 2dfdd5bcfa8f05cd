"""When a credential is renewed: so early that it is done before anybody needs it."""

import datetime as dt
import random

from django.utils import timezone

from providers.oauth import Grant
from providers.spec import ProviderSpec

LONGEST_MARGIN = dt.timedelta(minutes=5)
# A row that becomes due right after a sweep is found by the next one.
SWEEP_EVERY = dt.timedelta(seconds=5)


def margin(spec: ProviderSpec, lifetime: dt.timedelta | None) -> dt.timedelta:
    """How long before its end a token of this lifetime is ageing: the file's, else the smaller of 5 min and a tenth.

    Never more than half of its life, or a new token would be ageing at once and renewed without end.
    """
    if spec.oauth and spec.oauth.margin is not None:
        wanted = dt.timedelta(seconds=spec.oauth.margin)
        return min(wanted, lifetime / 2) if lifetime is not None else wanted
    return min(LONGEST_MARGIN, lifetime / 10) if lifetime is not None else LONGEST_MARGIN


def refresh_at(spec: ProviderSpec, grant: Grant) -> dt.datetime | None:
    """When the sweep should refresh: before the margin, by up to a fifth of it so that no two rows meet by rule.

    A sweep may come five seconds late, which matters to tokens that live for half a minute: they are due earlier by
    as much, but not before half their life. A refresh token that lapses when unused is used in its last fifth.
    """
    now, moments = timezone.now(), []
    if grant.expires_at is not None:
        lifetime = grant.expires_at - now
        late = margin(spec, lifetime)
        early = min(late * random.uniform(1.0, 1.2) + SWEEP_EVERY, lifetime / 2)  # noqa: S311
        moments.append(grant.expires_at - max(early, late))
    if spec.oauth and spec.oauth.refresh_lifetime is not None:
        moments.append(now + dt.timedelta(seconds=spec.oauth.refresh_lifetime) * random.uniform(0.8, 0.9))  # noqa: S311
    return min(moments, default=None)
