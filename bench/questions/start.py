"""How long does the whole command take, process start included?

    python -m bench.questions.start --data FOLDER

`movieembed fit FOLDER --components 50` against the imports that any such script pays for:
`python -c "import numpy, scipy.sparse, pandas"`. Then the first answer of a model on disk, by
`movieembed similar` and by `load` and `similar` in Python, against the same.

Prediction: under three times that; the fit itself is a fifth of a second, and modules that a
command does not use are not imported. An answer under twice that, and under a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.lib.harness import Contender, Question, data_folder, parser, run_questions


def main() -> None:
    args = parser(__doc__).parse_args()
    folder = data_folder(args.data)

    def command(*words: str) -> Any:
        done = subprocess.run([sys.executable, *words], check=True, capture_output=True, text=True)
        return done.stdout

    def fit() -> Any:
        with tempfile.TemporaryDirectory() as out:
            return command(
                *("-m", "movieembed.cli", "fit", str(folder), "--components", "50"),
                *("--out", str(Path(out) / "model.npz")),
            )

    def check(results: dict[str, Any]) -> None:
        if "converged" not in results["movieembed fit"]:
            raise RuntimeError("the fit did not converge")

    contenders = [
        Contender("movieembed fit", fit),
        Contender("movieembed --help", lambda: command("-m", "movieembed.cli", "--help")),
        Contender(
            "import numpy, scipy.sparse, pandas",
            lambda: command("-c", "import numpy, scipy.sparse, pandas"),
        ),
    ]
    first = tempfile.TemporaryDirectory()
    model = str(Path(first.name) / "model.npz")
    command("-m", "movieembed.cli", "fit", str(folder), "--components", "50", "--out", model)
    asked = f"import movieembed as me; print(me.load({model!r}).similar(1, n=1))"

    def same(results: dict[str, Any]) -> None:
        if not all("Toy Story 2" in results[name] for name in ("movieembed similar", "load")):
            raise RuntimeError("the nearest of Toy Story is not Toy Story 2")

    answers = [
        Contender(
            "movieembed similar",
            lambda: command("-m", "movieembed.cli", "similar", model, "1", "-n", "1"),
        ),
        Contender("load", lambda: command("-c", asked)),
        contenders[-1],
    ]
    args.quick = True if args.rounds is None else args.quick
    args.rounds = args.rounds or 8
    run_questions(
        args,
        [
            Question("whole command, d = 50", contenders, check),
            Question("the first answer of a model", answers, same),
        ],
    )


if __name__ == "__main__":
    main()
