"""Run the benches of speed and quality one after the other, on a machine that does nothing else.

    python bench/all.py [--data FOLDER] [--large FOLDER]

`--data` is the folder of MovieLens small, `--large` that of ml-32m; without the latter the benches
of that size draw a seeded twin. Takes over an hour on two cores. Left out are neighbours, threads
and gpu, which needs a GPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

SMALL = (
    *("product", "cooccurrence", "fit", "sparse", "start"),
    *("recommend", "notebook", "gradient", "million"),
)
LARGE = ("scale", "cluster", "everybody")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--data", help="folder of MovieLens small")
    p.add_argument("--large", help="folder of ml-32m")
    args = p.parse_args()
    paths = [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    for question, data in [
        *((name, args.data) for name in SMALL),
        *((name, args.large) for name in LARGE),
    ]:
        print(f"\n## {question}\n", flush=True)
        command = [sys.executable, "-m", f"bench.questions.{question}"]
        subprocess.run([*command, *(["--data", data] if data else [])], env=env, check=True)


if __name__ == "__main__":
    main()
