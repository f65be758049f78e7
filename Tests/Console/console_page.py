"""What an operator sees of the console, and does with it."""

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

# Long enough for a machine that is busy with other things; a wait ends as soon as it may.
LIMIT = 40
NARROW_SPACE = "\u202f"


def plain(text):
    """Text with ordinary spaces, as one would type it."""
    return text.replace(NARROW_SPACE, " ").replace("\u00a0", " ").strip()


class ConsolePage:
    def __init__(self, driver, daemon):
        self.driver = driver
        self.daemon = daemon

    def open(self, address="/", live=True):
        self.driver.get(self.daemon.origin + address)
        if live:
            self.wait_for_connection("live")
            self.until(lambda: self.totals != "", "the page never said how many locks there are")
        return self

    def until(self, condition, message, limit=LIMIT):
        def holds(_):
            try:
                return condition()
            except (NoSuchElementException, StaleElementReferenceException):
                return False

        return WebDriverWait(self.driver, limit, 0.03).until(holds, message)

    # Looking.

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return plain(self.find(selector).text)

    @property
    def totals(self):
        return self.text(".hero")

    @property
    def connection(self):
        return self.find("#connection").get_attribute("data-state")

    def wait_for_connection(self, state, limit=LIMIT):
        self.until(lambda: self.connection == state, f"the connection never became {state}", limit)

    def names(self):
        """The names in the table, in its order, read in one step."""
        return self.driver.execute_script(
            "return [...document.querySelectorAll('tr.lock')].map((row) => row.querySelector('.open').textContent)")

    def wait_for_names(self, names):
        self.until(lambda: self.names() == names, f"the table never showed {names}")

    def row(self, name):
        """The cells of one row by column, or `None`, read in one step so that no update comes between."""
        cells = self.driver.execute_script(
            """
            for (const row of document.querySelectorAll('tr.lock')) {
                if (row.querySelector('.open').textContent !== arguments[0]) continue;
                const text = (selector) => row.querySelector(selector)?.innerText ?? '';
                return {
                    holder: text('.c-holder'), age: text('.c-age'),
                    left: text('.left-text'), lease: text('.left-lease'),
                    renewals: text('.c-renewals'), token: text('.c-token'), waiters: text('.c-waiters'),
                    finding: text('.finding'), level: row.dataset.level ?? null,
                    bar: Number(row.querySelector('.bar').style.getPropertyValue('--left')),
                };
            }
            return null;
            """, name)
        return cells and {key: plain(value) if isinstance(value, str) else value for key, value in cells.items()}

    def wait_for_row(self, name, **cells):
        self.until(
            lambda: (row := self.row(name)) is not None and all(row[key] == str(value) for key, value in cells.items()),
            f"the row of {name} never showed {cells}")
        return self.row(name)

    def active_name(self):
        return self.driver.execute_script(
            "return document.activeElement.closest('tr.lock')?.querySelector('.open').textContent ?? null")

    def overflow(self):
        """By how many pixels the page is wider than the window."""
        return self.driver.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    # Doing.

    def press(self, *keys):
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def open_lock(self, name):
        self.until(lambda: name in self.names(), f"{name} is not in the table")
        for button in self.all("tr.lock .open"):
            if button.get_attribute("textContent") == name:
                button.click()
                break
        self.until(lambda: self.find(".panel").is_displayed(), "the details never opened")

    def open_break_dialog(self, name):
        self.open_lock(name)
        self.find(".panel .danger").click()
        return self.find("dialog.break")

    def has_dialog(self):
        return len(self.all("dialog[open]")) > 0

    def wait_for_no_dialog(self):
        self.until(lambda: not self.has_dialog(), "the dialog never closed")

    def confirm_break(self):
        self.find("#consent").click()
        self.find("dialog.break .danger").click()

    def filter(self, prefix):
        field = self.find("#filter")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(prefix)

    # The window.

    def resize(self, width, height):
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})

    def prefer(self, scheme, motion="no-preference"):
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]})
