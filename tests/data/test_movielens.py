from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from movieembed.data import movielens as datasets
from movieembed.data.likes import Likes
from movieembed.data.movielens import load_movielens, read_table
from movieembed.exceptions import DownloadError, MovieEmbedError

FLAGS = {"unknown": 0, "Animation": 3, "Children's": 4, "Comedy": 5, "Western": 18}


def item_100k(id_: int, title: str, *genres: str) -> str:
    flags = ["0"] * 19
    for genre in genres:
        flags[FLAGS[genre]] = "1"
    date = "" if title == "unknown" else "01-Jan-1995"
    return "|".join([str(id_), title, date, "", "http://us.imdb.com/x", *flags])


CSV = {
    "ratings.csv": "userId,movieId,rating,timestamp\n1,2,4.0,964982703\n2,1,0.5,964981247\n",
    "movies.csv": "movieId,title,genres\n1,Toy Story (1995),Animation|Comedy\n"
    '2,"Misérables, Les (1995)",(no genres listed)\n',
    "README.txt": "about",
}
DAT = {
    "ratings.dat": "1::2::4::964982703\n2::1::0.5::964981247\n",
    "movies.dat": "1::Toy Story (1995)::Animation|Comedy\n"
    "2::Misérables, Les (1995)::(no genres listed)\n",
}
TABS = {
    "u.data": "1\t2\t4\t964982703\n2\t1\t0.5\t964981247\n",
    "u.item": item_100k(1, "Toy Story (1995)", "Animation", "Comedy")
    + "\n"
    + item_100k(2, "Misérables, Les (1995)")
    + "\n",
}
LAYOUTS = {"csv": CSV, "dat": DAT, "100k": TABS}

RATINGS = pd.DataFrame(
    {
        "userId": [1, 2],
        "movieId": [2, 1],
        "rating": [4.0, 0.5],
        "timestamp": [964982703, 964981247],
    }
)
MOVIES = pd.DataFrame(
    {
        "movieId": [1, 2],
        "title": ["Toy Story (1995)", "Misérables, Les (1995)"],
        "genres": ["Animation|Comedy", "(no genres listed)"],
    }
)


def write(
    folder: Path, files: dict[str, str], encoding: str = "utf-8", newline: str = "\n"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.replace("\n", newline).encode(encoding))
    return folder


def pack(path: Path, files: dict[str, str], inner: str = "", encoding: str = "utf-8") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(inner + name, text.encode(encoding))
    return path


def assert_loaded(loaded: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(loaded[0], RATINGS)
    pd.testing.assert_frame_equal(loaded[1], MOVIES)


# --- layouts -----------------------------------------------------------------------------------


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


# --- what is wrong -----------------------------------------------------------------------------


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
        ("ratings.csv", "1,x,4.0,5\n", r"line 2: movieId is 'x', not an integer"),
        ("ratings.csv", "1,2,4.0,5\n\n1,2.5,4.0,5\n", r"line 4: movieId is '2.5', not an integer"),
        ("ratings.csv", "1,2,4.0,5\n1,2,,5\n", r"line 3: rating is '', not a finite number"),
        ("ratings.csv", "1,2,nan,5\n", r"line 2: rating is 'nan', not a finite number"),
        ("ratings.csv", "1,2,inf,5\n", r"line 2: rating is 'inf', not a finite number"),
        ("ratings.csv", "1,2,4.0\n", r"line 2: expected 4 fields, got 3: '1,2,4.0'"),
        ("ratings.csv", "1,2,4.0,5,6\n", r"line 2: expected 4 fields, got 5"),
        ("ratings.csv", "1,2,4.0,5\n1,2,4.0,5,6\n", r"line 3: expected 4 fields, got 5"),
        ("ratings.csv", f"1,{10**20},4.0,5\n", r"line 2: movieId is '10+', not an integer"),
        ("ratings.dat", "1::2::5\n", r"line 1: expected 4 fields, got 3"),
        ("ratings.dat", "1::2::5::6\n1::2::5\n", r"line 2: expected 4 fields, got 3"),
        ("ratings.dat", "1::2::5::6\n1::2::5::6::7\n", r"line 2: expected 4 fields, got 5"),
        ("ratings.dat", "1::2::x::6\n", r"line 1: rating is 'x', not a finite number"),
        ("ratings.dat", "1:2:3:4:5:6:7\n", r"line 1: expected 4 fields, got 1"),
        ("ratings.dat", "1::2::5::6:9\n", r"line 1: timestamp is '6:9', not an integer"),
        ("ratings.dat", "1::2::nan::6\n", r"line 1: rating is 'nan'"),
        ("ratings.dat", "1::::5::6\n", r"line 1: movieId is '', not an integer"),
        ("u.data", "1\t2\t3\n", r"line 1: expected 4 fields, got 3"),
        ("u.data", "1\t2\t3\t4\t5\n", r"line 1: expected 4 fields, got 5"),
        ("u.data", "0\t2\t3\t4\t5\n1\t2\t3\t4\t5\n", r"line 1: expected 4 fields, got 5"),
        ("ratings.csv", "0,2,3,4,5\n1,2,3,4,5\n", r"line 2: expected 4 fields, got 5"),
        ("u.data", "1\t2\tx\t4\n", r"line 1: rating is 'x'"),
        ("movies.dat", "1::A::Drama\n\n2:B:Drama\n", r"line 3: expected id::title::genres"),
        ("movies.dat", "x::A::Drama\n", r"line 1: movieId is 'x', not an integer"),
        ("u.item", "1|A|||x|0|1\n", r"line 1: expected 5 fields and 19 genre flags"),
        ("u.item", item_100k(1, "A")[:-1] + "7", r"line 1: expected 5 fields and 19 genre flags"),
        ("u.item", "x" + item_100k(1, "A"), r"line 1: movieId is 'x1', not an integer"),
        ("movies.csv", "x,A,Drama\n", r"line 2: movieId is 'x', not an integer"),
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


def test_csv_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"movies\.csv, line \d: .*utf-8"):
        load_movielens(write(tmp_path, CSV, "latin-1"))


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


# --- downloads ---------------------------------------------------------------------------------


class Site:
    """A local stand-in for the MovieLens site, which counts what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[str] = []
        site = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                site.requests.append(self.path)
                super().do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server.server_port}/datasets"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def publish(self, name: str, files: dict[str, str], md5: str | None = None) -> bytes:
        (self.folder / "datasets").mkdir(exist_ok=True)
        path = pack(self.folder / "datasets" / f"{name}.zip", files, f"{name}/")
        if md5 is not None:
            path.with_name(f"{name}.zip.md5").write_text(md5)
        return path.read_bytes()

    def close(self) -> None:
        if self.thread.is_alive():
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    site = Site(folder)
    yield site
    site.close()


@pytest.fixture
def load(site: Site, tmp_path: Path) -> Callable[..., Any]:
    return partial(load_movielens, base_url=site.url, cache_dir=tmp_path / "cache")


def know(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    monkeypatch.setitem(datasets.CHECKSUMS, name, "sha256:" + hashlib.sha256(content).hexdigest())


def cached(tmp_path: Path) -> list[str]:
    return sorted(entry.name for entry in (tmp_path / "cache").iterdir())


def test_download_is_kept(
    site: Site, load: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, "ml-1m", site.publish("ml-1m", DAT))
    assert_loaded(load("ml-1m"))
    assert cached(tmp_path) == ["ml-1m.zip"]
    assert_loaded(load("ML-1M"))
    assert site.requests == ["/datasets/ml-1m.zip"]
    site.close()
    assert_loaded(load("ml-1m"))
    assert_loaded(load("ml-1m", base_url=site.url + "/"))


def test_default_name_is_the_small_one(
    site: Site, load: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    know(monkeypatch, "ml-latest-small", site.publish("ml-latest-small", CSV))
    monkeypatch.chdir(tmp_path)
    assert_loaded(load())
    write(tmp_path / "ml-latest-small", CSV)
    site.requests.clear()
    assert_loaded(load_movielens())
    assert site.requests == []


def test_cache_folder_from_the_environment(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    know(monkeypatch, "ml-1m", site.publish("ml-1m", DAT))
    monkeypatch.setenv("MOVIEEMBED_DATA_DIR", str(tmp_path / "cache"))
    assert_loaded(load_movielens("ml-1m", base_url=site.url))
    assert cached(tmp_path) == ["ml-1m.zip"]


def test_changed_download_is_refused_and_removed(
    site: Site, load: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = site.publish("ml-1m", DAT)
    know(monkeypatch, "ml-1m", good + b"something else")
    with pytest.raises(DownloadError, match=r"ml-1m\.zip .* published checksum, .*removed; try"):
        load("ml-1m")
    assert cached(tmp_path) == []
    know(monkeypatch, "ml-1m", good)
    assert_loaded(load("ml-1m"))


def test_damaged_copy_is_fetched_again(
    site: Site, load: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    know(monkeypatch, "ml-1m", site.publish("ml-1m", DAT))
    load("ml-1m")
    (tmp_path / "cache" / "ml-1m.zip").write_bytes(b"damaged")
    assert_loaded(load("ml-1m"))


@pytest.mark.parametrize("form", ["MD5 ({name}) = {md5}\n", "{md5}  {name}\n", "{MD5}"])
@pytest.mark.parametrize("name", ["ml-32m", "ml-latest"])
def test_checksum_is_asked_of_the_site(
    site: Site, load: Callable[..., Any], tmp_path: Path, name: str, form: str
) -> None:
    md5 = hashlib.md5(site.publish(name, CSV)).hexdigest()
    site.publish(name, CSV, form.format(name=f"{name}.zip", md5=md5, MD5=md5.upper()))
    assert_loaded(load(name))
    assert site.requests == [f"/datasets/{name}.zip.md5", f"/datasets/{name}.zip"]
    site.close()
    assert_loaded(load(name))
    assert cached(tmp_path) == [f"{name}.zip", f"{name}.zip.md5"]


def test_stale_checksum_does_not_stay(site: Site, load: Callable[..., Any], tmp_path: Path) -> None:
    md5 = hashlib.md5(site.publish("ml-32m", CSV)).hexdigest()
    site.publish("ml-32m", CSV, "0" * 32)
    with pytest.raises(DownloadError, match="published checksum"):
        load("ml-32m")
    assert cached(tmp_path) == []
    site.publish("ml-32m", CSV, "<html>no checksum here</html>")
    with pytest.raises(DownloadError, match=r"ml-32m\.zip\.md5 holds no MD5"):
        load("ml-32m")
    assert cached(tmp_path) == []
    site.publish("ml-32m", CSV, md5)
    assert_loaded(load("ml-32m"))


@pytest.mark.parametrize("name", ["ml-1m", "ml-32m"])
def test_absent_on_the_site(load: Callable[..., Any], tmp_path: Path, name: str) -> None:
    with pytest.raises(DownloadError, match=r"cannot download http://\S+: 404 .*pass the folder"):
        load(name)
    assert cached(tmp_path) == []


def test_no_network_is_one_clear_error(
    site: Site, load: Callable[..., Any], tmp_path: Path
) -> None:
    site.close()
    for name in ("ml-1m", "ml-32m"):
        with pytest.raises(OSError, match=r"no connection .*pass the folder or \.zip") as caught:
            load(name)
        assert isinstance(caught.value, DownloadError)
        assert isinstance(caught.value, MovieEmbedError)
    assert cached(tmp_path) == []


@pytest.mark.parametrize(
    ("progress", "terminal", "shown"),
    [(True, False, True), (False, True, False), (None, False, False), (None, True, True)],
)
def test_progress_bar(
    site: Site,
    load: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    progress: bool | None,
    terminal: bool,
    shown: bool,
) -> None:
    know(monkeypatch, "ml-1m", site.publish("ml-1m", DAT))
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    load("ml-1m", progress=progress)
    assert ("100%" in capsys.readouterr().err) == shown


def test_published_names_all_have_a_checksum_or_ask_for_one() -> None:
    assert {name for name, checksum in datasets.CHECKSUMS.items() if checksum is None} == {
        "ml-32m",
        "ml-latest",
    }
    for checksum in filter(None, datasets.CHECKSUMS.values()):
        kind, _, digest = checksum.partition(":")
        assert len(bytes.fromhex(digest)) == {"md5": 16, "sha256": 32}[kind]


# --- one's own tables --------------------------------------------------------------------------


@pytest.mark.parametrize("separator", ["::", "\t", ",", ";", "|", " "])
def test_separators_and_headers_are_found(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "table.txt"
    rows = [["userId", "movieId", "rating"], ["1", "10", "4.5"], ["2", "20", "3"]]
    text = "\n".join(separator.join(row) for row in rows)
    path.write_text(text + "\n")
    expected = pd.DataFrame({"userId": [1, 2], "movieId": [10, 20], "rating": [4.5, 3.0]})
    pd.testing.assert_frame_equal(read_table(path), expected)
    path.write_text(text.partition("\n")[2])
    bare = read_table(str(path))
    assert bare.columns.tolist() == [0, 1, 2]
    assert all(type(label) is int for label in bare.columns)
    pd.testing.assert_frame_equal(bare, expected.set_axis(bare.columns, axis=1))


def test_the_exercise_table(tmp_path: Path) -> None:
    path = tmp_path / "likes.txt"
    path.write_text("10 1 0\n20 1 1\n10 2 1\n")
    likes = Likes.from_ratings(read_table(path), item=0, user=1, rating=2)
    assert likes.matrix.toarray().tolist() == [[0, 1], [1, 0]]


def test_quotes_and_spaces(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('user, item, rating\nann, "Matrix, The", 5\nbob, "X; Y; Z", 4\n')
    frame = read_table(path)
    assert frame.columns.tolist() == ["user", "item", "rating"]
    assert frame["item"].tolist() == ["Matrix, The", "X; Y; Z"]


def test_colons_inside_double_colon_fields(tmp_path: Path) -> None:
    path = tmp_path / "movies.dat"
    path.write_text("1::Die Hard: With a Vengeance (1995)::Action\n2::Up::Drama\n")
    frame = read_table(path)
    assert frame[1].tolist() == ["Die Hard: With a Vengeance (1995)", "Up"]
    assert frame.columns.tolist() == [0, 1, 2]


def test_separator_and_header_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("ann,x;y\nbob,z;w\n")
    assert read_table(path).columns.tolist() == ["ann", "x;y"]
    assert read_table(path, header=False)[0].tolist() == ["ann", "bob"]
    assert read_table(path, separator=";", header=False)[1].tolist() == ["y", "w"]
    path.write_text("1,2\n3,4\n")
    assert read_table(path, header=True).columns.tolist() == ["1", "2"]
    path.write_text("a<>b\nc<>d\n")
    assert read_table(path, separator="<>", header=False)[1].tolist() == ["b", "d"]


@pytest.mark.parametrize(
    ("suffix", "compress"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_tables(tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"table.csv{suffix}"
    path.write_bytes(compress(b"user,item\n1,2\n" * 1 + b"3,4\n" * 30_000))
    assert read_table(path).shape == (30_001, 2)
    path.write_bytes(b"plain text")
    with pytest.raises(ValueError, match=rf"table\.csv\{suffix}"):
        read_table(path)
    path.write_bytes(compress(b"user,item\n1,2\n")[:-6])
    with pytest.raises(ValueError, match=rf"table\.csv\{suffix}"):
        read_table(path)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_encodings_of_tables(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("user,item\nRené,x\n".encode(encoding))
    frame = read_table(path)
    assert frame.columns.tolist() == ["user", "item"]
    assert frame["user"].tolist() == ["René"]


def test_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "table.parquet"
    RATINGS.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path), RATINGS)

    def without_pyarrow(*args: object) -> None:
        raise ImportError("Unable to find a usable engine")

    monkeypatch.setattr(pd, "read_parquet", without_pyarrow)
    with pytest.raises(ImportError, match=r"table\.parquet needs PyArrow: pip install pyarrow"):
        read_table(path)


def test_what_read_table_refuses(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    with pytest.raises(FileNotFoundError, match=r"table\.csv does not exist"):
        read_table(path)
    with pytest.raises(IsADirectoryError, match="see load_movielens"):
        read_table(tmp_path)
    with pytest.raises(ValueError, match="an archive, not a table"):
        read_table(pack(tmp_path / "x.zip", CSV))
    for content, message in (
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"abc\ndef\n", r"cannot tell what separates .* pass separator"),
        (b"a,b\0c\n", "is not text"),
        ("a,b\n".encode("utf-16"), "is not text"),
        (b"user,item\n1,2\n3,4,5\n6,7\n", r"Expected 2 fields in line 3, saw 3"),
        (b"user,item\n1,2,3\n4,5,6\n", r"more fields than the header's 2"),
        (b'user,item\n1,"2\n3,4\n', "EOF inside string"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"table\.csv.*{message}"):
            read_table(path, separator="," if b"user" in content else None)
