"""The categories of the catalogue in words, in the order in which people are shown them."""

CATEGORIES = {
    "productivity": "Productivity",
    "communication": "Mail, chat and calls",
    "developer": "Development",
    "ai": "AI",
    "sales": "Sales and support",
    "content": "Files and media",
    "social": "Social media",
    "payments": "Payments and shops",
    "finance": "Finance",
    "database": "Databases",
    "data": "Search and analytics",
    "hosting": "Hosting",
    "operations": "Operations",
    "health": "Health",
}
PLACES = {category: place for place, category in enumerate(CATEGORIES)}


def title(category: str) -> str:
    """A category in words; an operator's own one as his file has it."""
    return CATEGORIES.get(category) or category[:1].upper() + category[1:] or "Other"


def place(category: str) -> tuple[int, str]:
    """Where it stands among the others: an operator's own ones behind ours, and what has none at the end."""
    return PLACES.get(category, len(PLACES) + (not category)), category
