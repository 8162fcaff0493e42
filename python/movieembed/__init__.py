"""Item embeddings from a ratings table.

Minimises c(V) = sum over i != j of (v_i . v_j - X_ij)^2, where X_ij is the number of users who
liked both items, exactly and without forming X.

>>> import movieembed as me
>>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
>>> model = me.MovieEmbedding(n_components=1, random_state=0).fit(likes)
>>> model.similar("A", n=1)["title"].tolist()
['B']
"""

from __future__ import annotations

from movieembed._version import __version__ as __version__


def __getattr__(name: str) -> object:
    """Import a name when it is first used; the stub beside this file says from where.

    Importing pandas, SciPy and scikit-learn takes a second, which --help and a script that wants
    one function need not wait for.
    """
    import lazy_loader

    get, names, exported = lazy_loader.attach_stub(__name__, __file__)
    globals().update(__getattr__=get, __dir__=names, __all__=exported)
    return exported if name == "__all__" else get(name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))  # type: ignore[call-overload]
