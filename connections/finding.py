"""Which connections are meant: those of a user, those that an agent names, those that live from one grant."""

import uuid
from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q

from connections.refreshing.refreshable import RefreshableQuerySet
from providers.models import Provider

if TYPE_CHECKING:
    from connections.models import Connection

# The default first, then by age.
FETCH_ORDER = ("-is_default", "created_at")


class ConnectionQuerySet(RefreshableQuerySet["Connection"]):
    def of(self, user: User) -> "ConnectionQuerySet":
        """The connections of `user` with their providers, the default of each first, then by age."""
        rows = self.filter(user=user).select_related("provider").defer("provider__client_secret")
        return rows.order_by("provider_id", *FETCH_ORDER)

    def to(self, provider: str, user: User) -> "ConnectionQuerySet":
        """The connections of `user` to one provider, in the order that a fetch looks in."""
        rows = self.filter(user=user, provider_id=provider).select_related("provider")
        return rows.order_by(*FETCH_ORDER)

    def named(self, account: str) -> "ConnectionQuerySet":
        """Those that `account` may mean: a connection id, else the name or the provider's id of an account.

        The user's own label counts only where no account goes by that name: a label never hides an account.
        """
        try:
            return self.filter(pk=uuid.UUID(account))
        except ValueError:
            told = Q(account__iexact=account) | Q(account_id=account)
        beside = self.model._default_manager.filter(told, user=OuterRef("user"), provider=OuterRef("provider"))
        return self.filter(told | (Q(label__iexact=account) & ~Exists(beside)))

    def siblings(self, connection: "Connection") -> "ConnectionQuerySet":
        """Other connections, of whichever user, that live from the same grant at the provider."""
        if not connection.account_id:
            return self.none()
        same = self.of_one_grant(connection.provider, connection.way, connection.account_id, connection.user)
        return same.exclude(pk=connection.pk)

    def of_one_grant(self, provider: Provider, way: str, account_id: str, user: User) -> "ConnectionQuerySet":
        """Those of `provider` that live from the same grant as the account of this id that was connected by `way`.

        Where each site or tenant is a connection of its own, its id begins with that of the account that granted it.
        Where it does not, any connection of the same user may live from the same grant.
        """
        known = provider.is_known() and provider.spec.has_way(way)
        same, rule = Q(account_id=account_id), provider.spec.by_way(way).oauth if known else None
        if rule and rule.after and rule.after.list is not None and rule.after.distinct:
            grantor = account_id.rpartition(":")[0]
            same |= Q(account_id__startswith=f"{grantor}:") if grantor else Q(user=user)
        return self.filter(same, provider=provider, way=way)
