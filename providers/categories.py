"""The categories of the catalogue in words, in the order in which people are shown them."""

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

CATEGORIES = {
    "productivity": _("Productivity"),
    "communication": _("Mail, chat and calls"),
    "developer": _("Development"),
    "ai": _("AI"),
    "sales": _("Sales and support"),
    "content": _("Files and media"),
    "social": _("Social media"),
    "payments": _("Payments and shops"),
    "finance": _("Finance"),
    "database": _("Databases"),
    "data": _("Search and analytics"),
    "hosting": _("Hosting"),
    "operations": _("Operations"),
    "health": _("Health"),
}
PLACES = {category: place for place, category in enumerate(CATEGORIES)}


def title(category: str) -> str:
    """A category in words; an operator's own one as his file has it."""
    if category in CATEGORIES:
        return str(CATEGORIES[category])
    return category[:1].upper() + category[1:] or gettext("Other")


def place(category: str) -> tuple[int, str]:
    """Where it stands among the others: an operator's own ones behind ours, and what has none at the end."""
    return PLACES.get(category, len(PLACES) + (not category)), category
