"""Downloads are kept, checked and refused with one clear error."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3

from movieembed.data import movielens as datasets
from movieembed.data.download import _cause
from movieembed.data.movielens import load_movielens
from movieembed.exceptions import DownloadError, MovieEmbedError
from movielens_files import CSV, DAT, assert_loaded, pack, write


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
        assert "no connection (Failed to establish" in str(caught.value)
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


def test_the_cause_of_a_failure_is_its_innermost() -> None:
    refused = ConnectionRefusedError(111, "Connection refused")
    broken = requests.exceptions.ConnectionError(
        urllib3.exceptions.ProtocolError("Connection aborted.", refused)
    )
    assert _cause(broken) == str(refused)
    proxy = urllib3.exceptions.ProxyError("Unable to connect to proxy", OSError("no such host"))
    pool: Any = "HTTPSConnectionPool(host='h', port=1)"
    retries = urllib3.exceptions.MaxRetryError(pool, "/x", proxy)
    assert _cause(requests.exceptions.ProxyError(retries)) == "no such host"
    assert _cause(requests.exceptions.Timeout()) == "Timeout"
