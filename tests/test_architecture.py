"""The rules of the house that a reader cannot see from one file, read from the source itself."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("akhrot_site", "apikeys", "connections", "providers")
MAY_IMPORT = {
    "apikeys": {"apikeys"},
    "providers": {"providers"},
    "connections": {"connections", "providers", "apikeys"},
    "akhrot_site": set(APPS),
}
ONLY_PROVIDERS_IMPORT = {"httpx", "httpcore", "authlib", "telethon"}
KNOW_PAGES = {"dashboard", "templatetags"}
EMPTY_NAMES = {"utils", "helpers", "services", "selectors", "managers", "mixins", "constants", "signals", "core"}
LONGEST = 300
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
SOURCES = sorted(path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts)
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def app_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports anywhere, also inside functions, by its full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}: imports are absolute here"
            yield node.module or ""


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    ours = {module.partition(".")[0] for module in imports(path)} & set(APPS)
    assert ours <= MAY_IMPORT[app_of(path)]


@pytest.mark.parametrize("path", [path for path in SOURCES if app_of(path) != "providers"], ids=name_of)
def test_only_providers_speaks_to_providers(path: Path) -> None:
    assert not {module.partition(".")[0] for module in imports(path)} & ONLY_PROVIDERS_IMPORT


@pytest.mark.parametrize("path", [path for path in SOURCES if not set(path.parts) & KNOW_PAGES], ids=name_of)
def test_nothing_that_works_leans_on_a_page(path: Path) -> None:
    """The dashboard shows what there is; agents, refreshes and mails do without it."""
    assert not [module for module in imports(path) if module.startswith("connections.dashboard")]


@pytest.mark.parametrize("path", [path for path in SOURCES if app_of(path) == "providers"], ids=name_of)
def test_only_one_module_opens_connections(path: Path) -> None:
    """`providers.http` holds the time-outs, the address guard and the size limit; others may name httpx's types."""
    tree = ast.parse(path.read_text())
    sends = {"Client", "AsyncClient", "get", "post", "put", "patch", "delete", "request", "stream"}
    sent = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "httpx"
        and node.attr in sends
    ]
    assert not sent or name_of(path) == "providers/http.py"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_tests_put_something_in_the_place_of_a_provider(path: Path) -> None:
    """No setting and no variable may lead the product to a stand-in."""
    called = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "") for func in called}
    assert not names & {"use_client", "use_transport"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_module_has_a_name_that_says_nothing(path: Path) -> None:
    assert not {*path.relative_to(ROOT).parts[:-1], path.stem} & EMPTY_NAMES


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name_of)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST or path.name == "settings.py"


def public_functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions of a module, and the methods of its classes, that others are meant to call.

    A method that its base class has too is described there.
    """
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, FUNCTION):
            yield node.name, node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            bases = getattr(module, node.name).__mro__[1:]
            for method in node.body:
                if isinstance(method, FUNCTION) and not any(hasattr(base, method.name) for base in bases):
                    yield f"{node.name}.{method.name}", method


def says_nothing(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a public function lacks its docstring. An empty one (a signal's receiver) needs none."""
    is_public = not function.name.startswith("_")
    is_empty = len(function.body) == 1 and isinstance(function.body[0], ast.Expr)
    return is_public and not is_empty and not ast.get_docstring(function)


@pytest.mark.parametrize("path", [path for path in SOURCES if "commands" not in path.parts], ids=name_of)
def test_public_functions_say_what_they_give(path: Path) -> None:
    assert not [name for name, function in public_functions(path) if says_nothing(function)]


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_templates_hold_no_script_style_or_raw_text(path: Path) -> None:
    """The content security policy forbids the first two; the third would undo the escaping.

    Mail has no such policy, and mail programs know no style sheets.
    """
    text = path.read_text()
    inline_script = re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", text)
    handler = re.search(r"<[^>]+\son\w+\s*=", text)
    style = None if path.parent.name == "mail" else re.search(r"<style\b|<[^>]+\sstyle\s*=", text)
    raw = re.search(r"\|\s*safe\b|\{%\s*autoescape\s+off", text)
    assert [inline_script, handler, style, raw] == [None] * 4


def test_no_code_asks_which_provider_it_deals_with() -> None:
    """A quirk is a field of the specification."""
    codes = {path.stem for path in (ROOT / "providers" / "catalog").glob("*.toml")}
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                texts = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
                found += [f"{name_of(path)}:{node.lineno}" for text in texts & codes]
    assert not found


def test_the_readme_says_where_to_look_in_connections() -> None:
    section = (ROOT / "README.md").read_text().partition("### Where to look in `connections/`")[2].partition("\n#")[0]
    found = (path for place in ("", "link", "refreshing") for path in (ROOT / "connections" / place).glob("*.py"))
    assert set(re.findall(r"`(\w+)`", section)) == {path.stem for path in found} - {"__init__", "apps"}


def test_the_whole_project_is_looked_at() -> None:
    assert len(SOURCES) > 30
    assert {app_of(path) for path in SOURCES} == set(APPS)
