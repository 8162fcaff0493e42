"""``movieembed map``: the items as a page or a picture, with alike ones near each other."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.data import load_genres
from movieembed.cli.options import IdColumn, Jobs, Json, MinLikes, Model, Seed, choice, column

Out = Annotated[
    Path,
    typer.Option(
        "-o",
        "--out",
        metavar="FILE",
        help="Where to save it: .html, a page that needs no network; or .png, .svg or .pdf.",
    ),
]
GenreTable = Annotated[
    Path | None,
    typer.Option(
        "--items",
        metavar="FILE_OR_DATA",
        help="Where the genres are: a table of items, or a MovieLens folder, .zip or name.",
    ),
]
Method = Annotated[
    str,
    choice(
        ("auto", "tsne", "pca"),
        help="tsne, which needs pip install 'movieembed\\[map]'; pca; or auto: tsne if it can.",
    ),
]
Neighbors = Annotated[
    int, typer.Option("--neighbors", min=1, help="How many nearest items an item shows.")
]
Title = Annotated[
    str | None, typer.Option(show_default=False, help="Of the page; the model's name.")
]
GenresColumn = Annotated[
    str | None, column("--genres-col", 'The genres in --items, as "Comedy|Crime".')
]


def map_(
    *,
    model: Model,
    out: Out,
    items: GenreTable = None,
    method: Method = "auto",
    n_neighbors: Neighbors = 10,
    min_likes: MinLikes = 0,
    title: Title = None,
    random_state: Seed = 0,
    n_jobs: Jobs = None,
    item_id: IdColumn = None,
    genres: GenresColumn = None,
    as_json: Json = False,
) -> None:
    r"""Draw the items as a map, with alike ones near each other.

    The page finds items by title, shows the nearest ones of each, and colours by genre, decade or
    likes. It is one file and opens without a network. Pictures need one more package:
    pip install 'movieembed\[plot]'.

    $ movieembed map small.npz --out map.html --items ml-latest-small
    $ movieembed map small.npz --out map.png --method pca --min-likes 20
    """
    from movieembed.model.embedding import Embedding
    from movieembed.outputs.map.figure import PICTURES, save_figure
    from movieembed.outputs.map.page import map_html

    console.check_out_file(out)
    kind = out.suffix.lower()
    if kind not in (".html", ".htm", *PICTURES):
        raise ValueError(f"--out must end in .html, {', '.join(PICTURES)}, not {out.name!r}")
    fitted = Embedding.load(model)
    if items is None and (item_id is not None or genres is not None):
        raise ValueError("--id-col and --genres-col name columns of --items")
    common: dict[str, Any] = {
        "method": method,
        "genres": None if items is None else load_genres(items, fitted, item_id, genres),
        "min_likes": min_likes,
        "title": title or model.stem,
        "random_state": random_state,
        "n_jobs": n_jobs,
    }
    start = time.perf_counter()
    if kind in PICTURES:
        save_figure(fitted, out, **common)
    else:
        map_html(fitted, out, n_neighbors=n_neighbors, **common)
    seconds, size = time.perf_counter() - start, out.stat().st_size
    facts = {"model": str(model), "seconds": seconds, "bytes": size, "out": str(out)}
    lines = [f"seconds {seconds:.2f}", f"saved {out}, {size / 1e6:.2f} MB"]
    console.print_answer(as_json, facts, lines)
