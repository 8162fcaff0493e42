"""``movieembed export``: a model's vectors, or its likes, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from movieembed.cli import console
from movieembed.cli.options import Jobs, Json, Model, choice, one_of

if TYPE_CHECKING:
    from movieembed.model.embedding import Embedding

FORMATS = (
    *("word2vec", "word2vec-binary", "projector", "parquet", "arrow", "safetensors", "numpy"),
    *("likes", "cooccurrence"),
)
SUFFIXES = {
    ".txt": "word2vec",
    ".vec": "word2vec",
    ".bin": "word2vec-binary",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".safetensors": "safetensors",
    ".npy": "numpy",
    ".npz": "numpy",
}

Out = Annotated[Path, typer.Option("-o", "--out", metavar="FILE_OR_FOLDER", help="Where to write.")]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        show_default=False,
        help=f"One of {', '.join(FORMATS)}. By default what the suffix says: "
        f"{', '.join(SUFFIXES)}, and projector for a folder.",
        autocompletion=lambda: list(FORMATS),
    ),
]
Keys = Annotated[
    str | None,
    choice(
        ("item", "title"),
        show_default=False,
        help="What a word2vec file names items by: item, the default, or title.",
    ),
]
OnlyEmbedded = Annotated[
    bool, typer.Option("--only-embedded", help="Leave out items without a vector; else zeros.")
]


def export(
    *,
    model: Model,
    out: Out,
    form: Format = None,
    keys: Keys = None,
    only_embedded: OnlyEmbedded = False,
    n_jobs: Jobs = None,
    as_json: Json = False,
) -> None:
    r"""Write a model's vectors, or its likes, for other tools.

    safetensors needs one more package: pip install 'movieembed\[export]'. likes and cooccurrence,
    sparse matrices for SciPy, need a model that fit --keep-likes saved.

    $ movieembed export small.npz --out small.parquet
    $ movieembed export small.npz --out small.vec --keys title --only-embedded
    $ movieembed export small.npz --out projector/
    $ movieembed export kept.npz --out X.npz --format cooccurrence
    """
    from movieembed.model.embedding import Embedding

    form = chosen_format(out, form)
    if keys is not None and not form.startswith("word2vec"):
        raise ValueError(f"--keys is for word2vec, not for {form}")
    if only_embedded and form in ("likes", "cooccurrence"):
        raise ValueError(f"--only-embedded is for vectors, not for {form}")
    if form != "projector":
        console.check_out_file(out)
        if out.exists() and model.exists() and out.samefile(model):
            raise ValueError(f"--out: {out} is the model itself; name another file")
    fitted = Embedding.load(model)
    if form == "projector":
        console.make_out_folder(out)
    write(fitted, out, form, keys or "item", only_embedded, n_jobs)
    facts = {
        "model": str(model),
        "format": form,
        "items": len(fitted.items_),
        "embedded_items": int(fitted._fitted_items().embedded.sum()),
        "components": fitted.n_components,
        "out": str(out),
    }
    items = f"items {facts['items']:,} ({facts['embedded_items']:,} with a vector)"
    console.print_answer(as_json, facts, [items, f"format {form}", f"saved {out}"])


def chosen_format(out: Path, form: str | None) -> str:
    """Return the format that was asked for, or that the name of the file tells."""
    if form is not None:
        return str(one_of(form, FORMATS, "--format"))
    if out.is_dir() or not out.suffix:
        return "projector"
    if out.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"--out: {out.name} ends in none of {', '.join(SUFFIXES)}; say what to write with "
            f"--format, one of {', '.join(FORMATS)}"
        )
    return SUFFIXES[out.suffix.lower()]


def write(
    model: Embedding, out: Path, form: str, keys: Any, only_embedded: bool, n_jobs: int | None
) -> None:
    """Write a model in one of `FORMATS`."""
    from movieembed.outputs import export as to

    if form.startswith("word2vec"):
        binary = form == "word2vec-binary"
        to.export_word2vec(model, out, binary=binary, keys=keys, only_embedded=only_embedded)
    elif form == "likes":
        to.export_likes(model, out)
    elif form == "cooccurrence":
        to.export_cooccurrence(model, out, n_jobs=n_jobs)
    else:
        getattr(to, f"export_{form}")(model, out, only_embedded=only_embedded)
