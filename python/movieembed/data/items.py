"""Items found by id or by title."""

from __future__ import annotations

import contextlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from movieembed._base.arrays import object_array
from movieembed.data.column_numbers import ColumnNumbers, are_column_numbers
from movieembed.data.ids import each_id, typed, unify
from movieembed.data.title_keys import RULES, plain, spellings
from movieembed.exceptions import AmbiguousTitleError, ItemNotFoundError

_ID, _TITLE = "id:", "title:"
_LONGEST_NUMBER = 400
_N_SUGGESTIONS = 5
_N_LISTED = 10
# In points of 100: a much better match is a typing error put right, and the rest would distract.
_SUGGESTION_SPREAD = 20
# Of a title one slip away: less than of one that holds all that was typed.
_ONE_SLIP = 84.0


@dataclass(frozen=True)
class ById:
    """A query by id alone, for what is known to be one."""

    id: Hashable


class Typed(str):
    """A query that somebody typed, where all is text: an id as much as a title."""


class ItemIndex:
    """Find items by id or by title.

    Parameters
    ----------
    ids : array-like of shape (n_items,)
        Unique hashable ids; position is column number.
    titles : array-like of shape (n_items,) or None
        One title an item, "" where it has none. Titles may repeat.

    Attributes
    ----------
    ids : ndarray of shape (n_items,)
        As given.
    titles : ndarray of str objects of shape (n_items,), or None
        As given.

    Raises
    ------
    ValueError
        If an id repeats, or titles and ids differ in length.
    TypeError
        If an id is not hashable.

    Notes
    -----
    A query is compared in this order, and the first rule that finds anything decides:

    1. an id, of the query's own type: 1 and 1.0 find the integer id 1, "1" the string id "1",
       True neither;
    2. a title, exactly; a string that is one item's id and another's title is ambiguous;
    3. a title, whatever its case and spacing;
    4. a title without its year: "Apollo 13";
    5. a title with its article moved: "The Matrix" is "Matrix, The (1999)";
    6. a title without its accents: "Les Miserables";
    7. one of several names: "Seven" and "Se7en" are both "Seven (a.k.a. Se7en) (1995)";
    8. an id that is no string, as it is written: "318", "7.5", where no title was meant.

    Behind "id:" or "title:" stands one of the two for certain: "id:300" is never the film "300",
    nor "title:300" the item 300. On the command line, where all is text, "300" is ambiguous if it
    is both.

    The table of a rule is built when a query first reaches it, in O(n_items); from then on a
    query costs O(1). All of them, for 90,000 titles, take some two seconds.

    Examples
    --------
    >>> from movieembed.data.items import ItemIndex
    >>> index = ItemIndex([1, 2571], ["Toy Story (1995)", "Matrix, The (1999)"])
    >>> index.resolve("the matrix")
    1
    >>> index.resolve_many([2571, "Toy Story"])
    array([1, 0])
    >>> index.resolve("Toy Stroy")
    Traceback (most recent call last):
        ...
    movieembed.exceptions.ItemNotFoundError: no item is called 'Toy Stroy'; did you mean \
'Toy Story (1995)'?
    """

    def __init__(self, ids: Iterable[Hashable], titles: Iterable[str] | None = None) -> None:
        self.ids: NDArray[Any] = _as_array(ids)
        self.titles: NDArray[np.object_] | None = None
        if titles is not None:
            self.titles = object_array(str(title) for title in titles)
            if len(self.titles) != len(self.ids):
                raise ValueError(
                    f"titles has {len(self.titles)} entries and ids {len(self.ids)}; "
                    "they must be aligned"
                )
        self._positions: Mapping[tuple[type, Hashable], int] = (
            ColumnNumbers(len(self.ids))
            if are_column_numbers(self.ids)
            else {typed(id_): i for i, id_ in enumerate(self.ids.tolist())}
        )
        if len(self._positions) != len(self.ids):
            raise ValueError("ids repeat: every item needs an id of its own")
        self._tables: dict[int, dict[str, list[int]]] = {}
        self._choices: list[tuple[str, str]] | None = None
        self._texts: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        named = "no titles" if self.titles is None else "with titles"
        return f"ItemIndex({len(self):,} items, {named})"

    def resolve(self, query: Hashable) -> int:
        """Return the column number of one item.

        Parameters
        ----------
        query : hashable
            An id or a title, or a string of "id:" and an id or "title:" and a title.

        Returns
        -------
        int
            Position in ``ids``.

        Raises
        ------
        ItemNotFoundError
            If nothing matches; its ``suggestions`` holds up to 5 near titles.
        AmbiguousTitleError
            If the first rule that matches finds several items, or a string is the id of one and
            the title of another.
        TypeError
            If query is not hashable.

        Examples
        --------
        >>> import movieembed as me
        >>> index = me.ItemIndex([1, 2571, 51662], ["Toy Story (1995)", "Matrix, The (1999)", "1"])
        >>> index.resolve("The Matrix")
        1
        >>> index.resolve(1), index.resolve("1"), index.resolve("id:1")
        (0, 2, 0)
        """
        position = self.find(query)
        if position is None:
            raise self._not_found(query)
        return position

    def find(self, query: Hashable) -> int | None:
        """Return the column number of one item as `resolve` does, or None if nothing matches.

        Examples
        --------
        >>> import movieembed as me
        >>> index = me.ItemIndex([1, 2571], ["Toy Story (1995)", "Matrix, The (1999)"])
        >>> index.find("the matrix"), index.find("Toy Stroy")
        (1, None)
        """
        if isinstance(query, ById):
            return self._by_id(query.id)
        if not isinstance(query, str):
            return self._by_id(query)
        text = str.__str__(query)
        # Of what was typed no type says whether an id or a title was meant.
        named = (
            self._written(text) if isinstance(query, Typed) else self._positions.get(typed(text))
        )
        titled = self._titled(text, 1)
        if named is None and not titled:
            for prefix, find in ((_ID, self._by_id), (_TITLE, self._by_title)):
                if text.startswith(prefix):
                    return find(text.removeprefix(prefix))
        if named is None or isinstance(query, Typed):
            titled = self._titled(text, len(RULES))
        if named is not None and set(titled) - {named}:
            raise self._of_both_kinds(text, named, [place for place in titled if place != named])
        if named is None and titled:
            return self._only(text, titled)
        return self._written(text) if named is None else named

    def _by_id(self, id_: Hashable) -> int | None:
        """Return the column of an id as it is, or as it is written."""
        position = self._equal(id_)
        if position is None and isinstance(id_, str):
            position = self._written(id_)
        return position

    def _by_title(self, title: str) -> int | None:
        matches = self._titled(title, len(RULES))
        return self._only(title, matches) if matches else None

    def _equal(self, id_: Hashable) -> int | None:
        """Return the column of an id, a number's whichever of integer and float holds it."""
        kind, value = typed(id_)
        position = self._positions.get((kind, value))
        if position is None and kind is float and value == value // 1:
            return self._positions.get((int, int(value)))
        if position is None and kind is int and abs(value) < 2**1023 and float(value) == value:
            return self._positions.get((float, float(value)))
        return position

    def _written(self, text: str) -> int | None:
        """Return the column of an id that a person would write so."""
        position = self._positions.get((str, text))
        if position is not None:
            return position
        text = text.strip()
        if self._texts is None:
            self._texts = {str(id_): i for i, id_ in enumerate(self.ids.tolist())}
        position = self._texts.get(text)
        for kind in (int, float):
            if position is None and len(text) < _LONGEST_NUMBER:
                with contextlib.suppress(ValueError):
                    position = self._equal(kind(text)) if str(kind(text)) == text else None
        return position

    def _titled(self, text: str, n_rules: int) -> list[int]:
        """Return the columns of the first of so many rules that finds a title."""
        if self.titles is not None:
            for rule, (_, query_key) in enumerate(RULES[:n_rules]):
                matches = self._table(rule).get(query_key(text))
                if matches:
                    return matches
        return []

    def resolve_many(self, queries: Hashable | Iterable[Hashable]) -> NDArray[np.int64]:
        """Return the column numbers of several items, in the order asked.

        Parameters
        ----------
        queries : hashable, or iterable of them
            One id or title, or a list, array or Series of them. A tuple that is itself an id
            is one query.

        Returns
        -------
        ndarray of int64 of shape (n_queries,)
            Positions in ``ids``; repeats are kept.

        Raises
        ------
        ItemNotFoundError, AmbiguousTitleError, TypeError
            As `resolve`, for the first query that fails.

        Examples
        --------
        >>> import movieembed as me
        >>> index = me.ItemIndex([1, 2571], ["Toy Story (1995)", "Matrix, The (1999)"])
        >>> index.resolve_many([2571, "Toy Story"])
        array([1, 0])
        """
        queries = each_id(queries)
        if isinstance(queries, str | bytes) or not isinstance(queries, Iterable):
            return np.array([self.resolve(queries)], dtype=np.int64)
        if isinstance(queries, tuple) and self.is_id(queries):
            return np.array([self.resolve(queries)], dtype=np.int64)
        return np.array([self.resolve(query) for query in queries], dtype=np.int64)

    def is_id(self, query: tuple[Any, ...]) -> bool:
        """Whether a tuple is one of the ids, not a list of queries.

        Examples
        --------
        >>> import movieembed as me
        >>> index = me.ItemIndex([("a", 1), ("a", 2)])
        >>> index.is_id(("a", 1)), index.is_id((("a", 1), ("a", 2)))
        (True, False)
        """
        try:
            return typed(query) in self._positions
        except TypeError:
            return False

    def _table(self, rule: int) -> dict[str, list[int]]:
        table = self._tables.get(rule)
        if table is None:
            assert self.titles is not None
            title_keys, _ = RULES[rule]
            table = {}
            for position, title in enumerate(self.titles):
                for key in set(title_keys(title)):
                    if key:
                        table.setdefault(key, []).append(position)
            self._tables[rule] = table
        return table

    def _only(self, query: str, matches: list[int]) -> int:
        if len(matches) == 1:
            return matches[0]
        pairs, listed = self._list(matches)
        what = f"{query!r} stands for {len(pairs)} items: {listed}; pass the id instead"
        raise AmbiguousTitleError(what, pairs)

    def _of_both_kinds(self, query: str, by_id: int, by_title: list[int]) -> AmbiguousTitleError:
        pairs, listed = self._list([by_id, *by_title])
        what = f"{query!r} is an id and a title: {listed}; say {_ID + query!r} or "
        return AmbiguousTitleError(f"{what}{_TITLE + query!r}", pairs)

    def _list(self, places: list[int]) -> tuple[list[tuple[Any, str]], str]:
        """Return the ids and titles of columns, and the first of them in words."""
        assert self.titles is not None
        pairs = [(self.ids[i : i + 1].tolist()[0], str(self.titles[i])) for i in places]
        listed = ", ".join(f"{_show(id_)} ({title!r})" for id_, title in pairs[:_N_LISTED])
        if len(pairs) > _N_LISTED:
            listed += f" and {len(pairs) - _N_LISTED} more"
        return pairs, listed

    def _describe_ids(self) -> str:
        if not len(self):
            return "there are no items"
        examples = ", ".join(_show(id_) for id_ in self.ids[:3].tolist())
        kinds = sorted({type(id_).__name__ for id_ in self.ids.tolist()})
        return f"the {len(self):,} ids are of type {' and '.join(kinds)}: {examples}, ..."

    def _not_found(self, query: Hashable) -> ItemNotFoundError:
        if isinstance(query, ById) or not isinstance(query, str) or query.startswith(_ID):
            id_ = query.id if isinstance(query, ById) else query
            id_ = str.__str__(id_).removeprefix(_ID) if isinstance(query, str) else id_
            return ItemNotFoundError(f"no item has the id {_show(id_)}; {self._describe_ids()}")
        query = str.__str__(query).removeprefix(_TITLE)
        suggestions = self._suggest(query)
        if self.titles is None:
            message = f"no item has the id {query!r}; {self._describe_ids()}"
        else:
            message = f"no item is called {query!r}"
        if suggestions:
            message += "; did you mean " + " or ".join(repr(title) for title in suggestions) + "?"
        return ItemNotFoundError(message, suggestions)

    def _suggest(self, query: str) -> list[str]:
        """Return near titles, best first, in O(n_items * len(query) / 64) after the first call."""
        from rapidfuzz import fuzz, process
        from rapidfuzz.distance import OSA

        wanted = plain(query)
        if not wanted:
            return []
        if self._choices is None:
            names = self.ids.tolist() if self.titles is None else self.titles.tolist()
            self._choices = [(str(name), key) for name in names for key in spellings(str(name))]
        keys = [key for _, key in self._choices]
        # A title shorter than the query cannot contain it: "M" is no suggestion for "matrix".
        longer = [key if len(key) > len(wanted) else None for key in keys]
        # One letter wrong, missing or too many, or two that changed places: "Haet" is Heat, not
        # Hamlet, though it shares more letters with that.
        slips = process.extract(wanted, keys, scorer=OSA.distance, limit=20, score_cutoff=1)
        found = [(key, _ONE_SLIP, i) for key, _, i in slips if len(wanted) > 1]
        for scorer, choices, scale in (
            (fuzz.ratio, keys, 1.0),
            (fuzz.token_sort_ratio, keys, 0.95),
            (fuzz.partial_ratio, longer, 0.85),
        ):
            near = process.extract(wanted, choices, scorer=scorer, limit=20, score_cutoff=60)
            found += [(key, scale * score, i) for key, score, i in near]
        scores: dict[str, float] = {}
        for key, score, i in found:
            # Of titles that hold the query, prefer those that begin with it, then short ones.
            score += fuzz.ratio(wanted, key) / 20 + 3 * key.startswith(wanted)
            name = self._choices[i][0]
            scores[name] = max(score, scores.get(name, 0.0))
        best = sorted(scores, key=lambda name: -scores[name])[:_N_SUGGESTIONS]
        return [name for name in best if scores[name] >= scores[best[0]] - _SUGGESTION_SPREAD]


def _show(id_: object) -> str:
    return repr(id_.item() if isinstance(id_, np.generic) else id_)


def _as_array(ids: Iterable[Hashable]) -> NDArray[Any]:
    if isinstance(ids, np.ndarray):
        if ids.ndim != 1:
            raise ValueError(f"ids must be one-dimensional, got shape {ids.shape}")
        return ids
    values = object_array(ids)
    return unify(values) if all(type(value) is int for value in values) else values
