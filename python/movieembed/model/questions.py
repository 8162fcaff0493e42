"""What a fitted model answers: functions of its fitted items as its methods."""

from __future__ import annotations

from movieembed.model import explanation, fold_in, scoring, similarity, users, vectors
from movieembed.model.delegation import question, successor


class Questions:
    """The questions of an `Embedding`."""

    similar = question(similarity.similar)
    neighbors = question(similarity.neighbors)
    recommend = question(scoring.recommend)
    recommend_users = question(users.recommend_users)
    rank = question(scoring.rank)
    similar_users = question(vectors.similar_users)
    explain = question(explanation.explain)
    item_vectors = question(vectors.item_vectors)
    query_vectors = question(vectors.query_vectors)
    extend = successor(fold_in.extend)
    fold_in = question(fold_in.fold_in)
