"""The forms under which a title is found: any case, no year, article in front, no accents."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

_YEAR = re.compile(r"\s*\(\d{4}(?:[-\u2013]\d{0,4})?\)\s*$")
_BRACKETS = re.compile(r"\s*\(([^()]*)\)")
_ARTICLES = (
    "the|a|an|le|la|les|l'|el|los|las|lo|il|gli|i|der|die|das|de|het|en|ett|det|o|os|as|un|une|una"
)
_TRAILING_ARTICLE = re.compile(rf"^(?P<rest>[^()]*?), (?P<article>{_ARTICLES})(?P<tail> \(.*)?$")


def _fold(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.casefold().split())


def _without_year(title: str) -> str:
    return _YEAR.sub("", title)


def _natural(text: str) -> str:
    """Return lower case, the article in front: "the matrix (1999)" of "Matrix, The (1999)"."""
    folded = _fold(text)
    match = _TRAILING_ARTICLE.match(folded) if "," in folded else None
    if match is None:
        return folded
    article = match["article"]
    space = "" if article.endswith("'") else " "
    return f"{article}{space}{match['rest']}{match['tail'] or ''}"


def plain(text: str) -> str:
    """Return text in lower case, the article in front, without accents."""
    folded = _natural(text)
    if folded.isascii():
        return folded
    decomposed = unicodedata.normalize("NFKD", folded)
    return "".join(c for c in decomposed if not unicodedata.combining(c)).casefold()


def spellings(name: str) -> set[str]:
    """Return what a query may be a misspelling of: a title, and its first name without the year."""
    return {plain(name), plain(_BRACKETS.sub("", name))} - {""}


def _names(title: str) -> list[str]:
    """Return each name of "Seven (a.k.a. Se7en) (1995)", plain, without the year."""
    bare = _without_year(title)
    others = [re.sub(r"^a\.?k\.?a\.?\s+", "", name) for name in _BRACKETS.findall(bare)]
    return [plain(name) for name in (_BRACKETS.sub("", bare), *others)]


# What a title is listed under, and what a query is looked up as.
RULES: list[tuple[Callable[[str], Iterable[str]], Callable[[str], str]]] = [
    (lambda title: [title], str),
    (lambda title: [_fold(title)], _fold),
    (lambda title: [_fold(_without_year(title))], _fold),
    (lambda title: [_natural(title), _natural(_without_year(title))], _natural),
    (lambda title: [plain(title), plain(_without_year(title))], plain),
    (_names, plain),
]
