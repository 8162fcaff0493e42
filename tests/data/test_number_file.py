"""The fast parser agrees with the careful one wherever it does not hand over to it."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from movieembed.data import number_file as numberfiles
from movieembed.data.number_file import read_columns, read_numbers
from movieembed.data.text_columns import to_pandas
from movieembed.data.text_fields import Source

TYPES = {"user": "id", "item": "id", "rating": "number"}
ODD = [
    *("0x1F", "0X1f", "+5", " 5", "5 ", "\t5", "5\r", "5\x0b", "007", "-0", "-7", "1_0", "1e1"),
    *("", "NA", "nan", "NaN", "null", "None", "inf", "-Infinity", "True", "x", '"5"', "'5'"),
    *("1.", ".5", ".", "-", "4.35", "0.1", "1e-320", "1e400", "1,5", "#5", "5#", "(5)", "5%"),
    *("2147483648", f"{2**63 - 1}", f"{2**63}", f"{-(2**63)}", "1" * 400, "٣", "1\0", "5f", "5.0"),
]  # fmt: skip


def source(text: str) -> Source:
    content = text.encode()
    return Source("x/numbers.csv", lambda: io.BytesIO(content), len(content))


def carefully(text: str, separator: str, header: bool) -> pd.DataFrame:
    columns = numberfiles._read_carefully(source(text), TYPES, separator, header)
    return pd.DataFrame({name: to_pandas(column) for name, column in columns.items()})


def outcome(read, *arguments, **options):
    """What reading gives: a frame, or the message of its error."""
    try:
        return read(*arguments, **options)
    except ValueError as error:
        return str(error)


def assert_same(text: str, separator: str, header: bool) -> None:
    careful = outcome(carefully, text, separator, header)
    fast = outcome(read_numbers, source(text), TYPES, separator=separator, header=header)
    if isinstance(careful, str) or isinstance(fast, str):
        assert fast == careful
        return
    pd.testing.assert_frame_equal(fast, careful, check_exact=False, rtol=1e-15, atol=0)
    columns = read_columns(
        source(text), TYPES, ["rating", "user"], separator=separator, header=header
    )
    assert list(columns) == ["rating", "user"]
    for name, values in columns.items():
        assert values.astype(object).tolist() == fast[name].astype(object).tolist()


@pytest.mark.parametrize("separator", [",", "\t", "::"])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("field", ODD)
def test_odd_fields(field: str, place: int, separator: str) -> None:
    rows = [["1", "10", "4.5"], ["2", "20", "3"], ["3", "30", "0.5"]]
    rows[1][place] = field
    text = "\n".join(separator.join(row) for row in rows)
    assert_same(text, separator, False)
    if separator == ",":
        assert_same("user,item,rating\n" + text, separator, True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "user,item,rating",
        "user,item,rating\n",
        "user,item,rating\n\n\n",
        "\nuser,item,rating\n1,2,3\n",
        "\ufeffuser,item,rating\n1,2,3\n",
        "user,item,rating\r\n1,2,3\r\n\r\n4,5,6\r\n",
        "user,item,rating\r1,2,3\r4,5,6\r",
        "user,item,rating\n1,2,3\n  \n4,5,6",
        "user,item,rating\n1,2,3,\n4,5,6,\n",
        "user,item,rating\n1,2\n4,5,6\n",
        "user,item,rating\n1,2,3\n4,5,6,7\n",
        "user,item,rating,rating\n1,2,3,4\n",
        "rating,user,item\n3,1,2\n",
        "user,item,rating,note\n1,2,3,a\n1,2,3,b\n",
        'user,item,rating,note\n1,2,3,"a\nb"\n',
        '"user","item","rating"\n1,2,3\n',
        "user, item, rating\n1, 2, 3\n",
        "user;item;rating\n1;2;3\n",
        "user,item\n1,2\n",
    ],
)
def test_odd_files(text: str) -> None:
    assert_same(text, ",", True)


@pytest.mark.parametrize("block_bytes", [1, 7, 40, 1 << 20])
def test_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    monkeypatch.setattr(numberfiles, "BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "user": np.arange(200),
            "item": rng.integers(0, 10**6, 200),
            "rating": rng.integers(1, 11, 200) / 2,
        }
    )
    # Wide values late in the file: the columns change their type there.
    frame.loc[150, "item"] = 2**40
    frame.loc[151, "rating"] = 0.1
    for newline in ("\n", "\r\n", "\n\n"):
        text = frame.to_csv(index=False).replace("\n", newline)
        read = read_numbers(source(text), TYPES, separator=",", header=True)
        pd.testing.assert_frame_equal(read, frame)
        columns = read_columns(source(text), TYPES, list(TYPES), separator=",", header=True)
        assert [str(values.dtype) for values in columns.values()] == ["int32", "int64", "float64"]
        for name, values in columns.items():
            np.testing.assert_array_equal(values, frame[name])
    text += "1,7,x\n"
    with pytest.raises(ValueError, match=r"x/numbers\.csv, line \d+: rating is 'x', not a finite"):
        read_numbers(source(text), TYPES, separator=",", header=True)


def test_regular_files_are_parsed_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    def careful(*arguments: object) -> None:
        raise AssertionError("parsed twice")

    monkeypatch.setattr(numberfiles, "_read_carefully", careful)
    for header, separator, text in (
        (True, ",", "user,item,rating\n1,2,3.5\n\n4,5,6\n"),
        (False, "\t", "1\t2\t3.5\n4\t5\t6"),
        (False, "::", "1::2::3.5\n4::5::6\n"),
    ):
        frame = read_numbers(source(text), TYPES, separator=separator, header=header)
        assert frame.to_numpy().tolist() == [[1, 2, 3.5], [4, 5, 6]]


def test_compact_columns_hold_32_bits_only_where_exact() -> None:
    text = "1,2147483647,0.5\n2,-2147483648,3\n"
    columns = read_columns(source(text), TYPES, list(TYPES), separator=",", header=False)
    assert {name: str(v.dtype) for name, v in columns.items()} == {
        "user": "int32", "item": "int32", "rating": "float32"
    }  # fmt: skip
    for item, rating in ((2147483648, 1.0), (-2147483649, 0.1)):
        text = f"1,{item},{rating}\n"
        columns = read_columns(source(text), TYPES, list(TYPES), separator=",", header=False)
        assert columns["item"].dtype == np.int64
        assert columns["item"][0] == item
        assert columns["rating"][0] == rating


@pytest.mark.parametrize(
    ("progress", "terminal", "large", "shown"),
    [
        (None, True, True, True),
        (None, True, False, False),
        (None, False, True, False),
        (True, False, False, True),
        (False, True, True, False),
    ],
)
def test_a_bar_for_large_files_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    progress: bool | None,
    terminal: bool,
    large: bool,
    shown: bool,
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    monkeypatch.setattr(numberfiles, "BAR_BYTES", 10 if large else 1 << 26)
    text = "1,2,3\n" * 10
    read_numbers(source(text), TYPES, separator=",", header=False, progress=progress)
    assert ("numbers.csv" in capsys.readouterr().err) == shown
