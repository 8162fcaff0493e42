"""A model read from a file, without scikit-learn until something asks for its part of the model.

Its import takes longer than all else between the start of a process and its first answer.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from movieembed.model.embedding import Embedding
from movieembed.model.npz import Place

if TYPE_CHECKING:
    from movieembed.model.estimator import MovieEmbedding

ESTIMATOR = "movieembed.model.estimator"


def load(path: Place, *, mmap: bool = False) -> MovieEmbedding:
    """Read a model that :meth:`MovieEmbedding.save` wrote.

    Parameters
    ----------
    path : path or binary file object
        A file object must be one that can seek.
    mmap : bool, default=False
        Leave the arrays in the file, mapped into memory, so that several processes that load the
        same file share them. They are read-only. The file may be replaced, as `save` does, but not
        written into; Windows replaces no file that is mapped, so that a model needs a new name
        there. Arrays of a file that an older version wrote are read as usual.

    Returns
    -------
    MovieEmbedding
        Fitted. scikit-learn is imported when its part of the model is first used.

    Raises
    ------
    ValueError
        When the file is not such a model, is damaged, or was written by a newer format, or `mmap`
        is asked of a file object.
    OSError
        When it cannot be read.

    Examples
    --------
    >>> import os, tempfile
    >>> import movieembed as me
    >>> model = me.MovieEmbedding(1, random_state=0).fit([[1, 1, 0], [1, 1, 1]])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model.save(os.path.join(folder, "model.npz"))
    ...     again = me.load(os.path.join(folder, "model.npz"))
    >>> bool((again.embedding_ == model.embedding_).all())
    True
    """
    loaded: Any = LoadedModel.load(path, mmap=mmap)
    return estimator(loaded) if ESTIMATOR in sys.modules else loaded


class LoadedModel(Embedding):
    """A MovieEmbedding that answers, and becomes one in class too when more is asked of it.

    More is what scikit-learn adds or changes: parameters, `transform`, another fit, text, copies.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(estimator(self), name)

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # what `isinstance` asks for
        from movieembed.model.estimator import MovieEmbedding

        return MovieEmbedding

    def __repr__(self) -> str:
        return repr(estimator(self))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return estimator(self).__reduce_ex__(protocol)

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: D102
        return estimator(self).fit(X, y)

    def refit(self, X: Any) -> Self:  # noqa: D102
        return estimator(self).refit(X)


def estimator(loaded: LoadedModel) -> MovieEmbedding:
    """The same model, from now on a MovieEmbedding."""
    from movieembed.model.estimator import MovieEmbedding

    vars(object)["__class__"].__set__(loaded, MovieEmbedding)
    return loaded  # type: ignore[return-value]
