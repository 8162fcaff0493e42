from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from movieembed.model import neighbors
from movieembed.model.neighbors import top_k_neighbors, unit_rows

FLOATS = (np.float32, np.float64)
SMALL = (1, 3, 128)  # QUERY_BLOCK; with BLOCK_FLOPS at 0 it is what the kernel is given at once


def brute_force(
    scores: NDArray[Any],
    items: NDArray[Any],
    k: int,
    exclude: list[Any] | None = None,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """A stable sort of each row: higher score first, then lower row."""
    rows = np.full((len(scores), k), -1)
    best = np.full((len(scores), k), -np.inf, dtype=scores.dtype)
    for q, score in enumerate(scores):
        left = np.flatnonzero(items.any(axis=1))
        if exclude is not None:
            left = np.setdiff1d(left, exclude[q])
        order = left[np.argsort(-score[left], kind="stable")][:k]
        rows[q, : len(order)], best[q, : len(order)] = order, score[order]
    return rows, best


def integers(n: int, d: int, seed: int, dtype: Any) -> NDArray[Any]:
    """Few distinct values: dot products are exact and tie all the time; some rows are zero."""
    return np.random.default_rng(seed).integers(-1, 2, (n, d)).astype(dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("query_block", SMALL)
def test_dot_products_with_ties(
    query_block: int, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal everywhere, scores too, at sizes around the blocks."""
    monkeypatch.setattr(neighbors, "QUERY_BLOCK", query_block)
    monkeypatch.setattr(neighbors, "BLOCK_FLOPS", 0)
    rng = np.random.default_rng(0)
    for n_queries, n_items in (
        (0, 5),
        (1, 1),
        (2, 6),
        (3, 7),
        (7, 64),
        (5, 65),
        (6, 0),
        (200, 1500),
    ):
        items = integers(n_items, 3, n_items, dtype)
        queries = integers(n_queries, 3, 1, dtype)
        exclude = [rng.choice(n_items, rng.integers(0, n_items + 1)) for _ in queries]
        for listed in (None, exclude, [np.zeros(0, dtype=int)] * n_queries):
            for k in (1, 5, n_items + 2):
                expected = brute_force(queries @ items.T, items, k, listed)
                for n_jobs in (1, 3):
                    rows, scores = top_k_neighbors(
                        queries, items, k, metric="dot", exclude=listed, n_jobs=n_jobs
                    )
                    assert rows.dtype == np.int64
                    assert scores.dtype == dtype
                    np.testing.assert_array_equal(rows, expected[0])
                    np.testing.assert_array_equal(scores, expected[1])


def test_sizes_around_the_real_blocks() -> None:
    for n_queries, n_items in ((127, 1023), (128, 1024), (129, 1025), (257, 2049)):
        items = np.random.default_rng(2).integers(-9, 10, (n_items, 2)).astype(np.float32)
        queries = integers(n_queries, 2, 3, np.float32)
        expected = brute_force(queries @ items.T, items, 9)
        rows, scores = top_k_neighbors(queries, items, 9, metric="dot")
        np.testing.assert_array_equal(rows, expected[0])
        np.testing.assert_array_equal(scores, expected[1])


@pytest.mark.parametrize("metric", ["cosine", "dot"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_real_vectors(dtype: Any, metric: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores that do not tie: rows are those of float64 wherever neighbours in rank differ."""
    rng = np.random.default_rng(4)
    items = (rng.standard_normal((150, 6)) * rng.lognormal(0, 2, (150, 1))).astype(dtype)
    items[[0, 7, 149]] = 0
    queries = rng.standard_normal((20, 6)).astype(dtype)
    queries[3] = 0
    exact = queries.astype(np.float64) @ items.T.astype(np.float64)
    size = np.abs(exact).max()
    if metric == "cosine":
        lengths = np.outer(
            np.linalg.norm(queries.astype(np.float64), axis=1),
            np.linalg.norm(items.astype(np.float64), axis=1),
        )
        exact = np.divide(exact, lengths, out=np.zeros_like(exact), where=lengths > 0)
        size = 1.0
    tolerance = 20 * float(np.finfo(dtype).eps) * size
    expected = brute_force(exact, items, 160)
    for query_block in SMALL:
        monkeypatch.setattr(neighbors, "QUERY_BLOCK", query_block)
        monkeypatch.setattr(neighbors, "BLOCK_FLOPS", 0)
        rows, scores = top_k_neighbors(queries, items, 160, metric=metric)
        np.testing.assert_allclose(scores, expected[1], rtol=0, atol=tolerance)
        for q in range(len(queries)):
            found = rows[q][rows[q] >= 0]
            assert sorted(found) == sorted(np.setdiff1d(np.arange(150), [0, 7, 149]))
            np.testing.assert_allclose(exact[q, found], scores[q, : len(found)], atol=tolerance)
            gaps = -np.diff(expected[1][q, :147])
            clear = (np.r_[np.inf, gaps] > 4 * tolerance) & (np.r_[gaps, np.inf] > 4 * tolerance)
            np.testing.assert_array_equal(rows[q, :147][clear], expected[0][q, :147][clear])
            assert clear.sum() > 40 or q == 3
    assert (rows[3, :147] == np.setdiff1d(np.arange(150), [0, 7, 149])).all()  # all tie at 0


@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_fewer_is_a_prefix_of_more(metric: Any) -> None:
    items = np.random.default_rng(5).integers(-2, 3, (300, 3)).astype(np.float64)
    rows, scores = top_k_neighbors(items[:40], items, 310, metric=metric)
    for k in (1, 5, 10, 11, 64, 299, 300):
        fewer = top_k_neighbors(items[:40], items, k, metric=metric)
        np.testing.assert_array_equal(fewer[0], rows[:, :k])
        np.testing.assert_array_equal(fewer[1], scores[:, :k])


def test_cosine_ties_go_to_the_lower_row() -> None:
    """Multiples by powers of two have the same direction, bit for bit."""
    items = np.array([[2.0, 0], [0, 1], [1, 0], [0.5, 0], [-1, 0], [0, 4]])
    rows, scores = top_k_neighbors(np.array([[3.0, 0], [0, 1]]), items, 6)
    assert rows.tolist() == [[0, 2, 3, 1, 5, 4], [1, 5, 0, 2, 3, 4]]
    assert scores.tolist() == [[1, 1, 1, 0, 0, -1], [1, 1, 0, 0, 0, 0]]


def test_zero_rows_are_never_returned() -> None:
    items = np.zeros((9, 2))
    items[[2, 6]] = [[-1, 0], [-2, -1]]
    for metric in ("cosine", "dot"):
        rows, scores = top_k_neighbors(np.array([[1.0, 0]]), items, 4, metric=metric)
        assert set(rows[0, :2]) == {2, 6}  # though their scores are negative and those of zero 0
        assert rows[0, 2:].tolist() == [-1, -1]
        assert scores[0, 2:].tolist() == [-np.inf, -np.inf]
        for nothing in (items[:2], items[:0], np.zeros((5, 2))):
            rows, scores = top_k_neighbors(np.array([[1.0, 0]]), nothing, 2, metric=metric)
            assert rows.tolist() == [[-1, -1]]
            assert scores.tolist() == [[-np.inf, -np.inf]]
    rows, _ = top_k_neighbors(np.ones((2, 0)), np.ones((3, 0)), 2)
    assert rows.tolist() == [[-1, -1], [-1, -1]]


def test_exclude() -> None:
    items = np.array([[1.0], [0], [3], [2], [0], [5]])
    query = np.ones((1, 1))
    for listed, expected in (
        ([], [5, 2, 3, 0]),
        ([5], [2, 3, 0, -1]),
        ([3, 5, 3, 5], [2, 0, -1, -1]),  # in any order, more than once
        ([1, 4], [5, 2, 3, 0]),  # zero rows anyway
        ([4, 2, 0, 5, 3, 1], [-1, -1, -1, -1]),
    ):
        rows, scores = top_k_neighbors(query, items, 4, metric="dot", exclude=[np.array(listed)])
        assert rows.tolist() == [expected]
        assert (np.isneginf(scores) == (rows == -1)).all()
    both = top_k_neighbors(np.ones((2, 1)), items, 1, metric="dot", exclude=[[5], []])
    assert both[0].tolist() == [[2], [5]]


@pytest.mark.parametrize("scale", [1e-200, 1e-170, 1e-160, 1e-30, 1.0, 1e30, 1e150, 1e160, 1e300])
def test_cosine_does_not_depend_on_the_unit(scale: float) -> None:
    """A row that is not zero has a direction, however short or long it is."""
    items = np.array([[1.0, 0], [1, 1], [0, 1], [-1, 0]]) * scale
    with np.errstate(over="ignore", under="ignore"):
        rows, scores = top_k_neighbors(items[:1], items, 4)
    assert rows.tolist() == [[0, 1, 2, 3]]
    np.testing.assert_allclose(scores, [[1, 0.5**0.5, 0, -1]], rtol=1e-12)


def test_float32_cosine_does_not_depend_on_the_unit() -> None:
    items = np.array([[1.0, 0], [1, 1], [0, 1], [-1, 0]], dtype=np.float32)
    for scale in (1e-37, 1e-25, 1e25, 1e37):
        rows, scores = top_k_neighbors(items[:1], items * np.float32(scale), 4)
        assert rows.tolist() == [[0, 1, 2, 3]]
        np.testing.assert_allclose(scores, [[1, 0.5**0.5, 0, -1]], rtol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
def test_layouts(dtype: Any) -> None:
    items = np.random.default_rng(6).integers(-3, 4, (40, 5)).astype(dtype)
    queries = items[:6].copy()
    expected = top_k_neighbors(queries, items, 7, metric="dot")
    forms = (
        np.asfortranarray(items),
        np.repeat(items, 2, axis=0)[::2],
        np.repeat(items, 2, axis=1)[:, ::2],
        items.copy()[::-1].copy()[::-1],
        np.broadcast_to(items, (2, 40, 5))[1],
    )
    for form in forms:
        form.flags.writeable = False
        for a, b in ((queries, form), (form[:6], items)):
            rows, scores = top_k_neighbors(a, b, 7, metric="dot")
            np.testing.assert_array_equal(rows, expected[0])
            np.testing.assert_array_equal(scores, expected[1])
            np.testing.assert_array_equal(
                top_k_neighbors(a, b, 7)[0][:, 0], top_k_neighbors(queries, items, 7)[0][:, 0]
            )
    np.testing.assert_array_equal(queries, items[:6])


def test_unit_rows() -> None:
    A = np.array([[3.0, 4], [0, 0], [0, -2]])
    for given_as in (A, np.asfortranarray(A)):
        np.testing.assert_allclose(
            unit_rows(given_as), [[3 / 5, 4 / 5], [0, 0], [0, -1]], rtol=1e-15
        )
    assert A.tolist() == [[3, 4], [0, 0], [0, -2]]
    assert unit_rows(A.astype(np.float32)).dtype == np.float32


EYE = np.eye(3)


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"queries": EYE[0]}, ValueError, "queries must have two dimensions"),
        ({"items": EYE[None]}, ValueError, "items must have two dimensions"),
        ({"queries": EYE.astype(int)}, TypeError, "queries must be float32 or float64"),
        ({"items": EYE.astype(np.float16)}, TypeError, "items must be float32 or float64"),
        ({"items": EYE.astype(complex)}, TypeError, "items must be float32 or float64"),
        ({"items": EYE.astype(object)}, TypeError, "items must be float32 or float64"),
        ({"items": EYE.astype(">f8")}, TypeError, "items must be float32 or float64"),
        ({"items": None}, TypeError, "items must be float32 or float64"),
        ({"items": EYE * np.nan}, ValueError, "items holds NaN or infinity"),
        ({"queries": np.full((1, 3), np.inf)}, ValueError, "queries holds NaN or infinity"),
        ({"queries": EYE.astype(np.float32)}, TypeError, "queries are float32 but items are"),
        ({"queries": EYE[:, :2]}, ValueError, "queries have 2 components but items have 3"),
        ({"k": 0}, ValueError, "k must be at least 1"),
        ({"k": -1}, ValueError, "k must be at least 1"),
        ({"k": True}, TypeError, "k must be an integer"),
        ({"k": 1.0}, TypeError, "k must be an integer"),
        ({"k": None}, TypeError, "k must be an integer"),
        ({"metric": "euclidean"}, ValueError, "metric must be 'cosine' or 'dot'"),
        ({"metric": None}, ValueError, "metric must be 'cosine' or 'dot'"),
        ({"exclude": []}, ValueError, "exclude has 0 entries for 3 queries"),
        ({"exclude": [[0]] * 4}, ValueError, "exclude has 4 entries for 3 queries"),
        ({"exclude": [[0], [3], [0]]}, ValueError, r"exclude .*outside \[0, 3\) for query 1"),
        ({"exclude": [[0], [0], [-1]]}, ValueError, r"exclude .*outside \[0, 3\) for query 2"),
        ({"n_jobs": 0}, ValueError, "n_jobs must"),
        ({"n_jobs": "2"}, TypeError, "n_jobs must"),
        ({"n_jobs": True}, TypeError, "n_jobs must"),
    ],
)
def test_malformed_arguments(changed: dict[str, Any], error: type[Exception], match: str) -> None:
    given_arguments: dict[str, Any] = {"queries": EYE, "items": EYE, "k": 1}
    with pytest.raises(error, match=match):
        top_k_neighbors(**{**given_arguments, **changed})


@pytest.mark.parametrize("listed", [np.array([True, False, False]), np.array([1.7])])
def test_exclude_refuses_what_is_not_rows(listed: Any) -> None:
    """A mask read as rows 0 and 1, or 1.7 as row 1, would exclude the wrong items in silence."""
    with pytest.raises((TypeError, ValueError), match="exclude"):
        top_k_neighbors(EYE[:1], EYE, 3, exclude=[listed])


@settings(deadline=None, max_examples=60)
@given(
    items=hnp.arrays(
        np.float64, st.tuples(st.integers(0, 12), st.just(3)), elements=st.integers(-2, 2)
    ),
    queries=hnp.arrays(
        np.float64, st.tuples(st.integers(0, 4), st.just(3)), elements=st.integers(-2, 2)
    ),
    k=st.integers(1, 15),
    data=st.data(),
)
def test_properties(
    items: NDArray[Any], queries: NDArray[Any], k: int, data: st.DataObject
) -> None:
    n = len(items)
    rows_strategy = st.lists(st.integers(0, n - 1)) if n else st.just([])
    exclude = [np.array(data.draw(rows_strategy), dtype=np.int64) for _ in queries]
    rows, scores = top_k_neighbors(queries, items, k, metric="dot", exclude=exclude)
    expected = brute_force(queries @ items.T, items, k, exclude)
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(scores, expected[1])
    longer = top_k_neighbors(queries, items, k + 1, metric="dot", exclude=exclude)
    np.testing.assert_array_equal(longer[0][:, :k], rows)
    # Any positive multiple of a query has the same neighbours; of an item, the same cosine.
    scaled = top_k_neighbors(4 * queries, items, k, metric="dot", exclude=exclude)
    np.testing.assert_array_equal(scaled[0], rows)
    cosine = top_k_neighbors(queries, items, k, exclude=exclude)
    factors = np.array([2.0 ** data.draw(st.integers(-3, 3)) for _ in items]).reshape(-1, 1)
    other = top_k_neighbors(queries, items * factors, k, exclude=exclude)
    np.testing.assert_array_equal(cosine[0], other[0])
    assert (np.abs(cosine[1][cosine[0] >= 0]) <= 1 + 1e-15).all()
