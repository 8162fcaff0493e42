"""Columns that the device makes of rows, against those that the host makes."""

from __future__ import annotations

import numpy as np
import pytest

from device_arrays import HostDevice
from helpers import operator_cases
from movieembed.operators.cpu import without_unembedded
from movieembed.operators.cuda.likes import host_chunks
from movieembed.operators.cuda.upload import Upload
from reference_kernels import ReferenceKernels


@pytest.mark.parametrize(("reduce", "keep_all"), [(True, False), (True, True), (False, True)])
@pytest.mark.parametrize("name", operator_cases())
def test_the_same_chunks_as_on_the_host(name: str, reduce: bool, keep_all: bool) -> None:
    L = operator_cases()[name]
    ones = bool((L.data == 1).all())
    expected, active = without_unembedded(L, keep_all) if reduce else (L, np.arange(L.shape[1]))
    n = expected.shape[0]
    for bounds in ([0, n], [0, *sorted({n // 3, n // 2}), n]):
        up = Upload(L, HostDevice(ReferenceKernels()), ones, reduce)
        chunks, found = up.chunks(bounds, keep_all)
        np.testing.assert_array_equal(found, active)
        wanted = list(host_chunks(expected, bounds, ones))
        assert len(chunks) == len(wanted)
        for there, here in zip(chunks, wanted, strict=True):
            assert (there.first, there.last) == (here.first, here.last)
            assert there.users.n_slots == here.users.n_slots
            assert there.items.n_slots == here.items.n_slots
            for one, other in zip(there.arrays(), here.arrays(), strict=True):
                assert one.dtype == other.dtype
                assert one.flags.c_contiguous
                np.testing.assert_array_equal(one._host, other)
