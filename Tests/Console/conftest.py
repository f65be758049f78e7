"""A browser for the whole run, and a daemon with an empty store for each test.

Needs Debian's chromium and chromium-driver, what Tests/requirements.txt lists, and a built daemon:

    swift build --product colony
    python3 -m pytest Tests/Console

COLONY_BINARY names another daemon than .build/debug/colony. COLONY_SCREENSHOTS=1 renews the pictures in docs/images.
"""

import pathlib

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from console_page import ConsolePage
from daemon import Daemon

CHROMIUM = "/usr/bin/chromium"
DRIVER = "/usr/bin/chromedriver"


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("chromium")
    for argument in [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        "--lang=en-GB", "--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}",
    ]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def make_daemon(tmp_path):
    daemons = []

    def make(configuration=None, token=None):
        daemon = Daemon(tmp_path, configuration, token)
        daemons.append(daemon)
        return daemon.start()

    yield make
    for daemon in daemons:
        daemon.stop()


@pytest.fixture
def daemon(make_daemon):
    return make_daemon()


@pytest.fixture
def make_page(browser, request, tmp_path):
    pages = []

    def make(daemon):
        page = ConsolePage(browser, daemon)
        page.resize(1280, 900)
        page.prefer("light")
        browser.get_log("browser")
        pages.append(page)
        return page

    yield make
    if not pages:
        return
    if getattr(request.node, "failed", False):
        browser.save_screenshot(str(tmp_path / "failure.png"))
    complaints = [entry["message"] for entry in browser.get_log("browser") if is_defect(entry)]
    # Leaving the page ends its requests before the daemon stops.
    browser.get("about:blank")
    assert complaints == []


@pytest.fixture
def page(make_page, daemon):
    return make_page(daemon)


def is_defect(entry):
    """Errors of scripts and breaches of the content security policy; failed requests are what some tests are about."""
    return entry["level"] == "SEVERE" and (
        entry["source"] in ("javascript", "security") or "Content Security Policy" in entry["message"])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed = True


@pytest.fixture
def images():
    return pathlib.Path(__file__).resolve().parents[2] / "docs" / "images"
