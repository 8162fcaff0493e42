"""The page on a desk and on a phone: search, choices, links, names and panels, in Chromium."""

from __future__ import annotations

import numpy as np
import pytest

import movieembed as me
from browser_pages import complaints, driver, opened, requests_beyond, seen, text_of, until

SIZES = [(1400, 900), (390, 844)]
BOXES = """return [...document.querySelectorAll('.card')]
    .filter((p) => p.id !== 'card' && p.getClientRects().length)
    .map((p) => { const r = p.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; })
"""
TITLE = "The Cosmic Starpilot (1987)"
NAMES = "return document.getElementById('overlay').names"


@pytest.fixture(scope="module")
def browser():
    yield from driver()


@pytest.fixture(scope="module")
def demo_page(demo_likes, tmp_path_factory):
    """The map of the demo data, laid out by PCA, and its model."""
    model = me.MovieEmbedding(50, random_state=0).fit(demo_likes)
    path = tmp_path_factory.mktemp("driven") / "demo.html"
    genres = demo_likes.item_table["genres"]
    return model, me.map_html(model, path, method="pca", genres=genres, title="Invented films")


def searched(browser, text):
    """Titles that the list shows for what is typed."""
    box = browser.find_element("id", "search")
    box.clear()
    box.send_keys(text)
    return browser.execute_script(
        "return [...document.querySelectorAll('#found li b')].map((b) => b.textContent)"
    )


def settled(browser):
    """When the map has come to rest, and the last picture is drawn."""
    until(browser, "document.body.dataset.flying !== 'yes'")
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def meet(a, b):
    return a[0] < b[2] and a[2] > b[0] and a[1] < b[3] and a[3] > b[1]


def check_names(browser, width, height):
    """No name lies on another, under a panel or off the screen; no panel lies on another."""
    names, panels = browser.execute_script(NAMES), browser.execute_script(BOXES)
    boxes = [name["box"] for name in names]
    for k, box in enumerate(boxes):
        assert 0 <= box[0] < box[2] <= width, names[k]
        assert 0 <= box[1] < box[3] <= height, names[k]
        assert not any(meet(box, panel) for panel in panels), names[k]
        lower = [b for b in boxes[:k] if meet(b, box)]
        # The two lines of a cluster's name touch.
        assert all(abs(box[1] - b[1]) > 10 and names[k]["item"] == -1 for b in lower), names[k]
    assert not any(meet(a, b) for k, a in enumerate(panels) for b in panels[:k])
    return names


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_misspelt_title_is_found_chosen_linked_and_left(browser, demo_page, width, height):
    model, path = demo_page
    opened(browser, path, width, height)
    assert text_of(browser, "h1") == "Invented films"
    names = check_names(browser, width, height)
    assert sum(name["item"] >= 0 for name in names) > 8
    start = browser.current_url

    assert searched(browser, "cosmc starpliot")[0] == "The Cosmic Starpilot"
    first = browser.find_element("css selector", "#found li")
    # Nothing lies over the result, so that a finger reaches it.
    over = browser.execute_script(
        "const r = arguments[0].getBoundingClientRect(); const of = (x) =>"
        "document.elementFromPoint(x, r.top + r.height / 2); return [0.1, 0.5, 0.95].every((t) =>"
        "arguments[0].contains(of(r.left + t * r.width)))",
        first,
    )
    assert over
    assert first.size["height"] >= (44 if width < 500 else 20)
    first.click()
    until(browser, "document.body.dataset.lit === '10'")
    settled(browser)
    assert text_of(browser, "#name") == "The Cosmic Starpilot"
    (item,) = [i for i, t in zip(model.items_, model.titles_, strict=True) if t == TITLE]
    link = browser.current_url
    assert link.endswith(f"#item={item}")
    names = check_names(browser, width, height)
    near = browser.execute_script(
        "return [...document.querySelectorAll('#neighbours b')].map((b) => b.textContent)"
    )
    longest = 30 if width < 500 else 42
    lit = [t if len(t) <= longest else t[: longest - 1] + "…" for t in (TITLE[:-7], *near)]
    assert sorted(name["text"] for name in names) == sorted(lit)

    browser.execute_script("document.querySelector('#neighbours button').click()")
    until(browser, f"document.getElementById('name').textContent === {near[0]!r}")
    browser.back()
    until(browser, "document.getElementById('name').textContent === 'The Cosmic Starpilot'")
    browser.back()
    until(browser, "document.getElementById('chosen').hidden")
    assert browser.current_url.rstrip("#") == start

    browser.get("about:blank")
    browser.get(link)
    until(browser, "document.body.dataset.lit === '10'")
    assert text_of(browser, "#name") == "The Cosmic Starpilot"
    assert complaints(browser) == []
    assert requests_beyond(browser, path) == []


def test_the_search_forgives(browser, tmp_path):
    titles = ["Twelve Angry Men", "2001 An Odyssey", "Spider-Man", "Rocky III", "Se\u00f1or's Day"]
    titles += ["Twenty One Jumps", "The Matrix", *(f"Film {i}" for i in range(33))]
    likes = (np.random.default_rng(0).random((60, 40)) < 0.4).astype(float)
    model = me.MovieEmbedding(4, random_state=0).fit(me.Likes.from_matrix(likes, titles=titles))
    path = me.map_html(model, tmp_path / "map.html", method="pca")
    opened(browser, path)
    for typed, wanted in (
        ("12 angry men", "Twelve Angry Men"),
        ("men angry twelve", "Twelve Angry Men"),
        ("two thousand and one odyssey", "2001 An Odyssey"),
        ("spiderman", "Spider-Man"),
        ("spider mna", "Spider-Man"),
        ("rocky 3", "Rocky III"),
        ("rocky three", "Rocky III"),
        ("senors day", "Se\u00f1or's Day"),
        ("21 jumps", "Twenty One Jumps"),
        ("matirx", "The Matrix"),
        ("atrix", "The Matrix"),
    ):
        assert searched(browser, typed)[:1] == [wanted], typed
    assert searched(browser, "zzzzqqq") == []
    assert text_of(browser, "#found") == "No title is like that"
    assert text_of(browser, "#said") == "No title is like that"


def test_a_genre_shows_all_of_its_items_in_its_colour(browser, demo_page):
    _, path = demo_page
    opened(browser, path, 1400, 900)
    rows = browser.find_elements("css selector", "#legend button")
    genres = {row.text.split("\n")[0]: row for row in rows}
    assert "rarest genre" in text_of(browser, "#legend p")
    # No two rows have a dot of the same colour, and those without have none.
    dots = browser.execute_script(
        "return [...document.querySelectorAll('#legend i')].map((i) => i.style.background)"
    )
    assert len(set(dots)) == len(dots) == 12 < len(rows)
    genres["Animation"].click()
    settled(browser)
    picture = seen(browser)[100:800, 350:1140, :3].reshape(-1, 3)
    strong = picture[np.ptp(picture, axis=1) > 100]
    red, green, blue = strong.mean(axis=0)
    assert len(strong) > 500
    assert blue > green > red  # Animation's is #2fa8e0, and nothing else is left
    assert (strong[:, 2] > strong[:, 0]).all()


def test_clusters_colour_and_name(browser, demo_page):
    from selenium.webdriver.support.ui import Select

    _, path = demo_page
    opened(browser, path, 1400, 900)
    Select(browser.find_element("id", "by")).select_by_visible_text("Cluster")
    settled(browser)
    listed = browser.execute_script(
        "return [...document.querySelectorAll('#legend b')].map((b) => b.textContent)"
    )
    listed = [name for name in listed if name != "between clusters"]
    names = [name["text"] for name in check_names(browser, 1400, 900) if name["item"] == -1]
    assert {name.split(" (")[0] for name in listed} == {n for n in names if not n.startswith("(")}


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_map_fills_the_screen_and_nothing_is_under_a_panel(browser, demo_page, width, height):
    _, path = demo_page
    opened(browser, path, width, height)
    settled(browser)
    from browser_pages import opacity

    alpha = opacity(browser) > 0
    rows, columns = np.nonzero(alpha.any(axis=1))[0], np.nonzero(alpha.any(axis=0))[0]
    assert np.ptp(rows) > 0.75 * height
    assert np.ptp(columns) > 0.75 * width
    for left, top, right, bottom in np.array(browser.execute_script(BOXES)).round().astype(int):
        assert not alpha[max(0, top + 1) : bottom - 1, max(0, left + 1) : right - 1].any()


def test_names_for_screen_readers(browser, demo_page):
    _, path = demo_page
    opened(browser, path)
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('button, input, select, canvas, ul, ol, section')]"
        ".filter((e) => !(e.getAttribute('aria-label') || e.getAttribute('aria-labelledby')"
        "|| e.ariaHidden || e.textContent.trim() || e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert unnamed == []
    assert browser.execute_script("return document.querySelectorAll('main h1').length") == 1
    searched(browser, "cosmic")
    until(browser, "/titles found/.test(document.getElementById('said').textContent)")
