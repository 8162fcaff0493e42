"""The service of docs/serving.md runs as it stands, and answers as the model does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import movieembed as me
from pages import run_section


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, me.MovieEmbedding]]:
    """The service, and the model by itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("serving"))
        app = run_section("serving.md")["app"]
        yield app, me.load(Path("demo.npz"))


def answers(app: Any, *requests: tuple[str, str, Any]) -> list[httpx.Response]:
    """What a service says to requests that all come at once: it answers them in threads."""

    async def ask() -> list[httpx.Response]:
        there = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=there, base_url="http://here") as client:
            waiting = [client.request(verb, path, json=body) for verb, path, body in requests]
            return await asyncio.gather(*waiting)

    return asyncio.run(ask())


def test_it_answers_as_the_model_does(service: tuple[Any, me.MovieEmbedding]) -> None:
    app, model = service
    liked = ["The Cosmic Starpilot", 489]
    near, one, other = answers(
        app,
        ("GET", "/similar/847?n=5", None),
        ("GET", "/users/42", None),
        ("POST", "/recommend?n=3&where=year >= 1990", liked),
    )
    assert near.json() == model.similar(847, 5).to_dict("records")
    assert one.json() == model.recommend_users(users=42).to_dict("records")
    assert other.json() == model.recommend(liked, 3, where="year >= 1990").to_dict("records")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/similar/99999", 404, "no item has the id 99999"),
        ("/users/99999", 404, "no user has the id 99999"),
        ("/users/42?n=0", 422, "n must be"),
    ],
)
def test_what_it_refuses(
    service: tuple[Any, me.MovieEmbedding], path: str, status: int, words: str
) -> None:
    (response,) = answers(service[0], ("GET", path, None))
    assert response.status_code == status
    assert words in response.json()["detail"]


def test_many_at_once(service: tuple[Any, me.MovieEmbedding]) -> None:
    app, model = service
    items = model.items_[model.item_counts_ > 20][:40].tolist()
    near = answers(app, *(("GET", f"/similar/{item}", None) for item in items))
    lists = answers(app, *(("POST", "/recommend", [item]) for item in items))
    for item, one, other in zip(items, near, lists, strict=True):
        assert one.json() == model.similar(item).to_dict("records")
        assert other.json() == model.recommend([item]).to_dict("records")
