"""Errors that no view of ours answered: the envelope for agents, a page for people."""

from __future__ import annotations

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from akhrot_site.middleware import is_api_path
from connections.errors import NotFound

# allauth's limits by address and by user are all by the minute.
WAIT_SECONDS = 60
# What to do about it, for people.
ADVICE = {
    400: _("The link may be incomplete, or this Akhrot may not know the host name you used."),
    403: _("Sign in with an account that may, or ask the operator of this instance."),
    404: _("The address may be mistyped, or what was here has been removed."),
    500: _("Try again in a moment."),
}


def answer(
    request: HttpRequest, *, status: int, code: str, message: str, hint: str = "", back: str = ""
) -> HttpResponse:
    """The envelope for agents, a page for people: with a `hint` what to do, or our address to go `back` to.

    Agents are told the `message` in English.
    """
    if is_of_agent(request):
        return JsonResponse({"status": "error", "error": {"code": code, "message": message}}, status=status)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    advice = hint or ("" if back else ADVICE.get(status, ""))
    context = {"status": status, "message": gettext(message), "request_id": request_id, "advice": advice, "back": back}
    # Rendered without the request: context processors may be what failed.
    return HttpResponse(loader.render_to_string("error.html", context), status=status)


def is_of_agent(request: HttpRequest) -> bool:
    """Whether an agent asks: at an address of the API, or with a key at one that it has taken for such."""
    return is_api_path(request.path_info) or request.headers.get("Authorization", "").lower().startswith("bearer ")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 400."""
    return answer(
        request, status=400, code="VALIDATION_ERROR", message=gettext_noop("This request could not be understood.")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 403."""
    return answer(request, status=403, code="FORBIDDEN", message=gettext_noop("You may not do this."))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 404."""
    if is_of_agent(request):
        nothing = NotFound()
        return JsonResponse(nothing.body(), status=nothing.status)
    return answer(request, status=404, code="NOT_FOUND", message=gettext_noop("There is nothing at this address."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler of 500."""
    return answer(request, status=500, code="INTERNAL_ERROR", message=gettext_noop("Something went wrong on our side."))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """What a form without its CSRF token is answered."""
    message = gettext_noop("This form has expired. Reload the page and send it again.")
    # The page with the form, which is one of ours or none.
    came_from = request.META.get("HTTP_REFERER", "")
    is_ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    return answer(request, status=403, code="FORBIDDEN", message=message, back=came_from if is_ours else "")


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """What allauth answers to whoever signs in, signs up or asks for mails too often."""
    response = answer(
        request,
        status=429,
        code="RATE_LIMITED",
        message=str(_("Too many requests.")),
        hint=str(_("Nothing was done. Wait a minute, then go back and try again.")),
    )
    response["Retry-After"] = str(WAIT_SECONDS)
    return response


def mail_not_sent(request: HttpRequest) -> HttpResponse:
    """What is answered where the mail that was asked for could not be sent."""
    return answer(
        request,
        status=503,
        code="SERVICE_UNAVAILABLE",
        message=str(_("The mail could not be sent.")),
        hint=str(_("The mail server of this Akhrot does not answer. Try again later, or ask its operator.")),
    )
