"""Beside the form of a provider: its faults, a dry run of it, and trials against the real provider."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from providers import dry_run, registry, trials
from providers.dry_run import DryRun
from providers.models import Provider
from providers.parts import CredentialField, Input
from providers.spec import ProviderSpec
from providers.trials import Finding

CHECK, TRY, ASK = BUTTONS = ("_check", "_try", "_ask")
PREFIX = "try_"


@dataclass(frozen=True)
class Panel:
    """What stands there. `run` is None where the specification has `faults`, or there is none yet."""

    faults: list[str] = field(default_factory=list)
    run: DryRun | None = None
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    @property
    def asked(self) -> list[CredentialField | Input]:
        """The values to type for a trial."""
        return list(self.run.spec.asked) if self.run else []

    @property
    def can_try(self) -> bool:
        """Whether there is a call that would prove a credential."""
        spec = self.run.spec if self.run else None
        return bool(spec and spec.is_pasted and (spec.verify or spec.oauth or spec.auth == "mtproto"))

    @property
    def can_ask(self) -> bool:
        """Whether it has OAuth's endpoints, to which users are sent."""
        return bool(self.run and not self.run.spec.is_pasted)

    @property
    def sent(self) -> str:
        """The names of what a trial sends of the form, for htmx."""
        names = ("csrfmiddlewaretoken", "specification", TRY, ASK)
        return ",".join([*names, *(PREFIX + one.name for one in self.asked)])


def trying(sent: Mapping[str, Any]) -> bool:
    """Whether a form was sent to be looked at, and not to be saved."""
    return any(button in sent for button in BUTTONS)


def findings(sent: Mapping[str, Any], row: Provider | None) -> list[Finding]:
    """What comes of the trial that a form asks for. What was typed for it goes to the provider and nowhere else.

    It waits on the provider, and so is called outside of any transaction.
    """
    if TRY not in sent and ASK not in sent:
        return []
    try:
        spec = specification(str(sent.get("specification", "")), row)
    except registry.BadProviderFile:
        return []
    if spec is None:
        return []
    values = {one.name: str(sent.get(PREFIX + one.name, "")).strip() for one in spec.asked}
    given = {name: value for name, value in values.items() if value}
    return trials.try_credential(spec, given) if spec.is_pasted else trials.ask_endpoints(spec, given)


def specification(text: str, row: Provider | None) -> ProviderSpec | None:
    """The specification in a form, else the one that holds. Raises BadProviderFile."""
    if text.strip():
        return registry.validate(registry.document_of(text, source="specification"), source="specification")
    return row.spec if row and row.is_known() else None


def panel(form: Any, row: Provider | None, **more: Any) -> Panel:
    """The panel for a provider's form, as it is shown or as it was sent to be checked."""
    faults = list(form.errors.get("specification", [])) if form.is_bound else []
    try:
        spec = None if faults else specification(form["specification"].value() or "", row)
        return Panel(faults=faults, run=dry_run.dry_run(spec) if spec else None, **more)
    except registry.BadProviderFile as error:
        return Panel(faults=str(error).splitlines(), **more)
    except ValueError as error:
        return Panel(faults=[gettext("specification: its addresses cannot be built: {why}").format(why=error)], **more)
