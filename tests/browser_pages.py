"""Pages in Chromium, with the network off: opened, watched, and looked at."""

from __future__ import annotations

import base64
import io
import json
import shutil
import time

import numpy as np
import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
DRIVER = shutil.which("chromedriver")


def driver():
    """Chromium without a network, and its end."""
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


def text_of(browser, selector):
    return browser.execute_script(f"return document.querySelector('{selector}').textContent")
