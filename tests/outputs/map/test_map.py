"""Maps: positions, the page and what it holds, pictures, and the page in a browser."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import re
import shutil
import time
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

import movieembed as me
from movieembed.model.embedding import Embedding
from movieembed.outputs.map import layout
from movieembed.outputs.map.content import YEAR
from movieembed.outputs.map.figure import save_figure

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)> (1999)"


def made_up(n_items=40, titles=None, seed=0):
    rng = np.random.default_rng(seed)
    taste = rng.random((90, 1)) < 0.5
    side = np.arange(n_items) % 2 == 0
    chance = np.where(taste == side, 0.4, 0.05)
    likes = (rng.random((90, n_items)) < chance).astype(float)
    likes[:, -1] = 0  # an item without a vector
    if titles is None:
        titles = [f"Film {i} ({1950 + i})" for i in range(n_items)]
    return me.Likes.from_matrix(likes, items=np.arange(n_items) + 100, titles=titles)


@pytest.fixture(scope="module")
def model():
    return me.MovieEmbedding(6, random_state=0).fit(made_up())


def data_of(page: str):
    """What a page holds, read as its script reads it."""
    text = re.search(r'<script id="data"[^>]*>([^<]*)</script>', page)[1]
    raw = gzip.decompress(base64.b64decode(text, validate=True))
    size = int(np.frombuffer(raw[:4], "<u4")[0])
    header = json.loads(raw[4 : 4 + size])
    at, arrays = 4 + size, {}
    for name, (kind, count) in header["arrays"].items():
        arrays[name] = np.frombuffer(raw, f"<{kind}", count, at)
        at += -(-arrays[name].nbytes // 4) * 4
    assert at == len(raw)
    return header, arrays


def page_of(model, tmp_path, **options):
    path = me.map_html(model, tmp_path / "map.html", **{"method": "pca", **options})
    return path.read_text(encoding="utf-8")


def test_pca_is_the_two_widest_directions_of_the_unit_vectors(model):
    xy = me.layout(model, "pca")
    there = model.embedding_.any(axis=1)
    assert np.isnan(xy[~there]).all()
    assert np.isnan(xy[-1]).all()
    U = model.embedding_[there] / np.linalg.norm(model.embedding_[there], axis=1, keepdims=True)
    left, sizes, _ = np.linalg.svd(U - U.mean(axis=0), full_matrices=False)
    expected = left[:, :2] * sizes[:2]
    np.testing.assert_allclose(np.abs(xy[there]), np.abs(expected), atol=1e-10)
    assert (xy[there][np.abs(xy[there]).argmax(axis=0), [0, 1]] > 0).all()


def test_min_likes_leaves_items_out(model, tmp_path):
    few = model.item_counts_ < 20
    assert 0 < few.sum() < len(few)
    assert np.isnan(me.layout(model, "pca", min_likes=20)).any(axis=1).tolist() == few.tolist()
    header, arrays = data_of(page_of(model, tmp_path, min_likes=20))
    assert len(header["titles"]) == (~few).sum()
    assert arrays["neighbours"].max() < len(header["titles"])


@pytest.mark.skipif(find_spec("openTSNE") is None, reason="openTSNE, the extra map, is not there")
def test_tsne_keeps_near_what_is_near_and_repeats(model):
    xy = me.layout(model, "tsne")
    there = np.flatnonzero(model.embedding_.any(axis=1))
    assert np.isfinite(xy[there]).all()
    assert np.isnan(xy[-1]).all()
    np.testing.assert_array_equal(xy, me.layout(model, "auto", n_jobs=1))
    even = xy[there[there % 2 == 0]].mean(axis=0)
    odd = xy[there[there % 2 == 1]].mean(axis=0)
    to_even = np.linalg.norm(xy[there] - even, axis=1)
    to_odd = np.linalg.norm(xy[there] - odd, axis=1)
    assert ((to_even < to_odd) == (there % 2 == 0)).mean() > 0.9


def test_without_the_extra(model, monkeypatch):
    monkeypatch.setattr(layout, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'movieembed\[map\]'"):
        me.layout(model, "tsne")
    np.testing.assert_array_equal(me.layout(model, "auto"), me.layout(model, "pca"))


@pytest.mark.parametrize("d", [1, 2])
def test_one_component_and_one_item(d, tmp_path):
    small = me.MovieEmbedding(d, random_state=0).fit([[1, 1, 0], [1, 1, 0]])
    assert me.layout(small, "pca").shape == (3, 2)
    header, arrays = data_of(page_of(small, tmp_path))
    assert header["titles"] == ["0", "1"]
    assert arrays["xy"].tolist() == [32768] * 4  # both in the middle
    assert arrays["neighbours"].reshape(2, 10)[:, :2].tolist() == [[1, 0xFFFF], [0, 0xFFFF]]


def test_the_page_holds_what_the_model_says(model, tmp_path):
    genres = [f"A|{'B' if i % 3 else 'C'}" for i in range(40)]
    header, arrays = data_of(page_of(model, tmp_path, genres=genres, title="My films"))
    shown = np.flatnonzero(model.embedding_.any(axis=1))
    n = len(shown)
    assert header["heading"] == "My films"
    assert header["titles"] == [f"Film {i}" for i in shown]
    assert arrays["years"].tolist() == (1950 + shown).tolist()
    assert arrays["likes"].tolist() == model.item_counts_[shown].tolist()
    xy = arrays["xy"].reshape(2, n).T / 32767.5 - 1
    wanted = me.layout(model, "pca")[shown]
    wanted -= (wanted.min(axis=0) + wanted.max(axis=0)) / 2
    np.testing.assert_allclose(xy, wanted / np.abs(wanted).max(), atol=2e-5)
    assert header["genres"] == ["A", "B", "C"]
    for row, i in enumerate(shown):
        numbers = header["combinations"][arrays["combined"][row]]
        assert sorted(header["genres"][g] for g in numbers) == sorted(genres[i].split("|"))
        assert numbers[0] > 0  # the rarer colours
    near = arrays["neighbours"].reshape(n, 10)
    for row in (0, 7):
        ids = (shown[near[row]] + 100).tolist()
        assert ids == model.similar(int(shown[row] + 100), n=10)["item"].tolist()


def test_genres_as_lists_and_none_at_all(model, tmp_path):
    given = [["Crime", "Crime ", ""], "Crime|War", None, float("nan"), "(no genres listed)"]
    given += [np.array(["War"])] * 35
    header, _ = data_of(page_of(model, tmp_path, genres=given))
    assert header["genres"] == ["War", "Crime"]
    assert data_of(page_of(model, tmp_path))[0]["genres"] == []
    assert data_of(page_of(model, tmp_path, genres=[""] * 40))[0]["genres"] == []


def test_titles_cannot_leave_the_script_or_the_heading(tmp_path):
    titles = [EVIL, "{{DATA}} <!-- (2000)", *(f"Film {i}" for i in range(38))]
    evil = me.MovieEmbedding(4, random_state=0).fit(made_up(titles=titles))
    page = page_of(evil, tmp_path, title=EVIL, genres=["</script>|<b>"] * 40)
    plain = page_of(me.MovieEmbedding(4, random_state=0).fit(made_up()), tmp_path)
    for mark in ("<script", "</script", "<!--", "<img", "<b>"):
        assert page.lower().count(mark) == plain.lower().count(mark), mark
    assert data_of(page)[0]["titles"][:2] == [EVIL.removesuffix(" (1999)"), "{{DATA}} <!--"]


def test_nothing_in_the_page_asks_the_network(model, tmp_path):
    page = page_of(model, tmp_path)
    assert "default-src 'none'" in page
    assert not re.search(r"<(link|script|img)[^>]+(src|href)=\"(?!data:)", page)
    assert "{{" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)


def test_positions_of_ones_own(model, tmp_path):
    xy = np.random.default_rng(0).random((40, 2))
    xy[3] = np.nan
    header, _ = data_of(page_of(model, tmp_path, positions=xy))
    assert "Film 3" not in header["titles"]
    assert "Film 4" in header["titles"]
    for wrong, words in ((xy[:5], "shape"), (np.full((40, 2), np.inf), "infinity")):
        with pytest.raises(ValueError, match=words):
            page_of(model, tmp_path, positions=wrong)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"method": "umap"}, ValueError, "method must be one of"),
        ({"genres": ["A"]}, ValueError, "1 genres for 40 items"),
        ({"genres": "A|B"}, TypeError, "one entry an item"),
        ({"genres": [1] * 40}, TypeError, "'A|B' or lists"),
        ({"n_neighbors": 0}, ValueError, "n_neighbors"),
        ({"min_likes": -1}, ValueError, "min_likes"),
        ({"min_likes": 10_000}, ValueError, "no item has a vector and 10,000 likes"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(model, tmp_path, options, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        page_of(model, tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_before_a_fit(tmp_path):
    with pytest.raises(NotFittedError):
        me.layout(me.MovieEmbedding(2))


def test_a_failed_write_leaves_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "map.html"
    path.write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        me.map_html(model, path, method="pca")
    assert [file.name for file in tmp_path.iterdir()] == ["map.html"]
    assert path.read_text() == "old"


def test_the_same_model_makes_the_same_page(model, tmp_path):
    assert page_of(model, tmp_path) == page_of(model, tmp_path)


def test_pictures(tmp_path):
    titles = ["$x^2$ & <b> (1999)", *(f"Film {i}" for i in range(39))]
    model = me.MovieEmbedding(4, random_state=0).fit(made_up(titles=titles))
    figure = me.map_figure(model, method="pca", genres=["A|B", "C"] * 20, title="Mine")
    ax = figure.axes[0]
    assert len(ax.collections[0].get_offsets()) == 39
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["A", "B", "C"]
    boxes = [t.get_window_extent() for t in ax.texts]
    assert len(boxes) > 3
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        path = save_figure(model, tmp_path / f"map.{kind}", method="pca")
        assert path.read_bytes().startswith(start)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("map")
    Embedding(4, random_state=0).fit(made_up()).save(folder / "model.npz")
    table = pd.DataFrame({"movieId": range(100, 139), "genres": ["War|Crime", "Drama", ""] * 13})
    table.to_csv(folder / "items.csv", index=False)
    table.assign(title="x")[["movieId", "title", "genres"]].to_csv(
        folder / "bare.tsv", sep="\t", index=False, header=False
    )
    (folder / "data").mkdir()
    (folder / "data" / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,100,5,0\n")
    table.assign(title="x")[["movieId", "title", "genres"]].to_csv(
        folder / "data" / "movies.csv", index=False
    )
    return folder


@pytest.mark.parametrize("items", ["items.csv", "bare.tsv", "data"])
def test_the_command(files, tmp_path, items):
    out = tmp_path / "map.html"
    arguments = ("map", files / "model.npz", "--out", out, "--method", "pca")
    said = run(*arguments, "--items", files / items).stdout
    assert f"saved {out}, 0." in said
    header, _ = data_of(out.read_text(encoding="utf-8"))
    assert set(header["genres"]) == {"War", "Crime", "Drama"}
    assert header["heading"] == "model"
    facts = json.loads(run(*arguments, "--title", "Mine", "--neighbors", 3, "--json").stdout)
    assert facts["bytes"] == out.stat().st_size
    header, _ = data_of(out.read_text(encoding="utf-8"))
    assert (header["heading"], header["k"], header["genres"]) == ("Mine", 3, [])


def test_the_command_draws_too(files, tmp_path):
    out = tmp_path / "map.PNG"
    run("map", files / "model.npz", "--out", out, "--method", "pca", "--min-likes", 2)
    assert out.read_bytes().startswith(b"\x89PNG")


def test_the_command_s_errors(files, tmp_path, monkeypatch):
    model, out = files / "model.npz", tmp_path / "map.html"
    base = ("map", model, "--out", out)
    assert "--out must end in .html, .png" in error("map", model, "--out", tmp_path / "map.gif")
    assert error(*base, "--method", "umap").startswith("--method must be one of")
    assert "--genres-col x is not a column" in error(
        *base, "--items", files / "items.csv", "--genres-col", "x"
    )
    assert "name columns of --items" in error(*base, "--id-col", "x")
    (tmp_path / "other.csv").write_text("movieId,genres\n1,War\n")
    assert "of other ids" in error(*base, "--items", tmp_path / "other.csv")
    monkeypatch.setattr(layout, "find_spec", lambda name: None)
    said = error(*base, "--method", "tsne")
    assert said.startswith("--method tsne needs openTSNE: pip install 'movieembed[map]'")
    assert not out.exists()


# --- in a browser -------------------------------------------------------------------------------

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("Chromium is not there")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,800"),
        *("--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.execute_cdp_cmd("Network.enable", {})
    driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions",
        {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
    )
    yield driver
    driver.quit()


def until(browser, condition, seconds=60):
    """Wait for a condition in JavaScript to be true, and return its value."""
    end = time.monotonic() + seconds
    while not (value := browser.execute_script(f"return {condition}")):
        assert time.monotonic() < end, f"{condition}: {browser.get_log('browser')}"
        time.sleep(0.05)
    return value


def opened(browser, path, width=1200, height=800, scheme="light"):
    """The page at a size, when its first picture is there."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
    )
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(path.as_uri())
    until(browser, "document.body.dataset.ready")


def complaints(browser):
    """The console, but for what a driver of the screen says of itself."""
    return [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"]


def requests_beyond(browser, path):
    """Addresses that the page asked for, its own and what it holds itself aside."""
    asked = []
    for entry in browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    return [url for url in asked if url != path.as_uri() and not url.startswith(("data:", "blob:"))]


def opacity(browser):
    """How opaque the points' canvas is, rows by columns, from 0 to 255."""
    script = (
        "const c = document.getElementById('points'), d = document.createElement('canvas');"
        "d.width = c.width; d.height = c.height; const g = d.getContext('2d');"
        "g.drawImage(c, 0, 0); g.globalCompositeOperation = 'source-in';"
        "g.fillRect(0, 0, c.width, c.height); return d.toDataURL()"
    )
    return image(base64.b64decode(browser.execute_script(script).split(",")[1]))[..., 3]


def seen(browser):
    """What a visitor sees."""
    return image(browser.get_screenshot_as_png())


def image(data):
    import matplotlib.image

    return np.rint(matplotlib.image.imread(io.BytesIO(data)) * 255).astype(int)


@pytest.fixture(scope="module")
def movielens_page(small_likes, tmp_path_factory):
    model = me.MovieEmbedding(50, random_state=0).fit(small_likes)
    return model, me.map_html(
        model,
        tmp_path_factory.mktemp("page") / "small.html",
        method="pca",
        genres=small_likes.item_table["genres"],
    )


def text_of(browser, selector):
    return browser.execute_script(f"return document.querySelector('{selector}').textContent")


def test_a_film_is_found_and_its_neighbours_light_up(browser, movielens_page):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    model, path = movielens_page
    opened(browser, path)
    before = opacity(browser)
    assert (before > 0).sum() > 5000  # points, not an empty canvas
    assert int(browser.execute_script("return document.body.dataset.labels")) > 10
    browser.find_element(By.TAG_NAME, "body").send_keys("/")
    search = browser.switch_to.active_element
    assert search.get_attribute("id") == "search"
    search.send_keys("Toy Story")
    assert text_of(browser, "#found li").startswith("Toy Story1995")
    search.send_keys(Keys.ENTER)
    until(browser, "document.body.dataset.lit === '10' && document.body.dataset.flying === ''")
    assert text_of(browser, "#name") == "Toy Story"
    assert "1995 · Adventure, Animation" in text_of(browser, "#facts")
    names = browser.execute_script(
        "return [...document.querySelectorAll('#neighbours b')].map((b) => b.textContent)"
    )
    table = model.similar("Toy Story (1995)", n=10)
    assert names == [YEAR.sub("", title) for title in table["title"]]
    # Unlit points are faint: the lit ones alone keep their opacity.
    after = opacity(browser)
    assert 100 < (after > 200).sum() < 0.3 * (before > 200).sum()
    browser.find_element(By.CSS_SELECTOR, "#neighbours button").click()
    until(browser, "document.getElementById('name').textContent !== 'Toy Story'")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ESCAPE)
    until(browser, "document.body.dataset.lit === '0'")
    assert complaints(browser) == []
    assert requests_beyond(browser, path) == []


def test_hover_keys_colours_and_themes(browser, movielens_page):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    _, path = movielens_page
    opened(browser, path)
    canvas = browser.find_element(By.ID, "points")
    alpha = opacity(browser)
    height, width = alpha.shape
    rows, columns = np.nonzero(alpha[100:-100, 400:-400] > 200)
    row, column = rows[len(rows) // 2] + 100, columns[len(rows) // 2] + 400
    move = ActionChains(browser)
    move.move_to_element_with_offset(canvas, 5, 5).move_to_element_with_offset(
        canvas, int(column - width / 2), int(row - height / 2)
    ).perform()
    until(browser, "!document.getElementById('card').hidden")
    assert re.search(r"\d like", text_of(browser, "#card p"))
    name = text_of(browser, "#card b")
    ActionChains(browser).click().perform()
    until(browser, "document.body.dataset.lit === '10'")
    assert text_of(browser, "#name") == name
    ActionChains(browser).drag_and_drop_by_offset(canvas, 40, 30).perform()
    assert text_of(browser, "#name") == name
    assert browser.execute_script("return document.body.dataset.lit") == "10"
    corner = ActionChains(browser)
    corner.move_to_element_with_offset(canvas, 8 - width // 2, height // 2 - 8).click().perform()
    until(browser, "document.body.dataset.lit === '0'")

    body = browser.find_element(By.TAG_NAME, "body")
    for key in ("+", "\ue014", "\ue013", "-", "0"):  # with arrows right and up
        before = seen(browser)
        body.send_keys(key)
        until(browser, "document.body.dataset.flying !== 'yes'")
        time.sleep(0.3)
        assert (seen(browser) != before).any(), key

    for name in ("Decade", "Likes"):
        before = seen(browser)
        Select(browser.find_element(By.ID, "by")).select_by_visible_text(name)
        time.sleep(0.5)
        assert (seen(browser) != before).any()
    assert browser.execute_script("return document.documentElement.dataset.theme") == "light"
    browser.find_element(By.ID, "theme").click()
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
    browser.execute_script("localStorage.clear()")
    opened(browser, path, 390, 844, "dark")
    assert browser.execute_script("return document.documentElement.dataset.theme") == "dark"
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    assert complaints(browser) == []
    assert requests_beyond(browser, path) == []


def test_a_hostile_title_is_only_text(browser, tmp_path):
    titles = [EVIL, *(f"Film {i}" for i in range(39))]
    evil = me.MovieEmbedding(4, random_state=0).fit(made_up(titles=titles))
    path = me.map_html(
        evil,
        tmp_path / "evil.html",
        method="pca",
        title=EVIL,
        genres=["<img src=y onerror=a>"] * 40,
    )
    opened(browser, path)
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    search = browser.find_element(By.ID, "search")
    search.send_keys("script")
    search.send_keys(Keys.ENTER)
    until(browser, "document.body.dataset.lit === '10'")
    assert text_of(browser, "#name") == EVIL.removesuffix(" (1999)")
    assert browser.title == EVIL
    assert browser.execute_script("return document.images.length") == 0
    assert complaints(browser) == []
