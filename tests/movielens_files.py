"""A small MovieLens data set in every published layout."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd

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
            # Without the time of day, so that the same files make the same bytes.
            entry = zipfile.ZipInfo(inner + name)
            archive.writestr(entry, text.encode(encoding), zipfile.ZIP_DEFLATED)
    return path


def assert_loaded(loaded: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(loaded[0], RATINGS)
    pd.testing.assert_frame_equal(loaded[1], MOVIES)
