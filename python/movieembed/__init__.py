"""Item embeddings from a ratings table.

Minimises c(V) = sum over i != j of (v_i . v_j - X_ij)^2, where X_ij is the number of users who
liked both items, exactly and without forming X.

>>> import movieembed as me
>>> likes = me.Likes.from_matrix([[1, 1, 0], [1, 1, 1]], titles=["A", "B", "C"])
>>> model = me.MovieEmbedding(n_components=1, random_state=0).fit(likes)
>>> model.similar("A", n=1)["title"].tolist()
['B']
"""

import lazy_loader

from movieembed._version import __version__ as __version__

# Importing pandas, SciPy and scikit-learn takes a second, which --help and a script that wants one
# function need not wait for: a name is imported when it is first used. The stub says from where.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
