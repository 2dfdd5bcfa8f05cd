"""The shipped provider files for tests, and the figures of docs/catalogue.md."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from providers import registry
from providers.spec import ProviderSpec
from tests.markdown import line

FILES = sorted(registry.SHIPPED.glob("*.toml"))
SPECS = [registry.read(path) for path in FILES]
BY_CODE = {spec.code: spec for spec in SPECS}
# Each way to connect, as if it were a provider of its own.
WAYS = [way for spec in SPECS for way in spec.every_way().values()]
LOGOS = Path(__file__).parents[1] / "akhrot_site" / "static" / "logos"
CATEGORIES = {
    "ai": "AI",
    "communication": "Communication",
    "content": "Content: files, design, media, publishing",
    "data": "Data: search, maps, analytics",
    "database": "Databases",
    "developer": "Development",
    "finance": "Finance",
    "health": "Health",
    "hosting": "Hosting",
    "operations": "Operations",
    "payments": "Payments and shops",
    "productivity": "Productivity",
    "sales": "Sales, marketing, support",
    "social": "Social media",
}
KINDS: dict[str, Callable[[ProviderSpec], bool]] = {
    "OAuth": lambda spec: spec.kind == "oauth2" and not spec.is_pasted,
    "OAuth with the user's own app": lambda spec: spec.kind == "oauth2" and spec.is_pasted,
    "pasted key": lambda spec: spec.auth == "api_key",
    "pasted user name and password": lambda spec: spec.auth == "basic",
    "MTProto session": lambda spec: spec.kind == "mtproto",
}
# Of files, by the default way of each, and of all ways.
FILE_COLUMNS: dict[str, Callable[[ProviderSpec], bool]] = {
    "files": lambda _: True,
    "its own pages": lambda spec: spec.checked.level == "provider",
    "sources that agree": lambda spec: spec.checked.level == "agreed",
    "one source": lambda spec: spec.checked.level == "single",
    "logo": lambda spec: (LOGOS / f"{spec.code}.svg").exists(),
}
WAY_COLUMNS: dict[str, Callable[[ProviderSpec], bool]] = {
    "ways": lambda _: True,
    "proven when pasted": lambda way: bool(way.is_pasted and (way.verify or way.oauth or way.kind == "mtproto")),
    "account told": lambda way: tells_account(way),
    "revocable": lambda way: bool(way.login or (way.oauth and way.oauth.revoke_url)),
}


def name_of(spec: ProviderSpec) -> str:
    """A provider's code, and that of the way where it has several."""
    return f"{spec.code}:{spec.way.code}" if spec.way.code else spec.code


def said(way: ProviderSpec) -> str:
    """The same for people: the provider's name, with that of a way that is not the default one."""
    return way.name if way.way.code == BY_CODE[way.code].way.code else f"{way.name} ({way.way_name})"


def tells_account(way: ProviderSpec) -> bool:
    """Whether a connection knows its account: by who signed in, by whose grant it is, or by what was chosen of it."""
    return bool(way.login) or bool(way.oauth and (way.oauth.identity or (way.oauth.after and way.oauth.after.id)))


every_provider = pytest.mark.parametrize("spec", WAYS, ids=name_of)


def values_of(spec: ProviderSpec, **more: str) -> dict[str, str]:
    """One value for everything a template may ask."""
    given = {one.name: one.default or (one.choices or ["abc-def"])[0] for one in spec.asked}
    kept = dict.fromkeys(spec.kept_names, "kept")
    # What stands at the beginning of an address is one itself: an instance's own, or one that came with the token.
    templates = [spec.base_url, *(service.base_url for service in spec.services)]
    whole = {found[1] for template in templates if (found := re.match(r"\{(\w+)\}", template))}
    known = {**given, **kept}
    known |= {name: "https://own.example" for name in whole if name in known and "://" not in known[name]}
    return spec.values({"accessToken": "tok", **known, **more})


def figures() -> str:
    """The generated part of the document, without its two marks."""
    services = [service for spec in SPECS for service in spec.services]
    examples = sum(len(service.examples) for service in services)
    several = sum(bool(spec.ways) for spec in SPECS)
    head = (
        f"{len(SPECS)} files with {len(WAYS)} ways to connect: {several} have more than one. "
        f"{len(services)} services with {examples} example calls."
    )
    return "\n".join([head, "", *_counts(), "", *_names(), ""])


def _counts() -> Iterable[str]:
    columns = [*FILE_COLUMNS, *WAY_COLUMNS]
    yield line(["", *columns])
    yield line(["---", *["--:"] * len(columns)])
    for kind, is_one in KINDS.items():
        yield _counted(kind, is_one)
    yield _counted("all", lambda _: True)


def _names() -> Iterable[str]:
    yield line(["Category", "", "Providers (those checked against one source alone in italics)"])
    yield line(["---", "---", "---"])
    by_name = sorted(SPECS, key=lambda spec: spec.name.lower())
    for category, words in CATEGORIES.items():
        names = [_named(spec) for spec in by_name if spec.category == category]
        yield line([f"`{category}`", words, ", ".join(names)])


def _named(spec: ProviderSpec) -> str:
    return f"*{spec.name}*" if spec.checked.level == "single" else spec.name


def _counted(what: str, is_of_it: Callable[[ProviderSpec], bool]) -> str:
    of_files = [sum(is_of_it(spec) and is_one(spec) for spec in SPECS) for is_one in FILE_COLUMNS.values()]
    of_ways = [sum(is_of_it(way) and is_one(way) for way in WAYS) for is_one in WAY_COLUMNS.values()]
    return line([what, *map(str, [*of_files, *of_ways])])
