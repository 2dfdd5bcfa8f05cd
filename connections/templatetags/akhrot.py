"""What the dashboard's templates show of rows: logos, states and times in words."""

import datetime as dt
import re
from functools import lru_cache
from typing import Any

from django import template
from django.contrib.staticfiles import finders
from django.forms import CheckboxInput, Select
from django.forms.boundfield import BoundField
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from connections import times
from connections.dashboard.first_minutes import ON_THE_PATH, Path
from connections.dashboard.standing import standing
from connections.models import Refresh
from connections.wording import reason_in_words
from providers.parts import Service
from providers.spec import ProviderSpec

register = template.Library()

# OpenID Connect Core, sections 3.1.2.1, 5.4 and 11. Every other scope is explained by the service that needs it.
COMMON_SCOPES = {
    "openid": _("Know which account it is"),
    "email": _("See its e-mail address"),
    "profile": _("See its name and picture"),
    "offline_access": _("Keep working while you are away"),
}


@register.simple_tag
@lru_cache(maxsize=4096)
def logo(code: str) -> str:
    """The address of a provider's logo; empty where we have none, for a letter to stand in. Looked for once."""
    path = f"logos/{code}.svg"
    return static(path) if finders.find(path) else ""


@register.filter
def way(spec: ProviderSpec) -> str:
    """How a provider is connected, in two words: those of its file, or ours."""
    return spec.way.name or gettext(spec.way_name)


register.filter("standing", standing)
register.filter("ago", times.ago)
register.filter("days", times.days)


@register.simple_tag(takes_context=True)
def next_step(context: template.Context, form: str = "strip") -> SafeString:
    """Where the first minutes go on, for who is on that path and on another page of it: a strip, or a ``"button"``.

    Whoever is not on it costs no read.
    """
    request: Any = context.get("request")
    if request is None or not request.user.is_authenticated or not request.session.get(ON_THE_PATH):
        return mark_safe("")
    if context.get("section") in ("home", "start"):
        return mark_safe("")
    step = Path(request.user).next
    if step is None:
        return mark_safe("")
    shown = {"step": step, "is_here": step.page == context.get("section"), "form": form}
    return mark_safe(render_to_string("parts/next_step.html", shown))  # noqa: S308


@register.simple_tag
def moment(value: dt.datetime | None, form: str = "") -> SafeString:
    """A time as an element: its words, with the exact time on hover. ``"days"`` as `form` tells an end to the day."""
    return times.element(value, times.days(value) if value and form == "days" else "")


@register.filter
def in_words(refresh: Refresh, provider_name: str) -> str:
    """The reason of one attempt to renew, for people."""
    return reason_in_words(provider_name, refresh.reason) if refresh.reason else ""


@register.filter
def took(refresh: Refresh) -> str:
    """How long it took: "240 ms", "1.4 s"."""
    if refresh.took_ms < 1000:
        return gettext("%(number)d ms") % {"number": refresh.took_ms}
    return gettext("%(number).1f s") % {"number": refresh.took_ms / 1000}


@register.filter
def can_do(service: Service) -> str:
    """What a service is good for: the purposes of its first three examples, without the remarks for callers."""
    return " · ".join(re.sub(r"\s*\(.*?\)", "", example.purpose) for example in service.examples[:3])


@register.filter
def explained(scope: str) -> str:
    """A scope that many providers share in plain words; empty for the others."""
    return str(COMMON_SCOPES.get(scope, ""))


@register.filter
def short_scope(scope: str) -> str:
    """The telling end of a scope: ``gmail.modify`` of an address."""
    return scope.rstrip("/").rpartition("/")[2] if "://" in scope else scope


@register.filter
def breakable(scope: str) -> SafeString:
    """A scope which may be broken after each slash, where it does not fit."""
    return format_html_join(mark_safe("/<wbr>"), "{}", ((part,) for part in scope.split("/")))


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether a form's field is a box to tick, whose label stands behind it."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def dressed(field: BoundField) -> SafeString:
    """A field of somebody else's form with Tabler's classes."""
    widget = field.field.widget
    kind = "form-check-input" if isinstance(widget, CheckboxInput) else "form-control"
    if isinstance(widget, Select):
        kind = "form-select"
    return field.as_widget(attrs={**widget.attrs, "class": kind})
