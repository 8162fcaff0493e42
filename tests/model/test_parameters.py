"""The parameters: which are refused, and that a fit leaves them as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

from fit_cases import L0, fit
from movieembed import MovieEmbedding


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("n_components", 0, ValueError),
        ("n_components", -3, ValueError),
        ("n_components", 2.0, TypeError),
        ("n_components", "3", TypeError),
        ("n_components", True, TypeError),
        ("n_components", None, TypeError),
        ("solver", "sgd", ValueError),
        ("solver", None, (ValueError, TypeError)),
        ("solver", ["eigen"], (ValueError, TypeError)),
        ("learning_rate", 0, ValueError),
        ("learning_rate", -1e-3, ValueError),
        ("learning_rate", np.nan, ValueError),
        ("learning_rate", np.inf, ValueError),
        ("learning_rate", "auto", ValueError),
        ("learning_rate", None, TypeError),
        ("learning_rate", True, TypeError),
        ("learning_rate", [0.1], TypeError),
        ("momentum", 1.0, ValueError),
        ("momentum", -0.1, ValueError),
        ("momentum", np.nan, ValueError),
        ("momentum", "0.9", TypeError),
        ("momentum", None, TypeError),
        ("init", "zeros", ValueError),
        ("init", None, TypeError),
        ("init", np.ones((3, 15)), ValueError),
        ("init", np.ones((15, 4)), ValueError),
        ("init", np.ones((14, 3)), ValueError),
        ("init", np.ones(15), ValueError),
        ("init", np.full((15, 3), np.nan), ValueError),
        ("init", np.ones((15, 3), dtype=complex), TypeError),
        ("tol", -1e-9, ValueError),
        ("tol", np.nan, ValueError),
        ("tol", np.inf, ValueError),
        ("tol", None, TypeError),
        ("tol", "1e-8", TypeError),
        ("max_iter", 0, ValueError),
        ("max_iter", -1, ValueError),
        ("max_iter", 1.5, TypeError),
        ("max_iter", False, TypeError),
        ("backend", "gpu", ValueError),
        ("backend", None, ValueError),
        ("backend", ["cpu"], ValueError),
        ("dtype", "float16", ValueError),
        ("dtype", int, ValueError),
        ("dtype", "double precision", (ValueError, TypeError)),
        ("dtype", None, (ValueError, TypeError)),
        ("random_state", True, TypeError),
        ("random_state", "seed", (ValueError, TypeError)),
        ("random_state", 1.5, (ValueError, TypeError)),
        ("random_state", -1, ValueError),
        ("n_jobs", 0, ValueError),
        ("n_jobs", 1.5, TypeError),
        ("n_jobs", "all", TypeError),
        ("n_jobs", True, TypeError),
        ("callback", 3, TypeError),
    ],
)
def test_wrong_parameters_are_named(name, value, error):
    solver = {"solver": "momentum"} if name != "solver" else {}
    model = MovieEmbedding(**({"n_components": 3} | solver | {name: value}))  # stores, checks not
    with pytest.raises(error, match=rf"\b{name}\b"):
        model.fit(L0)
    assert not hasattr(model, "embedding_")


@pytest.mark.parametrize("solver", ["eigen", "als"])
def test_a_learning_rate_where_there_is_none(solver):
    with pytest.raises(ValueError, match=f"solver='{solver}' takes no learning rate"):
        MovieEmbedding(3, solver=solver, learning_rate=0.1).fit(L0)


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_components": np.int64(3)},
        {"solver": "gd", "learning_rate": np.float32(1e-3)},
        {"solver": "momentum", "momentum": 0},
        {"solver": "gd", "tol": 0},
        {"dtype": np.float32},
        {"dtype": np.dtype("float64")},
        {"n_jobs": -1},
        {"n_jobs": np.int64(1)},
        {"max_iter": np.int64(5)},
    ],
    ids=repr,
)
def test_parameters_in_other_types(parameters):
    model = fit(**{"d": parameters.pop("n_components", 3), "max_iter": 5, **parameters})
    assert np.isfinite(model.cost_)


def test_clone_and_parameters():
    model = MovieEmbedding(7, solver="adam", learning_rate=0.1, momentum=0.5, max_iter=3, n_jobs=1)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert list(MovieEmbedding().get_params()) == sorted(
        [
            "n_components",
            "solver",
            "learning_rate",
            "momentum",
            "init",
            "tol",
            "max_iter",
            "item_scaling",
            "user_weighting",
            "entry_weighting",
            "regularization",
            "refine",
            "recommend_weighting",
            "regularization_power",
            "keep_likes",
            "keep_unliked",
            "checkpoint",
            "dtype",
            "random_state",
            "backend",
            "n_jobs",
            "callback",
            "verbose",
        ]
    )
    model.set_params(n_components=2, tol=0.5)
    assert (model.n_components, model.tol) == (2, 0.5)
    with pytest.raises(ValueError, match="n_topics"):
        model.set_params(n_topics=3)
    with pytest.raises(TypeError):
        MovieEmbedding(3, "eigen")


def test_fit_returns_itself_and_changes_no_parameter():
    model = MovieEmbedding(3, random_state=0)
    before = model.get_params()
    assert model.fit(L0) is model
    assert model.get_params() == before
    assert clone(model).fit(L0).cost_ == model.cost_


@pytest.mark.parametrize(
    ("parameters", "error", "match"),
    [
        ({"refine": -1}, ValueError, r"refine must be in \[0, 1000\]"),
        ({"regularization": -1}, ValueError, "regularization must be in"),
        ({"regularization": "much"}, ValueError, "a number or 'auto'"),
        ({"refine": 2, "keep_likes": False}, ValueError, "needs keep_likes=True"),
        ({"refine": 1.5}, TypeError, "must be an integer"),
        ({"refine": "some"}, ValueError, "an integer or 'auto'"),
        ({"keep_likes": "yes"}, TypeError, "keep_likes must be true or false"),
        ({"item_scaling": "x"}, TypeError, "a number or 'cosine'"),
        ({"item_scaling": 3}, ValueError, r"\[0, 2\]"),
        ({"user_weighting": -1}, ValueError, r"\[0, 2\]"),
        ({"entry_weighting": "sqrt"}, ValueError, "None, 'log1p' or 'ppmi'"),
        ({"entry_weighting": "ppmi", "item_scaling": 1.0}, ValueError, "exclude each other"),
    ],
)
def test_parameters_that_are_refused(
    likes: sp.csr_array, parameters: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        MovieEmbedding(2, **parameters).fit(likes)


def test_an_array_to_start_from_is_shown_by_its_shape():
    model = MovieEmbedding(3, init=np.ones((500, 3)), random_state=0)
    text = repr(model)
    assert text == "MovieEmbedding(init=<array of 500 x 3>, n_components=3, random_state=0)"
    assert (
        repr(MovieEmbedding(3, random_state=0)) == "MovieEmbedding(n_components=3, random_state=0)"
    )
