"""What a provider issued, while it waits for its user to say what becomes of it: sealed in the session's row."""

import json
from dataclasses import asdict, dataclass, field, replace

from connections.models import OAuthSession
from providers import accounts
from providers.accounts import Account, Item
from providers.oauth import Grant
from providers.spec import ProviderSpec


@dataclass(frozen=True, kw_only=True, repr=False)
class Held:
    """A grant, whose it is, and what of it there is to choose from (nothing once that is decided)."""

    grant: Grant
    account: Account
    items: list[Item] = field(default_factory=list)

    def at(self, spec: ProviderSpec, item: Item) -> "Held":
        """The same with `item` chosen. Raises ProviderUnavailable where its id cannot be kept."""
        grant = replace(self.grant, extra={**self.grant.extra, **item.kept})
        return Held(grant=grant, account=accounts.at_item(spec, self.account, item))

    def to_json(self) -> str:
        """As text, to be sealed."""
        account = {"id": self.account.id, "label": self.account.label}
        return json.dumps({"grant": self.grant.to_json(), **account, "items": [asdict(one) for one in self.items]})

    @classmethod
    def in_session(cls, session: OAuthSession) -> "Held":
        """What `session` holds, also from before there were items."""
        held = json.loads(session.grant)
        return cls(
            grant=Grant.from_json(held["grant"]),
            account=Account(id=held["id"], label=held["label"]),
            items=[Item(**one) for one in held.get("items", [])],
        )
