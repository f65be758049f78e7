"""How it looks: narrow and wide, light and dark, still."""

import os

import pytest

WIDTHS = [320, 400, 900, 1600]


def fill(daemon):
    daemon.acquire("orders/42", "billing-a:8812")
    daemon.wait_in_line("orders/42", "api-1:201")
    daemon.wait_in_line("orders/42", "api-2:77")
    for name, owner in [
        ("tenants/acme/migrate", "worker-7:31"), ("reports/nightly", "cron:4410"),
        ("cache:warm:home", "eb26c57d21fa5d32-1085"),
        ("a/very/long/path/of/a/name/that/goes/on/and/on/until/it/has/to/be/cut/somewhere", "b7ffc050fec94dbc-1295"),
    ]:
        daemon.acquire(name, owner)


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_scrolls_sideways(page, width):
    fill(page.daemon)
    page.resize(width, 900)
    page.open()
    page.until(lambda: len(page.names()) == 5, "the locks are not shown")
    assert page.overflow() <= 0
    page.open_lock("orders/42")
    assert page.overflow() <= 0
    page.find(".panel .danger").click()
    assert page.overflow() <= 0
    assert page.driver.execute_script(
        "const d = document.querySelector('dialog'); return d.scrollWidth - d.clientWidth") <= 0


@pytest.mark.parametrize("width", WIDTHS)
def test_an_empty_page_does_not_scroll_sideways(page, width):
    page.resize(width, 900)
    page.open()
    assert page.overflow() <= 0


def test_a_narrow_page_shows_every_value_with_its_label(page):
    fill(page.daemon)
    page.resize(400, 900)
    page.open()
    row = page.wait_for_row("orders/42", holder="billing-a:8812", token=1, renewals=0)
    assert row["waiters"].startswith("2")
    assert page.driver.execute_script(
        "return getComputedStyle(document.querySelector('tr.lock .c-token'), '::before').content") == '"Token"'
    assert page.find("#order").is_displayed()
    for role in ["table", "row", "rowheader", "cell"]:
        assert page.all(f'[role="{role}"]'), f"the narrow layout has lost the role {role}"


def ground(page):
    text = page.driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in text.removeprefix("rgb(").removesuffix(")").split(",")[:3]) / 3


def test_the_theme_follows_the_system_until_the_operator_chooses(page):
    page.prefer("light")
    page.open()
    assert ground(page) > 200
    page.prefer("dark")
    assert ground(page) < 60
    assert page.find("#theme").text == "Auto"
    page.find("#theme").click()
    assert page.find("#theme").text == "Light" and ground(page) > 200
    page.find("#theme").click()
    assert page.find("#theme").text == "Dark"
    page.prefer("light")
    page.driver.refresh()
    page.wait_for_connection("live")
    assert ground(page) < 60
    page.find("#theme").click()
    assert ground(page) > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(page, scheme):
    page.prefer(scheme)
    fill(page.daemon)
    page.open()
    page.open_lock("orders/42")
    faint = page.driver.execute_script(CONTRAST)
    assert faint == []


def test_reduced_motion_is_respected(page):
    page.prefer("light", motion="reduce")
    page.daemon.acquire("orders/42", "api-1")
    page.open()
    page.wait_for_names(["orders/42"])
    assert page.driver.execute_script(
        "return getComputedStyle(document.querySelector('.bar-fill')).transitionDuration") in ("0s", "")


def test_nothing_comes_from_elsewhere(page):
    page.open()
    addresses = page.driver.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert addresses and all(address.startswith(page.daemon.origin + "/") for address in addresses)
    _, headers, _ = page.daemon.raw("GET", "/")
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


@pytest.mark.skipif(os.environ.get("COLONY_SCREENSHOTS") != "1", reason="COLONY_SCREENSHOTS is not 1")
def test_screenshots_for_the_documentation(page, images):
    scene(page.daemon)
    images.mkdir(parents=True, exist_ok=True)
    page.open()
    page.until(lambda: (page.row("tenants/acme/migrate") or {}).get("level") == "stuck", "nothing is stuck", limit=70)
    for file, scheme, width, height in [
        ("console-locks-light.png", "light", 1600, 1000), ("console-locks-dark.png", "dark", 1600, 1000),
        ("console-locks-narrow.png", "light", 400, 900),
    ]:
        page.prefer(scheme, motion="reduce")
        page.resize(width, height)
        assert page.driver.save_screenshot(str(images / file))
        assert (images / file).stat().st_size < 200_000


def scene(daemon):
    for name, owner, ttl in [
        ("cache:warm:home", "eb26c57d21fa5d32-1085", 120_000), ("cache:warm:search", "815d2802827283e0-1390", 90_000),
        ("cron/rotate-logs", "cron:4410", 300_000), ("orders/1187", "api-1:201", 90_000),
        ("orders/1190", "api-2:77", 120_000),
        ("payments/9310/settle", "billing-b:120", 120_000), ("reports/daily/globex", "worker-3:9", 90_000),
        ("reports/nightly", "cron:4411", 300_000), ("search/reindex/eu", "worker-5:2", 240_000),
    ]:
        grant = daemon.acquire(name, owner, ttl_ms=ttl)
        for _ in range(len(name) % 7):
            daemon.renew(grant)
    grant = daemon.acquire("orders/42", "billing-a:8812", ttl_ms=120_000)
    for _ in range(11):
        daemon.renew(grant)
    for owner in ["api-1:204", "api-2:78", "worker-3:11"]:
        daemon.wait_in_line("orders/42", owner)
    daemon.wait_in_line("reports/daily/globex", "worker-4:30")
    stuck = daemon.acquire("tenants/acme/migrate", "worker-7:31", ttl_ms=54_000)
    daemon.renew(stuck)
    daemon.wait_in_line("tenants/acme/migrate", "worker-8:5")


# Every visible text against the colour behind it, by the formula of WCAG 2: 4.5 to 1, and 3 to 1 for large type.
# Controls that are switched off are exempt there, and here.
CONTRAST = """
const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
const rgba = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255]; };
const over = (top, ground) => [0, 1, 2].map((place) => top[place] * top[3] + ground[place] * (1 - top[3]));
const behind = (node) => {
    const layers = [];
    for (let place = node; place !== null; place = place.parentElement) {
        layers.push(rgba(getComputedStyle(place).backgroundColor));
    }
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255]);
};
const faint = [];
for (const node of document.body.querySelectorAll('*')) {
    const text = [...node.childNodes].map((child) => child.nodeType === 3 ? child.data.trim() : '').join('');
    if (text === '' || !node.checkVisibility()) continue;
    if (node.closest('.visually-hidden, .skip, noscript, :disabled, [aria-hidden]')) continue;
    const style = getComputedStyle(node);
    const ground = behind(node);
    const [light, dark] = [luminance(over(rgba(style.color), ground)), luminance(ground)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const isLarge = parseFloat(style.fontSize) >= 24;
    if (ratio < (isLarge ? 3 : 4.5)) {
        faint.push(`${node.className || node.localName} "${text.slice(0, 30)}" ${ratio.toFixed(2)}`);
    }
}
return faint;
"""
