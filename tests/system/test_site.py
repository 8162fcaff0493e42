"""The built documentation in Chromium, without a network: formulas are set, and phones fit it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers import REPOSITORY

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")
PAGES = sorted(path.stem for path in (REPOSITORY / "docs").glob("*.md"))
SIZES = {"desktop": (1400, 900), "phone": (390, 844)}
# What a reader sees outside of code, as formulas of TeX betray themselves.
TEX = re.compile(r"\$|\\[a-zA-Z(\[]|\^\{|_\{")
SEEN = """
const copy = document.querySelector('article').cloneNode(true);
copy.querySelectorAll('code, pre, math annotation').forEach((node) => node.remove());
return copy.textContent;
"""
# On a phone the window grows with what is too wide, which it then shows smaller.
WIDER = """
const page = document.documentElement;
return [window.innerWidth, page.scrollWidth > page.clientWidth];
"""
# The elements that reach beyond the screen, unless something around them scrolls by itself.
WIDE = """
const width = document.documentElement.clientWidth;
const scrolls = (node) => node
    && (getComputedStyle(node).overflowX !== 'visible' || scrolls(node.parentElement));
return [...document.querySelectorAll('article *')]
    .filter((node) => node.getBoundingClientRect().right > width + 1)
    .filter((node) => !scrolls(node.parentElement))
    .map((node) => node.outerHTML.slice(0, 80));
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation, built as the gate builds it, or in MOVIEEMBED_SITE where it has been."""
    if built := os.environ.get("MOVIEEMBED_SITE"):
        return Path(built)
    pytest.importorskip("sphinx")
    pytest.importorskip("latex2mathml")
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html"]
    subprocess.run([*build, str(REPOSITORY / "docs"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, which logs what it asks for and finds no network."""
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("Chromium is not there")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # No name is resolved, so that whatever is not a file fails at once.
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"),
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def opened(browser: Any, path: Path, size: tuple[int, int]) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 500},
    )
    browser.get_log("performance")
    browser.get_log("browser")
    browser.get(path.as_uri())


def events(browser: Any, method: str) -> list[dict[str, Any]]:
    logged = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [message["params"] for message in logged if message["method"] == method]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_needs_no_network(page: str, site: Path, browser: Any) -> None:
    for size in SIZES.values():
        opened(browser, site / f"{page}.html", size)
        asked = [event["request"]["url"] for event in events(browser, "Network.requestWillBeSent")]
        assert asked
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        # A file that is not there, a script that fails.
        assert browser.get_log("browser") == []
        assert TEX.findall(browser.execute_script(SEEN)) == []
        assert browser.execute_script(WIDER) == [size[0], False], browser.execute_script(WIDE)


def test_formulas_are_set(site: Path, browser: Any) -> None:
    opened(browser, site / "mathematics.html", SIZES["desktop"])
    heights = browser.execute_script(
        "return [...document.querySelectorAll('math[display=block]')]"
        ".map((formula) => formula.getBoundingClientRect().height)"
    )
    assert len(heights) >= 5
    # A sum with its indices below is higher than a line.
    assert heights[0] > 25
    inline = browser.execute_script("return document.querySelectorAll('p math').length")
    assert inline > 40
