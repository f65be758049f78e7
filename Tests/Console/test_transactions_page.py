"""Transactions: which there are and how they stand, what stops them, and deciding about those that are stuck."""

import hashlib
import json
import os

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from participant import Participant
from test_layout import CONTRAST, WIDTHS


@pytest.fixture
def service():
    participant = Participant()
    yield participant
    participant.stop()


def step(service, name, compensation=True, **more):
    document = {"name": name, "action": service.url(f"/{name}"), "retry": {"initial_ms": 20, "maximum_ms": 50}}
    if compensation:
        document["compensation"] = service.url(f"/{name}/undo")
    return document | more


def order(service):
    """Stock, which can be undone; payment, the point of no return; and a mail."""
    return [step(service, "stock"), step(service, "payment", False), step(service, "mail", False, retryable=True)]


def start(daemon, steps, transaction="order-4711", name="place-order", payload=None):
    body = {"id": transaction, "name": name, "steps": steps, "payload": payload or {"item": 7}}
    return daemon.ask("POST", "/v1/sagas", body)


def wait_for(page, transaction, state):
    page.until(lambda: page.daemon.ask("GET", f"/v1/sagas/{transaction}")["state"] == state,
               f"{transaction} never was {state}")


def open_page(page, address="/#/transactions"):
    page.open(address)
    page.until(lambda: page.find(".transactions-page").is_displayed(), "the page never opened")
    return page


def rows(page):
    """What the table says, read in one step."""
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll('tr.transaction')].map((row) =>
            ['.open', '.t-name', '.state', '.t-kind'].map((cell) => row.querySelector(cell).textContent));
        """)


def wait_for_rows(page, expected):
    page.until(lambda: [[row[0], row[2]] for row in rows(page)] == expected, f"the table never showed {expected}")


def open_transaction(page, transaction):
    for button in page.all("tr.transaction .open"):
        if button.get_attribute("textContent") == transaction:
            button.click()
            break
    page.until(lambda: page.find(".steps").is_displayed(), "the details never opened")


def steps(page):
    """The rows of the timeline: what they are called, what they say, and what their bars stand for."""
    return page.driver.execute_script(
        """
        return [...document.querySelectorAll('.step')].map((row) => ({
            name: row.querySelector('.step-name').textContent, kind: row.querySelector('.step-kind').textContent,
            state: row.querySelector('.step-state').textContent.replaceAll('\\u202f', ' '), mark: row.dataset.mark,
            bars: [...row.querySelectorAll('.call')].map((bar) => `${bar.dataset.way} ${bar.dataset.outcome}`),
            lane: row.querySelector('.lanes circle')?.getAttribute('cx') ?? null,
        }));
        """)


def wait_for_steps(page, **marks):
    page.until(lambda: {row["name"]: row["mark"] for row in steps(page)} == marks,
               f"the steps never showed {marks}")
    return {row["name"]: row for row in steps(page)}


def decide(page, verb, name="ann", note=""):
    button = f"[data-verb={verb}]"
    page.until(lambda: page.find(button).is_displayed() and page.find(button).is_enabled(), f"{verb} is not offered")
    page.find(button).click()
    dialog = page.find("dialog.decide")
    if name is not None:
        field = page.find("#decision-by")
        field.clear()
        field.send_keys(name)
    page.find("#decision-note").send_keys(note)
    return dialog


def confirm(page):
    if page.all("dialog.decide #consent"):
        page.find("dialog.decide #consent").click()
    page.find("dialog.decide button[type=submit]").click()


def stuck(page, service):
    """A saga whose payment was refused, and whose stock cannot be given back."""
    service.refuses("/payment", "card declined")
    service.refuses("/stock/undo", "the shelf is locked")
    start(page.daemon, order(service))
    wait_for(page, "order-4711", "stuck")


def test_an_empty_page_says_how_to_begin(page):
    open_page(page)
    assert page.totals == "There are no transactions."
    assert "colony saga start" in page.text(".empty")
    assert page.driver.title == "Transactions · Colony"


def test_a_saga_is_followed_from_its_start_to_its_end(page, service):
    service.hangs("/payment")
    service.gives("/stock", {"reservation": "R-17"})
    open_page(page)
    start(page.daemon, order(service))
    wait_for_rows(page, [["order-4711", "Running"]])
    assert page.totals == "1 transaction is under way."
    open_transaction(page, "order-4711")
    shown = wait_for_steps(page, stock="done", payment="open", mail="waiting")
    assert shown["stock"]["state"].startswith("done in ")
    assert shown["payment"]["state"].startswith("under way for ")
    assert shown["payment"]["kind"] == "pivot"
    assert '"item": 7' in page.text(".payload")
    service.let_go()
    wait_for_steps(page, stock="done", payment="done", mail="done")
    wait_for_rows(page, [["order-4711", "Completed"]])
    assert page.totals == "No transaction is under way."
    page.all(".step-open")[0].click()
    assert '"reservation": "R-17"' in page.text(".step-detail")


def test_what_is_stuck_is_told_first_with_its_reason(page, service):
    start(page.daemon, [step(service, "stock")], "fine")
    stuck(page, service)
    open_page(page)
    wait_for_rows(page, [["order-4711", "Stuck"], ["fine", "Completed"]])
    assert page.totals == "No transaction moves. 1 is stuck."
    assert page.driver.title == "(1) Transactions · Colony"
    page.until(lambda: "the shelf is locked" in page.text(".stuck"), "the reason is not told")
    assert page.text(".stuck-item .reason").startswith("Stuck at the compensation of stock for ")
    page.find(".stuck-item .open").click()
    shown = wait_for_steps(page, stock="stuck", payment="refused", mail="waiting")
    assert shown["stock"]["bars"] == ["forth done", "back stuck"]
    assert "the shelf is locked" in page.text(".panel-advice")
    assert page.find("[data-verb=turn-back]").get_attribute("title") == "It has turned back already."
    assert "card declined" in page.text(".entries")


def test_trying_again_asks_for_a_name_and_leaves_a_trail(page, service):
    stuck(page, service)
    open_page(page, "/#/transactions?id=order-4711")
    page.until(lambda: page.find("[data-verb=retry]").is_displayed(), "the details never opened")
    decide(page, "retry", name="")
    page.find("dialog.decide button[type=submit]").click()
    assert page.has_dialog(), "a decision without a name was taken"
    page.find("#decision-by").send_keys("ann")
    page.find("#decision-note").send_keys("unlocked the shelf")
    service.does("/stock/undo")
    confirm(page)
    page.wait_for_no_dialog()
    wait_for_rows(page, [["order-4711", "Undone"]])
    page.until(lambda: "ann: Retry" in page.text(".decisions") and "unlocked the shelf" in page.text(".decisions"),
               "the decision is not shown")
    entry = next(entry for entry in page.daemon.ask("GET", "/v1/sagas/order-4711")["entries"]
                 if entry["event"] == "intervened")
    assert (entry["by"], entry["note"], entry["decision"]) == ("ann", "unlocked the shelf", "retry")
    assert not page.find("[data-verb=retry]").is_displayed()
    # The name is remembered for the next one.
    assert page.driver.execute_script("return sessionStorage.getItem('colony-operator')") == "ann"


def test_a_step_is_taken_for_done_with_an_output_and_consent(page, service):
    service.refuses("/mail", "no such address")
    start(page.daemon, order(service))
    wait_for(page, "order-4711", "stuck")
    open_page(page, "/#/transactions?id=order-4711")
    dialog = decide(page, "skip", note="told by telephone")
    assert not dialog.find_element(By.CSS_SELECTOR, "button[type=submit]").is_enabled()
    page.find("#decision-output").send_keys("{oops")
    confirm(page)
    page.until(lambda: "is not JSON" in page.text("dialog .problem"), "the output is not refused")
    page.find("#decision-output").clear()
    page.find("#decision-output").send_keys('{"sent": 12345678901234567890}')
    confirm(page)
    page.wait_for_no_dialog()
    shown = wait_for_steps(page, stock="done", payment="done", mail="skipped")
    assert shown["mail"]["state"] == "taken for done by ann"
    page.all(".step-open")[2].click()
    page.until(lambda: '"sent": 12345678901234567890' in page.text(".step:nth-child(3) .step-detail"),
               "the output is not shown as it is")


def test_closing_wants_to_know_as_what(page, service):
    stuck(page, service)
    open_page(page, "/#/transactions?id=order-4711")
    decide(page, "resolve", note="restocked by hand")
    confirm(page)
    assert page.has_dialog(), "it was closed as nothing"
    page.find("dialog.decide input[value=compensated]").click()
    page.find("dialog.decide button[type=submit]").click()
    page.wait_for_no_dialog()
    wait_for_rows(page, [["order-4711", "Undone"]])
    assert "ann: Close as undone" in page.text(".decisions")


def test_a_step_that_has_failed_too_often_is_turned_back(page, service):
    service.fails("/parcel")
    parcel = step(service, "parcel")
    parcel["retry"]["attempts"] = 2
    start(page.daemon, [step(service, "stock"), parcel])
    wait_for(page, "order-4711", "stuck")
    open_page(page, "/#/transactions?id=order-4711")
    shown = wait_for_steps(page, stock="done", parcel="stuck")
    assert "failed attempt" in shown["parcel"]["state"]
    decide(page, "turn-back")
    confirm(page)
    page.wait_for_no_dialog()
    wait_for_steps(page, stock="compensated", parcel="compensated")
    wait_for_rows(page, [["order-4711", "Undone"]])


def test_a_running_saga_is_cancelled(page, service):
    service.fails("/parcel")
    start(page.daemon, [step(service, "stock"), step(service, "parcel")])
    open_page(page, "/#/transactions?id=order-4711")
    decide(page, "cancel")
    confirm(page)
    page.wait_for_no_dialog()
    wait_for_rows(page, [["order-4711", "Undone"]])
    assert "/stock/undo" in service.paths()


def test_a_decision_that_comes_too_late_is_told_of(page, service):
    stuck(page, service)
    open_page(page, "/#/transactions?id=order-4711")
    decide(page, "retry")
    service.does("/stock/undo")
    page.daemon.ask("POST", "/v1/sagas/order-4711/retry", {"by": "bob"})
    wait_for(page, "order-4711", "compensated")
    confirm(page)
    page.until(lambda: page.text("dialog .problem code") == "not_stuck", "the dialog does not tell of it")


def test_states_and_names_filter_the_list_and_enter_opens_what_is_typed(page, service):
    start(page.daemon, [step(service, "stock")], "fine-1")
    start(page.daemon, [step(service, "stock")], "fine-2", name="restock")
    stuck(page, service)
    open_page(page)
    page.until(lambda: len(rows(page)) == 3, "not all are shown")
    assert page.text("[data-share=stuck]") == "Stuck 1"
    assert page.text("[data-share=completed]") == "Completed 2"
    page.find("[data-share=completed]").click()
    wait_for_rows(page, [["fine-2", "Completed"], ["fine-1", "Completed"]])
    page.filter("restock")
    wait_for_rows(page, [["fine-2", "Completed"]])
    assert "state=completed" in page.driver.current_url
    page.filter("order-4711")
    page.until(lambda: "No transaction that is completed has" in page.text(".no-match"), "nothing is said")
    page.find("#filter").send_keys(Keys.ENTER)
    page.until(lambda: page.text("#panel-title") == "order-4711", "Enter does not open it")
    page.find(".no-match .link").click()
    page.until(lambda: len(rows(page)) == 3, "not all are shown again")


def test_branches_are_drawn_beside_each_other(page, service):
    parallel = {"parallel": [[step(service, "credit")], [step(service, "parcel"), step(service, "pallet")]]}
    service.refuses("/payment", "card declined")
    start(page.daemon, [step(service, "stock"), parallel, step(service, "payment", False)])
    wait_for(page, "order-4711", "compensated")
    open_page(page, "/#/transactions?id=order-4711")
    shown = wait_for_steps(
        page, stock="compensated", credit="compensated", parcel="compensated", pallet="compensated", payment="refused")
    assert shown["stock"]["lane"] == shown["credit"]["lane"] == shown["payment"]["lane"]
    assert shown["parcel"]["lane"] == shown["pallet"]["lane"] != shown["credit"]["lane"]
    assert shown["pallet"]["bars"] == ["forth done", "back compensated"]


def test_a_tcc_has_one_row_for_each_branch(page, service):
    service.refuses("/hotel", "fully booked")
    branches = [{
        "name": name, "try": service.url(f"/{name}"), "confirm": service.url(f"/{name}/yes"),
        "cancel": service.url(f"/{name}/no"),
    } for name in ["flight", "hotel"]]
    page.daemon.ask("POST", "/v1/tcc", {"id": "trip", "name": "book-trip", "branches": branches})
    wait_for(page, "trip", "compensated")
    open_page(page, "/#/transactions?id=trip")
    shown = wait_for_steps(page, flight="compensated", hotel="compensated")
    assert shown["flight"]["state"].startswith("cancelled in ")
    assert rows(page) == [["trip", "book-trip", "Undone", "TCC"]]


def test_names_reasons_and_payloads_are_shown_as_they_are_and_never_run(page, service):
    evil = "<img src=x onerror=window.wasRun=true>"
    service.refuses("/mail", evil)
    start(page.daemon, order(service), evil, evil, {"evil": evil, "number": 12345678901234567890})
    open_page(page)
    wait_for_rows(page, [[evil, "Stuck"]])
    open_transaction(page, evil)
    page.until(lambda: evil in page.text(".panel-advice") and evil in page.text(".payload"), "it is not shown")
    assert '"number": 12345678901234567890' in page.text(".payload")
    assert page.driver.execute_script("return window.wasRun ?? null") is None


def test_a_transaction_that_is_not_there_is_told_of(page):
    open_page(page, "/#/transactions?id=nobody")
    page.until(lambda: "There is no transaction of this identifier" in page.text(".panel-state"), "it is not told")


def test_a_token_that_may_only_look_is_told_why(make_daemon, make_page, service):
    tokens = [("operator", "let-me-in-9f2c", ["admin"]), ("watcher", "only-looking-77", ["locks:read"])]
    daemon = make_daemon(json.dumps({"tokens": [
        {"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(), "scopes": scopes}
        for name, token, scopes in tokens]}), token=tokens[0][1])
    page = make_page(daemon)
    stuck(page, service)
    page.driver.get(daemon.origin + "/console/icon.svg")
    page.driver.execute_script("sessionStorage.setItem('colony.token', arguments[0])", tokens[1][1])
    open_page(page, "/#/transactions?id=order-4711")
    page.until(lambda: page.find(".steps").is_displayed(), "the details never opened")
    page.until(lambda: "this needs admin" in page.text(".transaction-actions + .note"), "nobody is told")
    assert not page.find("[data-verb=retry]").is_enabled()
    page.driver.execute_script("sessionStorage.setItem('colony.token', arguments[0])", tokens[0][1])
    page.driver.refresh()
    decide(page, "retry", name=None, note="again")
    assert "operator" in page.text("dialog.decide")
    assert page.all("#decision-by") == []
    confirm(page)
    page.wait_for_no_dialog()
    page.until(lambda: "operator: Retry" in page.text(".decisions"), "the name of the token is not written down")


def test_the_keyboard_does_all_of_it(page, service):
    start(page.daemon, [step(service, "stock")], "fine")
    stuck(page, service)
    open_page(page)
    page.until(lambda: len(rows(page)) == 2, "not all are shown")
    body = page.driver.find_element(By.TAG_NAME, "body")
    body.send_keys("j")
    page.press("j")
    focused = "return document.activeElement.textContent"
    assert page.driver.execute_script(focused) == "fine"
    page.press("k", Keys.ENTER)
    page.until(lambda: page.text("#panel-title") == "order-4711", "Enter does not open it")
    page.until(lambda: page.find(".steps").is_displayed(), "the details never opened")
    for _ in range(12):
        page.press(Keys.TAB)
        if page.driver.switch_to.active_element.get_attribute("class") == "step-open":
            break
    page.press(Keys.ENTER)
    assert page.find(".step-open").get_attribute("aria-expanded") == "true"
    assert "the shelf is locked" in page.text(".step-detail")
    # An update keeps what is opened, and the focus.
    page.press("r")
    page.until(lambda: page.driver.execute_script("return document.activeElement.className") == "step-open"
               and page.find(".step-open").get_attribute("aria-expanded") == "true", "the focus is lost")
    page.press(Keys.ESCAPE)
    page.until(lambda: not page.find(".panel").is_displayed(), "Escape does not close the details")
    assert page.driver.execute_script(focused) == "order-4711"
    page.press("/")
    assert page.driver.switch_to.active_element.get_attribute("id") == "filter"


def scene(page, service):
    parallel = {"parallel": [[step(service, "credit")], [step(service, "parcel"), step(service, "pallet")]]}
    service.refuses("/payment", "card declined: insufficient funds")
    service.refuses("/stock/undo", "the reservation R-991 was picked up already")
    start(page.daemon, [step(service, "stock"), parallel, step(service, "payment", False)])
    start(page.daemon, [step(service, "ledger")],
          "tenants/acme/a-rather-long-identifier-of-a-transaction-that-has-to-be-cut-somewhere", "close-the-books")
    wait_for(page, "order-4711", "stuck")


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(page, service, width):
    scene(page, service)
    page.resize(width, 900)
    open_page(page)
    page.until(lambda: len(rows(page)) == 2, "not all are shown")
    assert page.overflow() <= 0
    open_transaction(page, "order-4711")
    page.all(".step-open")[0].click()
    inside = "const it = document.querySelector(arguments[0]); return it.scrollWidth - it.clientWidth"
    assert page.overflow() <= 0
    assert page.driver.execute_script(inside, ".panel") <= 0
    page.find("[data-verb=skip]").click()
    assert page.driver.execute_script(inside, "dialog") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, service, scheme):
    page.prefer(scheme)
    scene(page, service)
    open_page(page)
    open_transaction(page, "order-4711")
    page.all(".step-open")[0].click()
    assert page.driver.execute_script(CONTRAST) == []
    page.find("[data-verb=resolve]").click()
    assert page.driver.execute_script(CONTRAST) == []


@pytest.mark.skipif(os.environ.get("COLONY_SCREENSHOTS") != "1", reason="COLONY_SCREENSHOTS is not 1")
def test_screenshots_for_the_documentation(page, service, images):
    for number in (4698, 4701, 4702):
        start(page.daemon, [step(service, "stock"), step(service, "mail", False, retryable=True)], f"order-{number}")
    service.fails("/parcel", times=2)
    scene(page, service)
    page.resize(1600, 1000)
    page.prefer("light", motion="reduce")
    open_page(page)
    open_transaction(page, "order-4711")
    page.until(lambda: len(steps(page)) == 5, "the steps are not shown")
    file = images / "console-transactions-light.png"
    assert page.driver.save_screenshot(str(file))
    assert file.stat().st_size < 200_000
