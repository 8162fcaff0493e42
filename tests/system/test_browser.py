"""The map's page in Chromium: what a visitor finds, sees and never asks the network."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import time

import numpy as np
import pytest

import movieembed as me
from map_cases import EVIL, made_up
from movieembed.outputs.map.content import YEAR

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
