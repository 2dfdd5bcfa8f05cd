"""The words that no translation could replace.

Of a template: what Django's own lexer leaves once its tags are out. Of a module: plain strings where a form, a message
or a column of the admin takes a text for people.
"""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from django.template.base import DebugLexer, Token, TokenType

# Attributes whose values people read or hear, and elements whose texts nobody does or whose texts are code.
READ = {"title", "aria-label", "aria-description", "aria-roledescription", "placeholder", "alt", "label", "value"}
SILENT = {"script", "style", "pre", "code"}
# What a script may say stands in an attribute of data.
SAID = re.compile(r"^[A-Z]|\w\s\w")
# Of these alone `value` is a text.
PRESSED = {"submit", "button", "reset"}
# What stands between these is a text for translators, or for nobody.
CLOSED = {"blocktranslate": "endblocktranslate", "blocktrans": "endblocktrans", "comment": "endcomment"}
# Tags whose quoted arguments are addresses and names, or are translated by the tag itself.
NAMING = {"translate", "trans", "load", "extends", "url", "static", "block", "slot", "element"}
# Filters whose quoted arguments are formats.
FORMAT = re.compile(r"""\|\s*(?:date|time|floatformat|slice)\s*:\s*(["']).*?\1""")
MARKED = re.compile(r"""_\((["']).*?\1\)""")
QUOTED = re.compile(r"""(["'])(?P<text>.*?)\1""")
# A quoted argument is a text, and no name, if it has a capital or several words, or stands in for a value.
LIKE_TEXT = re.compile(r"[A-Z]|\w\s|\s\w")
CHOOSING = re.compile(r"""\|\s*(?:pluralize|yesno)\s*:\s*["']""")
# Where a call of this name takes a text: by its place, or by the argument's name.
TOLD = {
    "ValidationError": 0,
    "Refused": 0,
    "NotYours": 0,
    "OtherBrowser": 0,
    "Trouble": 0,
    "NameTaken": 0,
    "add_error": 1,
    "message_user": 1,
    "add_message": 2,
    "Told": 1,
    "Action": 0,
    "Figure": 0,
    "moment": 1,
}
MESSAGES = {"debug", "info", "success", "warning", "error"}
NAMED = {"label", "help_text", "description", "search_help_text", "verbose_name", "verbose_name_plural", "problem"}
LETTER = re.compile(r"[^\W\d_]")
# A file of attributes alone, to be included inside of a tag.
ATTRIBUTES = re.compile(r"""(?:[\w-]+="[^"]*"\s*)+""")


class Page(HTMLParser):
    """Gathers the texts of a page, and the attributes that are read to people."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += [tag] if tag in SILENT else []
        is_pressed = tag == "input" and dict(attrs).get("type") in PRESSED
        self.texts += [text for name, text in attrs if text and _is_read(name, text, is_pressed=is_pressed)]

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def _is_read(name: str, text: str, *, is_pressed: bool) -> bool:
    if name.startswith("data-"):
        return bool(SAID.search(text))
    return name in READ and (name != "value" or is_pressed)


def unmarked(source: str, names: tuple[str, ...] = ()) -> list[str]:
    """The texts in a template's `source` that stand outside of every translation and have letters beside `names`."""
    tokens = list(_outside(DebugLexer(source).tokenize()))
    page = Page()
    text = "".join(token.contents for token in tokens if token.token_type is TokenType.TEXT)
    page.feed(f"<p {text}>" if ATTRIBUTES.fullmatch(text.strip()) else text)
    page.close()
    quoted = [text for token in tokens if token.token_type is not TokenType.TEXT for text in _quoted(token)]
    texts = [" ".join(text.split()) for text in [*page.texts, *quoted]]
    return [text for text in texts if LETTER.search(_without(text, names))]


def _without(text: str, names: tuple[str, ...]) -> str:
    for name in names:
        text = text.replace(name, "")
    return text


def _outside(tokens: list[Token]) -> Iterator[Token]:
    """`tokens` without those of translations and comments."""
    until = ""
    for token in tokens:
        name = token.contents.split(maxsplit=1)[0] if token.token_type is TokenType.BLOCK else ""
        if until:
            until = "" if name == until else until
        elif name in CLOSED:
            until = CLOSED[name]
        elif token.token_type is not TokenType.COMMENT:
            yield token


def _quoted(token: Token) -> Iterator[str]:
    """The arguments of a tag or a variable that read like a text."""
    contents = FORMAT.sub("", MARKED.sub("", token.contents))
    if token.token_type is TokenType.BLOCK and contents.split(maxsplit=1)[0] in NAMING:
        return
    chooses = CHOOSING.search(contents)
    yield from (found["text"] for found in QUOTED.finditer(contents) if chooses or LIKE_TEXT.search(found["text"]))


def bare(source: str) -> list[str]:
    """The texts for people in a module's `source` that are plain strings."""
    found = [text for node in ast.walk(ast.parse(source)) for text in _told(node) if _is_bare(text)]
    return [ast.unparse(text) for text in found]


def _told(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        names = {target.id if isinstance(target, ast.Name) else getattr(target, "attr", "") for target in node.targets}
        return [node.value] if names & NAMED else []
    if not isinstance(node, ast.Call):
        return []
    place = _place(node.func)
    placed = [] if place is None else node.args[place : place + 1]
    return [*placed, *(one.value for one in node.keywords if one.arg in NAMED)]


def _place(func: ast.expr) -> int | None:
    """Which argument of a call is a text, if one is."""
    if isinstance(func, ast.Attribute) and func.attr in MESSAGES:
        return 1 if isinstance(func.value, ast.Name) and func.value.id == "messages" else None
    return TOLD.get(func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", ""))


def _is_bare(text: ast.expr) -> bool:
    if isinstance(text, ast.IfExp):
        return _is_bare(text.body) or _is_bare(text.orelse)
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    words = [part.value for part in parts if isinstance(part, ast.Constant)]
    return any(isinstance(word, str) and LETTER.search(word) for word in words)
