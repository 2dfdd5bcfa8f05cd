"""Markdown that is made: table lines, the places in a document that are kept by a program, links to headings."""

import re
from collections.abc import Iterable

COMMAND = "python -m tests.documents"
MARK = re.compile(rf"^<!-- (.+): {re.escape(COMMAND)} -->$", re.MULTILINE)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def line(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def begin(mark: str) -> str:
    """The line before a part that is made."""
    return f"<!-- {mark}: {COMMAND} -->\n"


def end(mark: str) -> str:
    """The line behind it."""
    return f"<!-- end of {mark} -->\n"


def marks(text: str) -> list[str]:
    """The parts of a document that are made, in their order."""
    return MARK.findall(text)


def written(text: str, mark: str, content: str) -> str:
    """`text` with `content` between the two lines of `mark`."""
    pattern = re.escape(begin(mark)) + ".*?" + re.escape(end(mark))
    return re.sub(pattern, lambda _: f"{begin(mark)}\n{content}\n{end(mark)}", text, flags=re.DOTALL)


def anchors(text: str) -> list[str]:
    """What links to the headings of a document lead to, as GitHub names them."""
    return [_anchor(heading) for heading in HEADING.findall(CODE.sub("", text))]


def anchor_above(text: str, mark: str) -> str:
    """That of the heading under which `mark` stands."""
    return anchors(text[: text.index(begin(mark))])[-1]


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
