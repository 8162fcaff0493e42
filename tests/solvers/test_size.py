"""What a fit needs: the figure against measured peaks, and the refusal instead of a hang."""

from __future__ import annotations

import sys

import pytest

import movieembed as me
from helpers import random_likes
from movieembed.solvers import size
from thread_cases import run_python

linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc")

LIKES = """
import os, re, resource, time, warnings
import numpy as np
import scipy.sparse as sp
import movieembed as me
from movieembed._base.memory import RESERVED, _numbers
warnings.simplefilter("ignore")
def status(name):
    return _numbers("/proc/self/status")[name] * 1024
rng = np.random.default_rng(0)
users, items = rng.integers(N_USERS, size=N_LIKES), rng.integers(N_ITEMS, size=N_LIKES)
L = sp.csr_array((np.ones(N_LIKES, dtype=np.float32), (users, items)), shape=(N_USERS, N_ITEMS))
L.data[:] = 1
likes = me.Likes.from_matrix(L)
model = me.MovieEmbedding(random_state=0, max_iter=4, tol=0, OPTIONS)
"""
PEAK = """
model.fit(np.eye(4)[:, :3] + 1)
needed = []
from movieembed.model import fitting
fitting.check_room = lambda size: needed.append(size.n_bytes)
open("/proc/self/clear_refs", "w").write("5")
before = status("VmRSS")
model.fit(likes)
print(needed[0] / (status("VmHWM") - before))
"""


def run(code: str, n_users: int, n_items: int, n_likes: int, options: str) -> str:
    numbers = {"N_USERS": n_users, "N_ITEMS": n_items, "N_LIKES": n_likes, "OPTIONS": options}
    for name, value in numbers.items():
        code = code.replace(name, str(value))
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    return done.stdout


@linux
@pytest.mark.parametrize(
    ("n_users", "n_items", "n_likes", "options"),
    [
        (1000, 20_000, 100_000, "n_components=64"),
        (1000, 20_000, 100_000, "n_components=64, dtype='float32'"),
        (140, 20_000, 100_000, "n_components=64"),  # in blocks that no filter takes
        (2000, 20_000, 100_000, "n_components=64, solver='adam', dtype='float32'"),
        (4000, 4000, 3_000_000, "n_components=4, user_weighting=0.5"),
    ],
)
def test_the_figure_is_about_the_measured_peak(
    n_users: int, n_items: int, n_likes: int, options: str
) -> None:
    ratio = float(run(LIKES + PEAK, n_users, n_items, n_likes, options))
    assert 0.6 < ratio < 1.7


@linux
def test_too_little_memory_is_refused_at_once() -> None:
    """Where BLAS gets none it waits for ever, or ends the process."""
    code = """
def limited(more):
    child = os.fork()
    if child == 0:
        most = status("VmSize") + RESERVED + more
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        start = time.perf_counter()
        try:
            model.fit(likes)
        except MemoryError as error:
            needed, there = map(int, re.findall(r"(\\d+) MB", str(error)))
            assert 210 < needed < 240 and 90 <= there <= 106, error
            os._exit(3 if time.perf_counter() - start < 5 else 4)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(limited(100 << 20), limited(800 << 20))
"""
    assert run(LIKES + code, 2000, 20_000, 100_000, "n_components=128") == "3 0\n"


def test_the_message_has_both_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(size, "room", lambda: 3_000)
    model = me.MovieEmbedding(2, random_state=0)
    with pytest.raises(
        MemoryError, match=r"needs about 0 MB .* 30 liked of 30 items .* room for 0 MB:"
    ):
        model.fit(random_likes(50, 30, 0.3, seed=0))
    monkeypatch.setattr(size, "room", lambda: None)
    assert model.fit(random_likes(50, 30, 0.3, seed=0)).converged_


def test_lists_that_need_too_much_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    likes = random_likes(50, 30, 0.3, seed=0)
    model = me.MovieEmbedding(2, random_state=0).fit(likes)
    monkeypatch.setattr(size, "room", lambda: 3_000)
    with pytest.raises(MemoryError, match=r"^what lists go by needs about 0 MB .* 30 liked of 30"):
        model.recommend(likes[:2])
    monkeypatch.setattr(size, "room", lambda: None)
    assert len(model.recommend(likes[:2])[0])
