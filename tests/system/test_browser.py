"""The map's page in Chromium: what a visitor finds, sees and never asks the network."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

import movieembed as me
from browser_pages import (
    complaints,
    driver,
    opacity,
    opened,
    requests_beyond,
    seen,
    text_of,
    until,
)
from map_cases import EVIL, made_up
from movieembed.outputs.map.content import YEAR


@pytest.fixture(scope="module")
def browser():
    yield from driver()


@pytest.fixture(scope="module")
def movielens_page(small_likes, tmp_path_factory):
    model = me.MovieEmbedding(50, random_state=0).fit(small_likes)
    return model, me.map_html(
        model,
        tmp_path_factory.mktemp("page") / "small.html",
        method="pca",
        genres=small_likes.item_table["genres"],
    )


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
