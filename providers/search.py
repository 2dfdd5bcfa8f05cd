"""Finding a provider by what people and agents type: its names, its services, and what it is good for.

A word counts as it was typed, wherever it stands in another. Only where nothing has all the words is a typing error
thought of, in those that stand nowhere. What a provider is found by is split into words once, with its specification.
"""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from providers.spec import ProviderSpec

# What a word is worth by where it stands: in a name, in a service, in what is said about the provider.
NAME, SERVICE, ABOUT = 100, 60, 50
WHOLE, BEGINNING, INSIDE, MISTYPED = 1.0, 0.7, 0.4, 0.5
# How much the most used provider is ahead of one that nobody uses and that fits as well.
POPULARITY = 0.3
MOST_WORDS = 8
MOST_NEAREST = 3


@dataclass(frozen=True)
class Entry:
    """What one provider is found by: each word with its worth, and its names, each written as one word."""

    worth: Mapping[str, int]
    names: frozenset[str]

    @classmethod
    def of(cls, spec: "ProviderSpec") -> "Entry":
        """The entry of a specification."""
        called = (spec.code, spec.name, *spec.aliases)
        names = frozenset("".join(words(name)) for name in called)
        services = (text for service in spec.services for text in (service.code, service.name))
        worth = dict.fromkeys(_every_word((spec.category, spec.uses)), ABOUT)
        worth |= dict.fromkeys(_every_word(services), SERVICE)
        worth |= dict.fromkeys((*_every_word(called), *names), NAME)
        return cls(worth, names)

    def score(self, word: str, meant: Mapping[str, float]) -> float:
        """How well it fits a word that was typed, and the words that may have been `meant`; 0 for not at all."""
        best = 0.0
        for term, worth in self.worth.items():
            if word in term:
                part = WHOLE if word == term else BEGINNING if term.startswith(word) else INSIDE
                best = max(best, worth * part)
            elif term in meant:
                best = max(best, worth * meant[term])
        return best


def words(text: str) -> list[str]:
    """The words of a text without case, accents and signs."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return re.findall(r"[^\W_]+", "".join(sign for sign in plain if not unicodedata.combining(sign)))


def _every_word(texts: Iterable[str]) -> Iterable[str]:
    return (word for text in texts for word in words(text))


def ranked(query: str, specs: Mapping[str, "ProviderSpec"]) -> list[str]:
    """The codes of those `specs` that have every word of `query`, the best match first; of no query all, as given."""
    typed = words(query)[:MOST_WORDS]
    if not typed:
        return [] if query.strip() else list(specs)
    return _with_every(typed, specs, {}) or _with_every(typed, specs, _meant(typed, specs))


def nearest(query: str, specs: Mapping[str, "ProviderSpec"]) -> list[str]:
    """Up to three codes that somebody who typed this may have meant, the likeliest first."""
    typed = words(query)[:MOST_WORDS]
    if not typed:
        return []
    found = ranked(query, specs) or _with_some(typed, specs) or _alike("".join(typed), specs)
    return found[:MOST_NEAREST]


def _with_every(
    typed: list[str], specs: Mapping[str, "ProviderSpec"], meant: Mapping[str, Mapping[str, float]]
) -> list[str]:
    whole, scores = "".join(typed), {}
    for code, spec in specs.items():
        parts = [spec.entry.score(word, meant.get(word, {})) for word in typed]
        if all(parts):
            name = NAME if whole in spec.entry.names else 0
            scores[code] = sum(parts) + name + POPULARITY * spec.popularity
    return _best(scores)


def _with_some(typed: list[str], specs: Mapping[str, "ProviderSpec"]) -> list[str]:
    """Those that have any of the words. One that few have tells more than one that many have."""
    meant, scores = _meant(typed, specs), dict.fromkeys(specs, 0.0)
    for word in (word for word in typed if len(word) > 2):
        parts = {code: spec.entry.score(word, meant.get(word, {})) for code, spec in specs.items()}
        number = sum(map(bool, parts.values()))
        for code, part in parts.items():
            scores[code] += part / max(number, 1)
    return _best({code: score for code, score in scores.items() if score})


def _best(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda code: (-scores[code], code))


def _alike(whole: str, specs: Mapping[str, "ProviderSpec"]) -> list[str]:
    """Those with a name that looks like `whole`."""
    named = {name: code for code, spec in specs.items() for name in spec.entry.names}
    found = difflib.get_close_matches(whole, named, n=MOST_NEAREST, cutoff=0.6)
    return list(dict.fromkeys(named[name] for name in found))


def _meant(typed: list[str], specs: Mapping[str, "ProviderSpec"]) -> dict[str, dict[str, float]]:
    """For each word that nothing has, the terms that it may be a mistyped form of, with what that is worth."""
    terms = {term for spec in specs.values() for term in spec.entry.worth}
    strange = [word for word in typed if not any(word in term for term in terms)]
    return {word: dict.fromkeys((term for term in terms if is_slip(word, term)), MISTYPED) for word in strange}


def is_slip(word: str, term: str) -> bool:
    """Whether `word` is `term`, or its beginning, with a typing error: one from four letters on, two from eight."""
    most = 0 if len(word) < 4 else 1 if len(word) < 8 else 2
    # Most terms are too short or lack too many letters for the comparison to be worth its while.
    if not most or len(term) < len(word) - most or len(set(word) - set(term)) > most:
        return False
    return _distance(word, term[: len(word) + most]) <= most


@lru_cache(maxsize=4096)
def _distance(word: str, term: str) -> int:
    """To the likest beginning of `term`, in letters put in, left out, mistaken, or swapped with the next.

    The table of the "optimal string alignment"; its last line has the distance to each beginning.
    """
    before: list[int] = []
    last = list(range(len(term) + 1))
    for row, sign in enumerate(word, 1):
        line = [row]
        for column, wanted in enumerate(term, 1):
            steps = [last[column] + 1, line[-1] + 1, last[column - 1] + (sign != wanted)]
            if row > 1 and column > 1 and sign == term[column - 2] and word[row - 2] == wanted:
                steps.append(before[column - 2] + 1)
            line.append(min(steps))
        before, last = last, line
    return min(last)
