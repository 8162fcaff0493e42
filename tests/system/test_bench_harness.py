"""The statistics of the benches, and that they refuse what would make them lie."""

import argparse
import importlib
import itertools
import subprocess
import sys
import types

import numpy as np
import pytest

from device_arrays import DeviceArray, DeviceModule, HostDevice
from helpers import REPOSITORY, random_likes
from movieembed.data.likes import Likes
from movieembed.operators.cuda import device as device_module
from reference_kernels import ReferenceKernels

BENCH = REPOSITORY / "bench"

pytestmark = pytest.mark.skipif(not BENCH.exists(), reason="the benches are not in an sdist")


@pytest.fixture
def harness(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    return importlib.import_module("bench.lib.harness")


@pytest.fixture
def floor(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    return importlib.import_module("bench.lib.floor")


def test_ratio_is_that_of_the_medians_with_the_band_of_the_rounds(harness):
    ratio = harness.ratio_of_medians([1.0, 2.0, 4.0, 2.0], [3.0, 5.0, 8.0, 5.0])
    assert ratio.value == 2.5
    assert (ratio.low, ratio.high) == (2.0, 3.0)
    assert ratio.differs
    assert str(ratio) == "**2.50 [2.00, 3.00]**"


def test_a_band_that_holds_one_is_the_same(harness):
    ratio = harness.ratio_of_medians([1.0, 1.0], [0.9, 1.3])
    assert ratio.value == pytest.approx(1.1)
    assert not ratio.differs
    assert str(ratio) == "same, 1.10 [0.90, 1.30]"


@pytest.mark.parametrize("other", [[1.0, 1.2], [0.8, 1.0]])
def test_a_band_that_touches_one_is_the_same(harness, other):
    assert not harness.ratio_of_medians([1.0, 1.0], other).differs


def test_a_faster_rival_is_marked_too(harness):
    assert str(harness.ratio_of_medians([2.0, 2.0], [1.0, 1.0])) == "**0.50 [0.50, 0.50]**"


def test_the_band_holds_the_ratio_of_medians(harness):
    rng = np.random.default_rng(0)
    for _ in range(200):
        base, other = rng.lognormal(size=(2, 6)).tolist()
        ratio = harness.ratio_of_medians(base, other)
        assert ratio.low <= ratio.value <= ratio.high


@pytest.mark.parametrize(("base", "other"), [([], []), ([1.0], [1.0, 2.0])])
def test_ratio_needs_the_same_rounds(harness, base, other):
    with pytest.raises(ValueError, match="the same rounds"):
        harness.ratio_of_medians(base, other)


def test_orders_alternate_and_are_fair(harness):
    rounds = list(harness.orders(3, 6))
    assert rounds == [[0, 1, 2], [2, 1, 0]] * 3
    assert np.ptp([sum(order.index(i) for order in rounds) for i in range(3)]) == 0


@pytest.mark.parametrize("rounds", [0, 1, 7])
def test_orders_want_an_even_number_of_rounds(harness, rounds):
    with pytest.raises(ValueError, match="even"):
        list(harness.orders(2, rounds))


class FakeClock:
    """Time that passes only where a contender says so."""

    def __init__(self):
        self.now = 0.0
        self.calls = []

    def __call__(self):
        return self.now

    def contender(self, harness, name, seconds, runs=1):
        durations = itertools.cycle(seconds)

        def run():
            self.calls.append(name)
            self.now += next(durations)

        return harness.Contender(name, run, runs=runs)


def test_time_rounds_keeps_each_contender_s_best_of_each_round(harness):
    clock = FakeClock()
    a = clock.contender(harness, "a", [3.0, 1.0, 2.0], runs=3)
    b = clock.contender(harness, "b", [5.0, 7.0])
    seconds = harness.time_rounds([a, b], 4, clock=clock, settle=0)
    assert np.allclose(seconds, [[1.0] * 4, [5.0, 7.0, 5.0, 7.0]])
    assert "".join(clock.calls) == "aaab" + "baaa" + "aaab" + "baaa"


def test_measure_checks_before_it_times_and_divides_by_the_floor(harness, floor, monkeypatch):
    monkeypatch.setattr(harness, "SETTLE", 0.0)
    log = []

    def timed(*_, **__):
        log.append("timed")
        return [[1.0, 1.0], [2.0, 2.0]]

    monkeypatch.setattr(harness, "time_rounds", timed)
    question = harness.Question(
        "q",
        [
            harness.Contender("ours", lambda: 1, flops=2e9),
            harness.Contender("rival", lambda: 1, moved=8e9, note=lambda r: f"got {r}"),
            harness.Contender("absent", lambda: 1, missing="some_package"),
        ],
        lambda results: log.append(sorted(results)),
    )
    rates = floor.Rates(float32=2e10, float64=1e10, copy_one=8e9, copy_all=1.6e10)
    args = argparse.Namespace(quick=True, rounds=None)
    ours, rival, absent = harness.measure(args, question, rates)
    assert log == [["ours", "rival"], "timed"]
    assert ours.cells == ["1 s", "1 to 1", "1", "5.0", "-", ""]
    assert rival.cells == ["2 s", "2 to 2", "**2.00 [2.00, 2.00]**", "4.0", "-", "got 1"]
    assert absent.cells[-1] == "skipped: no some_package"


def test_measure_times_nothing_when_results_differ(harness, monkeypatch):
    def check(results):
        raise RuntimeError("they differ")

    monkeypatch.setattr(harness, "time_rounds", lambda *_, **__: pytest.fail("timed"))
    question = harness.Question("q", [harness.Contender("ours", lambda: 1)], check)
    with pytest.raises(RuntimeError, match="they differ"):
        harness.measure(argparse.Namespace(quick=True, rounds=None), question, None)


def test_the_floor_is_the_longer_of_flops_and_bytes(floor):
    rates = floor.Rates(float32=2e10, float64=1e10, copy_one=8e9, copy_all=4e9)
    assert floor.seconds(rates, 1e10, 1e9, "float64") == 1.0
    assert floor.seconds(rates, 1e10, 16e9, "float32") == 2.0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_child_s_peak_memory_is_its_own(harness):
    ballast = np.ones(40_000_000)  # 320 MB, which a child would inherit in ru_maxrss
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); "
        "from bench.lib import harness; "
        "b = bytearray(100_000_000); del b; harness.reset_peak(); "
        "before = harness.memory(peak=False); b = bytearray(64_000_000); del b; "
        "print(before, harness.memory(peak=True))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert ballast.nbytes > before
    assert 60e6 < after - before < 80e6


def test_missing_data_is_said_plainly(harness, tmp_path):
    with pytest.raises(SystemExit, match=r"No MovieLens data at .*nowhere.*--data"):
        harness.data_folder(str(tmp_path / "nowhere"))


def test_data_folder_from_the_environment(harness, tmp_path, monkeypatch):
    monkeypatch.setenv("MOVIEEMBED_DATA", str(tmp_path))
    assert harness.data_folder(None) == tmp_path


def test_missing_packages_are_named(harness):
    assert harness.available("numpy") == ""
    assert harness.available("no_such_package_here") == "no_such_package_here"


# --- the GPU's --------------------------------------------------------------------------------


@pytest.fixture
def bench_gpu(harness):
    return importlib.import_module("bench.questions.gpu")


@pytest.mark.parametrize("error", [ImportError("no CuPy"), RuntimeError("no driver")])
def test_without_a_gpu_it_says_so_in_a_line(bench_gpu, error, monkeypatch):
    def none():
        raise error

    monkeypatch.setattr(bench_gpu, "cuda_device", none)
    monkeypatch.setattr(bench_gpu, "large_likes", lambda args: pytest.fail("loaded the likes"))
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    with pytest.raises(SystemExit) as caught:
        bench_gpu.main()
    # Python prints a text that a program exits with, and ends with status 1.
    assert caught.value.code == f"No GPU to measure: {error}"


class FakeCuda:
    """Events that take a millisecond each."""

    now = 0

    class Event:
        def record(self):
            FakeCuda.now += 1
            self.at = FakeCuda.now

        def synchronize(self):
            pass

    def get_elapsed_time(self, start, end):
        return float(end.at - start.at)

    def get_current_stream(self):
        return types.SimpleNamespace(synchronize=lambda: None)

    runtime = types.SimpleNamespace(
        getDevice=lambda: 0,
        getDeviceProperties=lambda number: {"name": b"a fake"},
        runtimeGetVersion=lambda: 12090,
        driverGetVersion=lambda: 13000,
    )


class FakePool:
    """One that a fit leaves with 7 MB more."""

    def __init__(self):
        self.total = itertools.count(0, 7_000_000)

    def total_bytes(self):
        return next(self.total)

    def free_all_blocks(self):
        pass


class FakeCupy(DeviceModule):
    cuda = FakeCuda()

    @staticmethod
    def get_default_memory_pool():
        return FakePool()


@pytest.fixture
def fake_gpu(monkeypatch):
    device = HostDevice(ReferenceKernels())
    device.xp = FakeCupy()
    monkeypatch.setattr(device_module, "cuda_device", lambda: device)
    return device


def test_rates_of_a_gpu(bench_gpu, fake_gpu):
    assert bench_gpu.copy_rate(fake_gpu.xp, size=4_000) == 8_000 / 1e-3
    op = bench_gpu.CudaOperator(random_likes(30, 20, 0.4, seed=1), np.float32, fake_gpu)
    d, nnz = 10, op.matrix.nnz
    assert bench_gpu.least_bytes(op, d) == 8 * nnz + 4 * d * (2 * 20 + 2 * 30)


def test_the_gpu_s_questions(bench_gpu, harness, fake_gpu, monkeypatch, capsys):
    monkeypatch.setattr(harness, "SETTLE", 0.0)
    monkeypatch.setattr(harness.floor, "measure", lambda: harness.floor.Rates(1e9, 1e9, 1e9, 1e9))
    monkeypatch.setattr(bench_gpu, "DIMENSIONS", (3, 32))
    monkeypatch.setattr(bench_gpu, "COPY_BYTES", 4_000)
    monkeypatch.setattr(bench_gpu, "PEOPLE", 300)
    monkeypatch.setattr(bench_gpu, "implicit_gpu", lambda: "implicit with CUDA")
    args = harness.parser("").parse_args(["--quick"])
    L = Likes.from_matrix(random_likes(240, 120, 0.2, seed=1)).matrix
    bench_gpu.run(args, L, fake_gpu)
    out = capsys.readouterr().out
    assert out.startswith("GPU: a fake, CUDA 12090, driver 13000; copying")
    rows = [line for line in out.splitlines() if line.startswith("| ")][1:]
    assert sum("| movieembed, GPU |" in row for row in rows) == 7
    assert sum("| movieembed, 2 cores |" in row for row in rows) == 7
    assert "1 ms by events" in rows[0]
    assert "skipped: no implicit with CUDA" in out
    assert out.count(" iterations, 7 MB of the device") == 2
    bench_gpu.rows_of_x(L, fake_gpu)
    fake_gpu.free = 100
    with pytest.raises(RuntimeError, match="do not fit"):
        bench_gpu.rows_of_x(L, fake_gpu).contenders[0].run()


@pytest.mark.parametrize(
    ("flags", "usable"),
    [
        ({"HAS_CUDA": True, "HAS_RMM": True}, True),
        ({"HAS_CUDA": True}, True),
        ({"HAS_CUDA": False}, False),
        ({}, True),
        (None, False),
    ],
)
def test_any_version_of_implicit_will_do(bench_gpu, flags, usable, monkeypatch):
    monkeypatch.setattr(bench_gpu, "available", lambda name: "")
    implicit, gpu, als = map(types.ModuleType, ("implicit", "implicit.gpu", "implicit.gpu.als"))
    als.AlternatingLeastSquares = object
    implicit.gpu = gpu
    for module in (implicit, gpu, als):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    if flags is None:
        monkeypatch.setitem(sys.modules, "implicit.gpu.als", None)
    else:
        vars(gpu).update(flags)
    assert (bench_gpu.implicit_gpu() == "") == usable


def test_the_gpu_s_results_are_checked(bench_gpu, fake_gpu):
    L = Likes.from_matrix(random_likes(40, 30, 0.3, seed=1)).matrix
    for question, wrong in (
        (bench_gpu.product(L, 3, fake_gpu, 1e9), lambda x: DeviceArray(x._host + 0.1)),
        (bench_gpu.rows_of_x(L, fake_gpu), lambda x: x._replace(totals=x.totals + 1)),
        (
            bench_gpu.fit(L, 3, fake_gpu, {}),
            lambda x: types.SimpleNamespace(cost_=x.cost_ * 1.01),
        ),
        (bench_gpu.choice(L), lambda x: x * 1.01),
    ):
        results = {c.name: c.run() for c in question.contenders if not c.missing}
        question.check(results)
        results[bench_gpu.GPU] = wrong(results[bench_gpu.GPU])
        with pytest.raises(RuntimeError, match=r"off by|differ|above the optimum"):
            question.check(results)


def test_what_runs_every_bench_says_which_it_leaves_out(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY))
    every = importlib.import_module("bench.all")
    run = [*every.SMALL, *every.LARGE]
    there = {path.stem for path in (BENCH / "questions").glob("[a-z]*.py")}
    assert len(run) == len(set(run))
    left_out = sorted(there.difference(run))
    words = f"{', '.join(left_out[:-1])} and {left_out[-1]}"
    page = (BENCH / "README.md").read_text(encoding="utf-8")
    assert f"bench/all.py            # all but {words};" in page
    assert set(left_out) <= set(every.__doc__.replace(",", " ").replace(".", " ").split())
    assert all(f"| `questions/{name}.py` |" in page for name in there)
