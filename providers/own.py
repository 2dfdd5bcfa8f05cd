"""A provider of the operator's own in the admin: made from an issuer or as a copy, and tried before it is saved."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from unfold.admin import ModelAdmin
from unfold.decorators import action

from providers import registry, workbench
from providers.forms import IssuerForm

FROM_ISSUER = _("Add from an OpenID Connect issuer")
# What an issuer said, from its page to the form in which it is looked through.
DISCOVERED = "discovered_provider"


class OwnProviderAdmin(ModelAdmin):  # type: ignore[misc]
    """The form of a provider with a panel below the specification."""

    actions_list = ("from_issuer",)
    actions_detail = ("copy_as_own",)
    change_form_before_template = "admin/providers/enter.html"
    change_form_after_template = "admin/providers/panel.html"

    @action(description=FROM_ISSUER, icon="travel_explore", permissions=["add"])  # type: ignore[untyped-decorator]
    def from_issuer(self, request: HttpRequest) -> HttpResponseBase:
        """Ask an issuer, and show what it says in the form of a provider."""
        form = IssuerForm(request.POST or None)
        if form.is_valid():
            found = form.cleaned_data["discovered"]
            request.session[DISCOVERED] = {"document": found.document, "remarks": found.remarks}
            return redirect(f"{reverse('admin:providers_provider_add')}?discovered=1")
        context = {**self.admin_site.each_context(request), "opts": self.opts, "form": form, "title": FROM_ISSUER}
        return render(request, "admin/providers/issuer.html", context)

    @action(description=_("Copy as my own"), icon="content_copy", permissions=["copy"])  # type: ignore[untyped-decorator]
    def copy_as_own(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Open the form of a provider with this one's specification under a new code."""
        return redirect(f"{reverse('admin:providers_provider_add')}?{urlencode({'copy': unquote(object_id)})}")

    def has_copy_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Whoever may add one may copy one."""
        return bool(self.has_add_permission(request))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What an issuer said, or a copy. Nothing else of an address fills the form."""
        if "discovered" in request.GET and (found := request.session.get(DISCOVERED)):
            return {"specification": found["document"]}
        row = self.get_object(request, request.GET["copy"]) if "copy" in request.GET else None
        try:
            return {"specification": row.copy_of()} if row and row.is_known() else {}
        except registry.BadProviderFile as gone:
            self.message_user(request, str(gone), messages.ERROR)
            return {}

    @method_decorator(sensitive_post_parameters())
    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        """As Django's; who asks for a trial waits for the provider here, before the transaction begins."""
        row = self.get_object(request, unquote(object_id)) if object_id else None
        may = self.has_change_permission(request, row) if object_id else self.has_add_permission(request)
        found = workbench.findings(request.POST, row) if may else []
        view: HttpResponseBase = super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), "findings": found}
        )
        return view

    def render_change_form(self, request: HttpRequest, context: Any, **options: Any) -> HttpResponseBase:
        """With the panel: what is wrong, what would be sent, and what came of a trial."""
        discovered = request.session.get(DISCOVERED, {}) if "discovered" in request.GET else {}
        more = {"findings": context["findings"], "remarks": discovered.get("remarks", [])}
        panel = workbench.panel(context["adminform"].form, options.get("obj"), **more)
        answer: HttpResponseBase = super().render_change_form(request, {**context, "panel": panel}, **options)
        return answer
