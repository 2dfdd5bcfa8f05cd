"""Providers in the admin: turned on and off, their OAuth client, or a whole provider of the operator's own."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.staticfiles import finders
from django.db.models import Count, ProtectedError, Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from providers import oauth, registry, search
from providers.filters import KINDS, CategoryFilter, ClientFilter, KindFilter, known
from providers.forms import ProviderForm
from providers.models import Provider
from providers.oauth_parts import OAuth
from providers.own import OwnProviderAdmin

CLIENT_STATES = {"set": "success", "no_secret": "warning", "not_set": "warning", "refused": "danger"}
CLIENT_NAMES = {"set": _("set"), "no_secret": _("no secret"), "not_set": _("not set"), "refused": _("refused")}
ABOUT_APP = _(
    "Optional. With an app set here, people who sign in with their phone are not asked for one of their own. Its ID "
    "and hash become part of each connection made so and are handed to its agents, who cannot use the session without."
)
# What saving a form field writes.
COLUMNS = {"new_secret": "client_secret", "forget_secret": "client_secret"}


@admin.register(Provider)
class ProviderAdmin(OwnProviderAdmin):
    """Every provider of the catalogue has its row; a row of the operator's own has a specification."""

    form = ProviderForm
    list_display = ("name", "code", "kind", "enabled", "client", "connected")
    list_editable = ("enabled",)
    list_filter = (ClientFilter, CategoryFilter, KindFilter, "enabled")
    list_fullwidth = True
    search_fields = ("code",)
    search_help_text = _("Name, other name, code or service")
    actions = ("enable", "disable")
    readonly_fields = (
        *("code", "kind", "documentation", "services", "checked", "connected", "file_removed"),
        *("steps", "redirect_uri", "hosts", "scopes"),
    )
    change_form_outer_before_template = "admin/providers/refused.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        """With the number of connections, and whether there is a client secret, in one read.

        No secret is opened for that: a row whose seal is broken can still be looked at, and be given a new one.
        """
        rows: QuerySet[Provider] = super().get_queryset(request)
        rows = rows.annotate(connection_count=Count("connections"), has_secret=~Q(client_secret=""))
        return rows.defer("client_secret")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Provider], search_term: str
    ) -> tuple[QuerySet[Provider], bool]:
        """As users find it: by names, services and uses. A row whose file is gone has its code alone."""
        found = search.ranked(search_term, {row.code: row.spec for row in known()})
        return queryset.filter(Q(code__in=found) | Q(code__icontains=search_term.strip())), False

    def get_fieldsets(self, request: HttpRequest, obj: Provider | None = None) -> Any:
        """The OAuth client only where the provider has one."""
        if obj is None:
            return ((_("Provider of your own"), {"fields": ("enabled", "specification")}),)
        closed = not obj.specification and not request.POST.get("specification")
        classes = ("collapse",) if closed else ()
        own = (_("Specification of your own"), {"fields": ("specification",), "classes": classes})
        if not obj.is_known():
            return ((None, {"fields": ("code", "file_removed", "connected", "enabled")}), own)
        facts = ("code", "kind", "documentation", "services", "checked", "connected", "enabled")
        client = ("steps", "redirect_uri", "hosts", "client_id", "new_secret", "forget_secret")
        scopes = ("scopes", "extra_scopes")
        sets: list[Any] = [(None, {"fields": facts})]
        if obj.spec.sign_in:
            sets.append((_("OAuth client"), {"fields": (*client, *scopes)}))
        elif obj.spec.login_way:
            sets.append((_("App"), {"fields": ("client_id", "new_secret", "forget_secret"), "description": ABOUT_APP}))
        elif obj.spec.oauth:
            sets.append((_("Scopes"), {"fields": scopes}))
        return (*sets, own)

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        """Write what was changed; that the provider refused an earlier client is forgotten with that client."""
        if not change:
            obj.save(force_insert=True)
            return
        names = {COLUMNS.get(name, name) for name in form.changed_data}
        if names & {"client_id", "client_secret"}:
            obj.client_refused_at, obj.client_refusal = None, ""
            names |= {"client_refused_at", "client_refusal"}
        obj.save(update_fields=sorted({*names, "updated_at"}))

    # What the list and the page show.

    @display(description=_("Provider"), ordering="code")
    def name(self, row: Provider) -> str:
        """Its name with its logo, or with its first letter."""
        path = f"logos/{row.code}.svg"
        logo = static(path) if finders.find(path) else ""
        return render_to_string("admin/providers/name.html", {"name": str(row), "logo": logo})

    @display(description=_("Kind"))
    def kind(self, row: Provider) -> str:
        """How it is connected."""
        if not row.is_known():
            return gettext("file removed")
        return ", ".join(dict.fromkeys(str(KINDS[spec.auth]) for spec in row.spec.every_way().values()))

    @display(description=_("OAuth client"), label=CLIENT_STATES, ordering="client_id")
    def client(self, row: Provider) -> tuple[str, str] | None:
        """Whether the operator has set one, and whether the provider takes it."""
        rule = _sign_in(row)
        if rule is None:
            return None
        has_secret = getattr(row, "has_secret", False) or rule.client_auth == "none"
        state = "refused" if row.client_refused_at else "not_set" if not row.client_id else "set"
        state = "no_secret" if state == "set" and not has_secret else state
        return state, str(CLIENT_NAMES[state])

    @display(description=_("Connections"), ordering="connection_count")
    def connected(self, row: Provider) -> SafeString:
        """How many there are, and where they are listed."""
        url = f"{reverse('admin:connections_connection_changelist')}?provider__code__exact={row.code}"
        return format_html('<a href="{}" class="text-link">{}</a>', url, getattr(row, "connection_count", 0))

    @display(description=_("Documentation"))
    def documentation(self, row: Provider) -> SafeString | None:
        """Where its API is described."""
        return _link(row.spec.docs_url)

    @display(description=_("Services"))
    def services(self, row: Provider) -> str:
        """What agents may ask for by name."""
        return ", ".join(service.code for service in row.spec.services)

    @display(description=_("Checked against"))
    def checked(self, row: Provider) -> str:
        """Where the facts come from."""
        return str(row.spec.checked)

    @display(description=_("Specification"))
    def file_removed(self, row: Provider) -> str:
        """Why there is so little to see."""
        return gettext("Its file was removed from the catalogue. Its connections are kept, and refused.")

    @display(description=_("How to register it"))
    def steps(self, row: Provider) -> str:
        """From the provider's console to the first connection, with the scopes of every service to paste."""
        spec = row.spec.sign_in
        if spec is None or spec.oauth is None:
            return ""
        scopes = dict.fromkeys([*spec.scopes_for(list(spec.services)), *row.scopes_beside(spec)])
        copy = render_to_string(
            "admin/providers/copy.html", {"text": " ".join(scopes), "what": gettext("Copy the scopes")}
        )
        place = _link(spec.oauth.registration_url or spec.docs_url)
        told = {"registration": place, "scopes": scopes, "copy_scopes": copy, "name": spec.name, "code": spec.code}
        about = {"is_public": spec.oauth.client_auth == "none", "notes": spec.notes}
        return render_to_string("admin/providers/steps.html", {**told, **about})

    @display(description=_("Redirect URI"))
    def redirect_uri(self, row: Provider) -> str:
        """To be registered with the OAuth client, exactly so."""
        return render_to_string("admin/providers/copy.html", {"text": oauth.redirect_uri(row.code)})

    @display(description=_("Hosts"))
    def hosts(self, row: Provider) -> str:
        """Where users are sent, and where codes and refresh tokens are."""
        rule = _sign_in(row)
        if rule is None:
            return ""
        said = gettext("users go to {authorize}, tokens come from {token}")
        return said.format(authorize=urlsplit(rule.authorize_url).netloc, token=urlsplit(rule.token_url).netloc)

    @display(description=_("Scopes"))
    def scopes(self, row: Provider) -> SafeString:
        """What a link asks for that names neither services nor scopes."""
        spec = row.spec.sign_in or row.spec.by_way("")
        return format_html_join(SafeString("<br>"), "{}", ((scope,) for scope in spec.scopes_for()))

    # Turning on and off, and deleting.

    @admin.action(description=_("Turn the chosen providers on"), permissions=["change"])
    def enable(self, request: HttpRequest, rows: QuerySet[Provider]) -> None:
        """Users may connect them and agents fetch from them."""
        number = rows.update(enabled=True)
        said = ngettext("%(number)d turned on.", "%(number)d turned on.", number)
        self.message_user(request, said % {"number": number}, messages.SUCCESS)

    @admin.action(description=_("Turn the chosen providers off"), permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[Provider]) -> None:
        """Connections are kept, and refused."""
        number = rows.update(enabled=False)
        said = ngettext("%(number)d turned off.", "%(number)d turned off.", number)
        self.message_user(request, said % {"number": number}, messages.SUCCESS)

    def has_delete_permission(self, request: HttpRequest, obj: Provider | None = None) -> bool:
        """Only a provider of the operator's own; the catalogue's are turned off instead."""
        own = obj is not None and obj.code not in registry.catalogue()
        return own and bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would go, old connect links with it, and in a few words what forbids it and what to do."""
        __, counts, __, protected = super().get_deleted_objects(objs, request)
        held: list[str] = [_connected(row) for row in objs if row.connection_count]
        if protected and not held:
            held = [
                gettext("Somebody is asked right now whose account it is. That ends by itself within half an hour.")
            ]
        links = sum(number for name, number in counts.items() if name != Provider._meta.verbose_name_plural)
        old = ngettext("%(number)d old connect link", "%(number)d old connect links", links)
        what = [str(row) for row in objs] + ([old % {"number": links}] if links else [])
        return what, {"providers": len(objs), **({"connect links": links} if links else {})}, set(), held

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponseBase:
        """As Django's; somebody may connect it between the question and the answer."""
        try:
            answer: HttpResponseBase = super().delete_view(request, object_id, extra_context)
        except ProtectedError:
            self.message_user(request, _("It is in use meanwhile, and was kept."), messages.ERROR)
            return redirect("admin:providers_provider_change", object_id)
        return answer


def _sign_in(row: Provider) -> OAuth | None:
    """The rules of the way that takes the operator's OAuth client, if it has one."""
    spec = row.spec.sign_in if row.is_known() else None
    return spec.oauth if spec else None


def _connected(row: Provider) -> SafeString:
    number = row.connection_count  # type: ignore[attr-defined]
    use = ngettext("{number} connection uses {provider}.", "{number} connections use {provider}.", number)
    how = gettext(
        "Turn the provider off, and let their users disconnect them on their dashboards, or delete them "
        '<a href="{url}" class="text-link">here</a>.'
    )
    url = f"{reverse('admin:connections_connection_changelist')}?provider__code__exact={row.code}"
    return format_html(f"{use} {how}", number=number, provider=row, url=url)


def _link(url: str) -> SafeString | None:
    template = '<a href="{}" class="text-link" target="_blank" rel="noopener noreferrer">{}</a>'
    return format_html(template, url, url) if url.startswith(("https://", "http://")) else None
