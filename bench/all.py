"""Run every bench, one after the other, on a machine that does nothing else.

    python bench/all.py [--data FOLDER] [--large FOLDER]

`--data` is the folder of MovieLens small, `--large` that of ml-32m; without the latter the benches
of that size draw a seeded twin. Takes about half an hour.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SMALL = (
    "bench_kernels.py",
    "bench_cooccurrence.py",
    "bench_fit.py",
    "bench_start.py",
    "bench_recommend.py",
)
LARGE = ("bench_scale.py", "bench_dask.py")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--data", help="folder of MovieLens small")
    p.add_argument("--large", help="folder of ml-32m")
    args = p.parse_args()
    here = Path(__file__).parent
    for script, data in [
        *((name, args.data) for name in SMALL),
        *((name, args.large) for name in LARGE),
    ]:
        print(f"\n## {script}\n", flush=True)
        given = ["--data", data] if data else []
        subprocess.run([sys.executable, str(here / script), *given], check=True)


if __name__ == "__main__":
    main()
