"""The lambda of a model: chosen by its leave-one-out error, or given."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

import movieembed as me
from movieembed.data.likes import Likes
from movieembed.model import regularization
from movieembed.model.precision import PrecisionForm, Preconditioner, refine
from movieembed.model.regularization import Stacked
from movieembed.operators.cpu import CpuOperator
from precision_cases import inverse_gram


def test_regularization_is_the_least_leave_one_out_error(small_likes: Likes) -> None:
    """Against Allen's PRESS from the dense inverse, over all users."""
    used = np.flatnonzero(small_likes.item_counts)
    A = small_likes.matrix[:, used].toarray().astype(np.float64)
    errors = {}
    inverse = inverse_gram(A)
    for value in (25.0, 50.0, 100.0, 200.0, 400.0, 800.0):
        y, diagonal = inverse(value)
        residuals = y / diagonal / (1 - (y * A).sum(axis=1))[:, None]
        errors[value] = (residuals**2).sum()
    best = min(errors, key=errors.__getitem__)
    for d in (50, 200):
        model = me.MovieEmbedding(d, random_state=0, tol=1e-5, dtype="float32").fit(small_likes)
        assert best / 3 < model.regularization_ < best * 3  # d = 50 wants more: it knows less


def test_columns_are_refined_each_with_its_own_regularization(likes: sp.csr_array) -> None:
    op = CpuOperator(likes)
    squares = op.diagonal.astype(float)
    V = np.random.default_rng(0).standard_normal((op.n_items, 3))
    values = (3.0, 50.0)
    parts = [
        Preconditioner(op, PrecisionForm(V, squares, value), np.arange(op.n_items))
        for value in values
    ]
    X = op.asarray(op.some_users(4))
    both = refine(op, Stacked(parts, 4), squares, np.repeat(values, 4), np.hstack([X, X]), 2)
    for i, value in enumerate(values):
        alone = refine(op, parts[i], squares, value, X, 2)
        np.testing.assert_allclose(both[:, 4 * i : 4 * i + 4], alone, rtol=1e-10, atol=1e-14)


def test_regularization_is_chosen_from_the_error_of_each_value(demo_likes: Likes) -> None:
    op = CpuOperator(demo_likes.matrix)
    squares = op.diagonal.astype(float)
    V = me.MovieEmbedding(10, random_state=0).fit(demo_likes).embedding_[op.active]
    X = op.asarray(op.some_users(regularization.SAMPLE))
    values = squares.sum() / op.n_users * np.array(regularization.MULTIPLES)
    errors = []
    for value in values:
        form = PrecisionForm(V, squares, value)
        P = Preconditioner(op, form, np.arange(op.n_items))
        y = refine(op, P, squares, value, X, regularization.STEPS)
        left_out = y / form.diagonal[:, None] / (1 - (X * y).sum(axis=0))
        errors.append((left_out**2).sum())
    assert errors[1] < min(errors[0], errors[2])
    a, b, _ = np.polyfit(np.log(values), np.log(errors), 2)
    chosen = regularization.choose_regularization(op, V, squares)
    assert chosen == pytest.approx(np.exp(-b / (2 * a)), rel=1e-6)


def test_regularization_of_a_users_choice(likes: sp.csr_array) -> None:
    model = me.MovieEmbedding(3, random_state=0, regularization=17).fit(likes)
    assert model.regularization_ == 17
    automatic = me.MovieEmbedding(3, random_state=0).fit(likes)
    assert automatic.regularization_ > 0
    again = me.MovieEmbedding(3, random_state=0, n_jobs=1).fit(likes)
    assert again.regularization_ == automatic.regularization_
