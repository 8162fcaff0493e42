"""MovieLens is read in every layout, and what is wrong with a file is named."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from movieembed.data import movielens as datasets
from movieembed.data.likes import Likes
from movieembed.data.movielens import load_movielens
from movielens_files import (
    CSV,
    DAT,
    LAYOUTS,
    MOVIES,
    RATINGS,
    TABS,
    assert_loaded,
    item_100k,
    pack,
    write,
)


def test_movielens_small_facts(
    ratings_movies: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    ratings, movies = ratings_movies
    assert ratings.columns.tolist() == ["userId", "movieId", "rating", "timestamp"]
    assert movies.columns.tolist() == ["movieId", "title", "genres"]
    assert (len(ratings), len(movies)) == (100_836, 9_742)
    assert (ratings["userId"].nunique(), ratings["movieId"].nunique()) == (610, 9_724)
    assert int((ratings["rating"] >= 4).sum()) == 48_580
    assert int(movies["title"].duplicated().sum()) == 5
    assert ratings.iloc[0].tolist() == [1, 1, 4.0, 964982703]
    assert movies.iloc[0].tolist()[1:] == [
        "Toy Story (1995)",
        "Adventure|Animation|Children|Comedy|Fantasy",
    ]


def test_movielens_small_in_a_zip_is_the_same(
    movielens_small: Path, ratings_movies: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("ratings.csv", "movies.csv"):
            archive.write(movielens_small / name, f"ml-latest-small/{name}")
    for loaded, expected in zip(load_movielens(path), ratings_movies, strict=True):
        pd.testing.assert_frame_equal(loaded, expected)
    assert [entry.name for entry in tmp_path.iterdir()] == ["small.zip"]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_from_a_folder(
    tmp_path: Path, layout: str, encoding: str, newline: str
) -> None:
    if layout == "csv" and encoding == "latin-1":
        encoding = "utf-8-sig"
    write(tmp_path, LAYOUTS[layout], encoding, newline)
    assert_loaded(load_movielens(tmp_path))
    assert_loaded(load_movielens(str(tmp_path)))


@pytest.mark.parametrize("inner", ["", "ml-10M100K/", "a/b/c/"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_from_a_zip(tmp_path: Path, layout: str, inner: str) -> None:
    encoding = "utf-8" if layout == "csv" else "latin-1"
    assert_loaded(load_movielens(pack(tmp_path / "x.zip", LAYOUTS[layout], inner, encoding)))


def test_last_line_may_lack_its_end(tmp_path: Path) -> None:
    for name, files in LAYOUTS.items():
        cut = {file: text.rstrip("\n") for file, text in files.items()}
        assert_loaded(load_movielens(write(tmp_path / name, cut)))


def test_blank_lines_are_skipped(tmp_path: Path) -> None:
    for name, files in LAYOUTS.items():
        spread = {file: text.replace("\n", "\n\n") for file, text in files.items()}
        assert_loaded(load_movielens(write(tmp_path / name, spread)))


def test_a_folder_may_hold_the_data_set_in_one_folder(tmp_path: Path) -> None:
    write(tmp_path / "ml-1m", DAT, "latin-1")
    write(tmp_path / "notes", {"a.txt": "b"})
    assert_loaded(load_movielens(tmp_path))
    write(tmp_path / "ml-100k", TABS)
    with pytest.raises(ValueError, match="several data sets, in ml-100k, ml-1m; name one"):
        load_movielens(tmp_path)
    write(tmp_path, CSV)
    assert_loaded(load_movielens(tmp_path))


def test_resource_forks_in_a_zip_are_no_data(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", DAT, "ml-1m/")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/ratings.dat", b"\0\1")
    assert_loaded(load_movielens(path))


def test_an_archive_needs_no_suffix(tmp_path: Path) -> None:
    assert_loaded(load_movielens(pack(tmp_path / "download", CSV)))


def test_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    files = {
        "ratings.csv": "timestamp,extra,rating,movieId,userId\n964982703,x,4,2,1\n"
        "964981247,y,0.5,1,2\n",
        "movies.csv": "genres,title,movieId\nAnimation|Comedy,Toy Story (1995),1\n"
        '(no genres listed),"Misérables, Les (1995)",2\n',
    }
    assert_loaded(load_movielens(write(tmp_path, files)))


def test_100k_genres_and_the_undated_item(tmp_path: Path) -> None:
    items = [
        item_100k(1, "A (1995)", "Western", "Children's"),
        item_100k(267, "unknown", "unknown"),
    ]
    write(tmp_path, TABS | {"u.item": "\n".join(items)})
    movies = load_movielens(tmp_path)[1]
    assert movies["title"].tolist() == ["A (1995)", "unknown"]
    assert movies["genres"].tolist() == ["Children's|Western", "unknown"]
    assert movies["movieId"].tolist() == [1, 267]
    assert len(datasets.GENRES_100K) == 19


def test_titles_that_look_like_something_else(tmp_path: Path) -> None:
    titles = ["NA", "null", "1984", "Die Hard: With a Vengeance (1995)", "x::y", "a\x85b", "Q\x0bc"]
    dat = "".join(f"{i}::{title}::Drama\n" for i, title in enumerate(titles))
    write(tmp_path / "dat", DAT | {"movies.dat": dat}, "latin-1")
    assert load_movielens(tmp_path / "dat")[1]["title"].tolist() == titles
    csv = "movieId,title,genres\n" + "".join(f"{i},{t},\n" for i, t in enumerate(titles))
    write(tmp_path / "csv", CSV | {"movies.csv": csv})
    movies = load_movielens(tmp_path / "csv")[1]
    assert movies["title"].tolist() == titles
    assert movies["genres"].tolist() == [""] * len(titles)


def test_ratings_without_rows(tmp_path: Path) -> None:
    header = {"ratings.csv": "userId,movieId,rating,timestamp\n"}
    ratings, movies = load_movielens(write(tmp_path, CSV | header))
    assert ratings.dtypes.astype(str).tolist() == ["int64", "int64", "float64", "int64"]
    assert Likes.from_ratings(ratings, items=movies).shape == (0, 2)


def test_neither_path_nor_name_lists_the_names() -> None:
    with pytest.raises(FileNotFoundError, match=r"'ml-2m' is neither .* ml-latest-small, ml-100k"):
        load_movielens("ml-2m")


def test_folders_and_archives_without_ratings(tmp_path: Path) -> None:
    wanted = r"no ratings file; looked for ratings\.csv, ratings\.dat, u\.data"
    with pytest.raises(FileNotFoundError, match=wanted):
        load_movielens(tmp_path)
    with pytest.raises(FileNotFoundError, match=wanted):
        load_movielens(pack(tmp_path / "x.zip", {"a": "b"}))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ratings_without_movies(tmp_path: Path, layout: str) -> None:
    ratings, movies = list(LAYOUTS[layout])[:2]
    write(tmp_path / "in", {ratings: LAYOUTS[layout][ratings]})
    with pytest.raises(FileNotFoundError, match=f"has in/{ratings} but no in/{movies}"):
        load_movielens(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("ratings.csv", "1,,4.0,5\n", r"line 2: movieId is missing"),
        ("ratings.csv", "1,2,4.0,5\n\n,x,4.0,5\n", r"line 4: userId is missing"),
        ("ratings.csv", "1,2,4.0,x\n", r"line 2: timestamp is 'x', not an integer or a date"),
        ("ratings.csv", "1,2,4.0,\n", r"line 2: timestamp is '', not an integer or a date"),
        ("ratings.csv", "1,2,4.0,5\n1,2,,5\n", r"line 3: rating is '', not a finite number"),
        ("ratings.csv", "1,2,nan,5\n", r"line 2: rating is 'nan', not a finite number"),
        ("ratings.csv", "1,2,inf,5\n", r"line 2: rating is 'inf', not a finite number"),
        ("ratings.csv", "1,2,4.0\n", r"line 2: expected 4 fields, got 3: '1,2,4.0'"),
        ("ratings.csv", "1,2,4.0,5,6\n", r"line 2: expected 4 fields, got 5"),
        ("ratings.csv", "1,2,4.0,5\n1,2,4.0,5,6\n", r"line 3: expected 4 fields, got 5"),
        ("ratings.dat", "1::2::5\n", r"line 1: expected 4 fields, got 3"),
        ("ratings.dat", "1::2::5::6\n1::2::5\n", r"line 2: expected 4 fields, got 3"),
        ("ratings.dat", "1::2::5::6\n1::2::5::6::7\n", r"line 2: expected 4 fields, got 5"),
        ("ratings.dat", "1::2::x::6\n", r"line 1: rating is 'x', not a finite number"),
        ("ratings.dat", "1:2:3:4:5:6:7\n", r"line 1: expected 4 fields, got 1"),
        ("ratings.dat", "1::2::5::6:9\n", r"line 1: timestamp is '6:9', not an integer"),
        ("ratings.dat", "1::2::nan::6\n", r"line 1: rating is 'nan'"),
        ("ratings.dat", "1::::5::6\n", r"line 1: movieId is missing"),
        ("u.data", "1\t2\t3\n", r"line 1: expected 4 fields, got 3"),
        ("u.data", "1\t2\t3\t4\t5\n", r"line 1: expected 4 fields, got 5"),
        ("u.data", "0\t2\t3\t4\t5\n1\t2\t3\t4\t5\n", r"line 1: expected 4 fields, got 5"),
        ("ratings.csv", "0,2,3,4,5\n1,2,3,4,5\n", r"line 2: expected 4 fields, got 5"),
        ("u.data", "1\t2\tx\t4\n", r"line 1: rating is 'x'"),
        ("movies.dat", "1::A::Drama\n\n2:B:Drama\n", r"line 3: expected id::title::genres"),
        ("movies.dat", "::A::Drama\n", r"line 1: movieId is missing"),
        ("u.item", "1|A|||x|0|1\n", r"line 1: expected 5 fields and 19 genre flags"),
        ("u.item", item_100k(1, "A")[:-1] + "7", r"line 1: expected 5 fields and 19 genre flags"),
        ("u.item", item_100k(1, "A")[1:], r"line 1: movieId is missing"),
        ("movies.csv", ",A,Drama\n", r"line 2: movieId is missing"),
        ("movies.csv", "1,A\n", r"line 2: expected 3 fields, got 2"),
        ("movies.csv", "1,A,Drama,B\n", r"line 2: expected 3 fields, got 4"),
        ("movies.csv", "\n1,A,Drama\n2,A,Drama,B\n", r"line 4: expected 3 fields, got 4"),
        ("movies.csv", '1,"A,Drama\n', r"line 3: unexpected end of data"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_malformed_lines_are_named(
    tmp_path: Path, file: str, text: str, message: str, zipped: bool
) -> None:
    layout = next(files for files in LAYOUTS.values() if file in files)
    if file.endswith(".csv"):
        text = layout[file].partition("\n")[0] + "\n" + text
    files = layout | {file: text}
    source = pack(tmp_path / "x.zip", files) if zipped else write(tmp_path / "x", files)
    with pytest.raises(ValueError, match=rf"{source.name}.{file}\S* .*{message}|{file}: {message}"):
        load_movielens(source)


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv"])
def test_absent_columns_are_named(tmp_path: Path, file: str) -> None:
    write(tmp_path, CSV | {file: "movieId,title\n1,2\n"})
    with pytest.raises(ValueError, match=rf"{file} lacks the column '\w+'; it has: 'movieId'"):
        load_movielens(tmp_path)


@pytest.mark.parametrize("file", ["ratings.csv", "movies.csv", "ratings.dat", "u.data"])
def test_empty_files_are_named(tmp_path: Path, file: str) -> None:
    layout = next(files for files in LAYOUTS.values() if file in files)
    with pytest.raises(ValueError, match=rf"{file}( is empty|: No columns)"):
        load_movielens(write(tmp_path, layout | {file: ""}))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_latin1_and_every_line_end(tmp_path: Path, layout: str, end: str) -> None:
    write(tmp_path, LAYOUTS[layout], "latin-1", end)
    assert_loaded(load_movielens(tmp_path))


def test_kaggle_files_with_dates(tmp_path: Path) -> None:
    files = {
        "rating.csv": '"userId","movieId","rating","timestamp"\n1,2,4.0,"2000-07-30 18:45:03"\n'
        '2,1,0.5,"2000-07-30 18:20:47"\n',
        "movie.csv": CSV["movies.csv"],
    }
    assert_loaded(load_movielens(write(tmp_path, files)))
    zoned = files["rating.csv"].replace("18:45:03", "20:45:03+02:00").replace(":47", ":47.9Z")
    assert_loaded(load_movielens(write(tmp_path, files | {"rating.csv": zoned})))


@pytest.mark.parametrize("note", ["", ",x"])
def test_ratings_without_timestamps(tmp_path: Path, note: str) -> None:
    # With a column more, the file is not for the fast parser.
    rows = f"userId,movieId,rating{note and ',note'}\n1,2,4{note}\n2,1,0.5{note}\n"
    ratings, movies = load_movielens(write(tmp_path, CSV | {"ratings.csv": rows}))
    pd.testing.assert_frame_equal(ratings, RATINGS.drop(columns="timestamp"))
    pd.testing.assert_frame_equal(movies, MOVIES)
    assert Likes.from_movielens(tmp_path).items.tolist() == [1, 2]


def test_files_that_are_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "ratings.csv"
    path.write_text("userId,movieId\n")
    with pytest.raises(ValueError, match=r"neither a folder nor a \.zip; .* with read_table"):
        load_movielens(path)
    fake = tmp_path / "fake.zip"
    fake.write_text("not really")
    with pytest.raises(ValueError, match=r"fake\.zip is not a whole \.zip file"):
        load_movielens(fake)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_archives_that_were_cut_or_changed(tmp_path: Path, layout: str) -> None:
    files = {name: text * 50 for name, text in LAYOUTS[layout].items()}
    whole = pack(tmp_path / "x.zip", files).read_bytes()
    cut = tmp_path / "cut.zip"
    cut.write_bytes(whole[:-30])
    with pytest.raises(ValueError, match=r"cut\.zip is not a whole \.zip file"):
        load_movielens(cut)
    changed = bytearray(whole)
    middle = zipfile.ZipFile(io.BytesIO(whole)).infolist()[0]
    start = middle.header_offset + 30 + len(middle.filename)
    for place in range(start + 20, start + 30):
        changed[place] ^= 0xFF
    broken = tmp_path / "broken.zip"
    broken.write_bytes(changed)
    with pytest.raises(ValueError, match=r"broken\.zip"):
        load_movielens(broken)


def test_encrypted_archives_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.zip", CSV)
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(signature, place + 4)
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.zip is encrypted"):
        load_movielens(path)
