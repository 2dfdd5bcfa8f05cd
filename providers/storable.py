"""What a provider answered, without what no database keeps: NUL, and halves of surrogate pairs.

PostgreSQL refuses a row with either in it, and a grant that cannot be stored is a grant that is lost.
"""

from typing import Any


def storable(document: Any) -> Any:
    """The same JSON document with every text in it fit to be stored. Raises RecursionError."""
    if isinstance(document, str):
        return document.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(document, dict):
        return {storable(name): storable(value) for name, value in document.items()}
    if isinstance(document, list):
        return [storable(one) for one in document]
    return document
