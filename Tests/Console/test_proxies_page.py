"""Proxies: from routes to endpoints, how those do, taking them out and back, and why a call goes where it goes."""

import http.client
import http.server
import threading

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from daemon import free_port
from test_layout import CONTRAST, WIDTHS


class Upstream:
    """A server that says its name, and whether it is well."""

    def __init__(self, name):
        upstream = self
        self.is_well = True

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = name.encode()
                self.send_response(200 if upstream.is_well else 503)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *rest):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def upstreams():
    made = [Upstream("app-1"), Upstream("app-2")]
    yield made
    for upstream in made:
        upstream.stop()


def configuration(upstreams, port, more=""):
    endpoints = "".join(
        f'          - {{address: "127.0.0.1:{upstream.port}", name: app-{number}}}\n'
        for number, upstream in enumerate(upstreams, 1))
    return f"""proxies:
  shop:
    listen: 127.0.0.1:{port}
    workers: 1
    drain: 1s
    upstreams:
      app:
        algorithm: round-robin
        endpoints:
{endpoints}        health: {{path: /, interval: 100ms, rise: 1, fall: 1}}
    routes:
      - {{name: closed, path_prefix: /admin, respond: {{status: 403}}}}
      - {{name: rest, forward: app}}
{more}"""


def get(port, path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture
def shop(make_daemon, make_page, upstreams):
    """A page over a daemon with a proxy, and the port of that."""
    port = free_port()
    page = make_page(make_daemon(configuration(upstreams, port)))
    page.open("/#/proxies")
    page.until(lambda: page.all(".endpoint"), "the endpoints are not shown")
    return page, port


def rows(page):
    """The cells of the rows of endpoints, read in one step."""
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll('.endpoint > tr:first-child')].map((row) =>
            [...row.children].map((cell) => cell.innerText.replaceAll('\\u202f', ' ').trim()));
        """)


def state(page, name):
    return next(row[1] for row in rows(page) if row[0] == name)


def open_endpoint(page, name):
    found = next(entry for entry in page.all(".endpoint") if entry.find_element(By.CSS_SELECTOR, ".open").text == name)
    found.find_element(By.CSS_SELECTOR, ".open").click()
    return found


def press(found, word):
    next(button for button in found.find_elements(By.CSS_SELECTOR, ".switch-actions button")
         if button.text == word).click()


def test_an_empty_page_says_how_to_begin(page):
    page.open("/#/proxies")
    page.until(lambda: page.find(".coordination-page").is_displayed(), "the page never opened")
    page.until(lambda: page.totals == "There are no proxies.", "the sentence is another")
    text = page.text(".empty")
    assert "proxies:" in text and "colony serve --config colony.yaml" in text
    assert f"curl -X POST {page.daemon.origin}/v1/proxies/reload" in text
    assert page.all(".empty .copy")


def test_the_map_leads_from_routes_to_endpoints_with_what_goes_through_them(shop):
    page, port = shop
    assert page.totals == "1 proxy to 2 endpoints, all in service."
    assert "HTTP at 127.0.0.1" in page.text(".proxy-facts")
    closed, rest = [entry.text for entry in page.all(".proxy-routes li")]
    assert "closed" in closed and "/admin/" in closed and "respond 403" in closed
    assert "rest" in rest and "→ app" in rest
    assert {get(port)[1] for _ in range(4)} == {"app-1", "app-2"}
    assert get(port, "/admin")[0] == 403
    figures = "return [...document.querySelectorAll('.proxy-traffic dd')].map((value) => value.innerText)"
    page.until(lambda: page.driver.execute_script(figures)[0] not in ("–", "0"), "there is no rate of requests")
    assert "ms" in page.driver.execute_script(figures)[4].replace("\u202f", " ")
    found = open_endpoint(page, "app-1")
    page.until(lambda: "2 good" in found.text, "what it has answered is not shown")


def test_an_endpoint_is_drained_and_enabled(shop):
    page, port = shop
    found = open_endpoint(page, "app-1")
    press(found, "Drain")
    page.until(lambda: state(page, "app-1") == "draining", "the drain is not shown")
    assert {get(port)[1] for _ in range(6)} == {"app-2"}
    assert "an operator has set it to draining" in found.text
    assert page.totals == "1 proxy to 2 endpoints, 1 out of service."
    press(found, "Enable")
    page.until(lambda: state(page, "app-1") == "in service", "the endpoint is not back")
    assert {get(port)[1] for _ in range(6)} == {"app-1", "app-2"}


def test_maintenance_needs_consent(shop):
    page, port = shop
    found = open_endpoint(page, "app-2")
    press(found, "Maintenance…")
    assert "app-2" in page.find("dialog.break").text
    page.find("#consent").send_keys(Keys.SPACE)
    page.find("dialog.break .danger").click()
    page.wait_for_no_dialog()
    page.until(lambda: state(page, "app-2") == "in maintenance", "the state is not shown")
    assert {get(port)[1] for _ in range(6)} == {"app-1"}


def test_what_checks_find_is_shown_with_the_reason(shop, upstreams):
    page, _ = shop
    upstreams[0].is_well = False
    page.until(lambda: state(page, "app-1") == "out of health", "the failure is not shown")
    assert "503" in open_endpoint(page, "app-1").text
    upstreams[0].is_well = True
    page.until(lambda: state(page, "app-1") == "in service", "the recovery is not shown")


def test_why_a_call_goes_where_it_goes(shop):
    page, _ = shop
    page.daemon.ask("PATCH", "/v1/proxies/shop/upstreams/app/endpoints/app-1", {"state": "drain"})
    page.find(".explain input").send_keys("10.0.0.7", Keys.ENTER)
    page.until(lambda: page.all(".explanation li"), "there is no explanation")
    text = page.text(".explanation")
    assert "Endpoints take turns" in text and "The call goes to app-2." in text
    assert "an operator has set it to draining" in text


def test_the_file_is_read_again_and_its_errors_are_told(shop, upstreams):
    page, port = shop
    file = page.daemon.folder / "colony.yaml"
    file.write_text(configuration(upstreams, port).replace("algorithm", "algoritm"), encoding="utf-8")
    button = page.find(".proxy-file button")
    button.click()
    page.until(lambda: "line 8, column 9" in page.text(".proxy-file"), "the error is not told")
    assert "did you mean algorithm?" in page.text(".proxy-file")
    file.write_text(configuration(upstreams[:1], port), encoding="utf-8")
    button.click()
    page.until(lambda: len(rows(page)) == 1, "the new file is not shown")
    assert "1 kept" in page.text(".proxy-file")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(shop, width):
    page, _ = shop
    page.resize(width, 900)
    found = open_endpoint(page, "app-1")
    page.find(".explain input").send_keys("10.0.0.7", Keys.ENTER)
    page.until(lambda: page.all(".explanation li"), "there is no explanation")
    assert page.overflow() <= 0
    press(found, "Maintenance…")
    assert page.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(shop, scheme):
    page, _ = shop
    page.prefer(scheme)
    page.daemon.ask("PATCH", "/v1/proxies/shop/upstreams/app/endpoints/app-2", {"state": "drain"})
    page.until(lambda: state(page, "app-2") == "draining", "the drain is not shown")
    open_endpoint(page, "app-1")
    page.find(".explain input").send_keys("10.0.0.7", Keys.ENTER)
    page.until(lambda: page.all(".explanation li"), "there is no explanation")
    assert page.driver.execute_script(CONTRAST) == []
