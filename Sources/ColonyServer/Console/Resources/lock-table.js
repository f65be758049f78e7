/** The table of locks: one row per lock, kept in place over updates so that focus, selection, and motion survive. */

import { atPresent, diagnose, isUnrenewed } from "./diagnosis.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { orders } from "./lock-book.js";
import { counted, formatCount, formatDuration } from "./text.js";

/** More waiters than this are counted rather than listed under a row. */
const listedWaiters = 20;

// Roles are spelled out because the narrow layout changes `display`, which would take them away.
export class LockTable {
    #rows = new Map();
    #body = element("tbody", { role: "rowgroup" });
    #headers = {};
    #current = null;
    #onOpen;

    /**
     * @param {object} parts
     * @param {(name: string) => void} parts.onOpen The operator wants to see one lock.
     * @param {(order: string) => void} parts.onSort The operator chose a column.
     */
    constructor({ onOpen, onSort }) {
        this.#onOpen = onOpen;
        const cells = Object.entries(orders).map(([order, { label }]) => {
            const click = () => onSort(order);
            const button = element("button", { type: "button", class: "sort", on: { click } }, label);
            this.#headers[order] = element("th", { scope: "col", role: "columnheader", class: `c-${order}` }, button);
            return this.#headers[order];
        });
        this.element = element("table", { class: "locks", role: "table", "aria-label": "Held locks" },
            element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, cells)),
            this.#body);
    }

    /** Shows `locks` in this order, with what the book says about their age. */
    update(locks, { sort, descending, elapsed, opened }) {
        for (const [order, header] of Object.entries(this.#headers)) {
            setAttribute(header, "aria-sort", order === sort ? (descending ? "descending" : "ascending") : null);
        }
        const focused = this.#focusedName;
        const isFirst = this.#rows.size === 0;
        const names = new Set(locks.map((lock) => lock.name));
        for (const [name, row] of this.#rows) {
            if (!names.has(name)) {
                row.remove();
                this.#rows.delete(name);
            }
        }
        let place = this.#body.firstElementChild;
        for (const lock of locks) {
            let row = this.#rows.get(lock.name);
            if (row === undefined) {
                row = new LockRow(lock, {
                    onOpen: this.#onOpen, onFocus: (name) => this.#setCurrent(name), isNew: !isFirst,
                });
                this.#rows.set(lock.name, row);
            }
            row.update(lock, elapsed, lock.name === opened);
            if (row.element === place) place = row.details.nextElementSibling;
            else this.#body.insertBefore(row.element, place).after(row.details);
        }
        if (!this.#rows.has(this.#current)) this.#setCurrent(locks[0]?.name ?? null);
        else this.#setCurrent(this.#current);
        // A row that moved in the document lost its focus on the way.
        if (focused !== null && this.#focusedName === null && this.#rows.has(focused)) this.focus(focused);
    }

    /** Moves the clocks on by what has passed. */
    tick(elapsed) {
        for (const row of this.#rows.values()) row.tick(elapsed);
    }

    /** The row that the keyboard is on, or `null` if there is none. */
    get current() {
        return this.#current;
    }

    /** Puts the keyboard on the row of `name`. @returns {boolean} Whether there is one. */
    focus(name) {
        const row = this.#rows.get(name);
        if (row === undefined) return false;
        this.#setCurrent(name);
        row.button.focus();
        return true;
    }

    /** Makes `name` the row from which the keyboard goes on, without moving the focus. */
    mark(name) {
        if (this.#rows.has(name)) this.#setCurrent(name);
    }

    /** Whether the keyboard is on a row. */
    get hasFocus() {
        return this.#focusedName !== null;
    }

    /** The name `step` rows away from the current one, or `null` past the end. */
    neighbour(step) {
        const names = [...this.#body.querySelectorAll("tr.lock")].map((row) => row.lockName);
        return names[names.indexOf(this.#current) + step] ?? null;
    }

    /** Shows or hides who waits for the lock of the current row. */
    toggleWaiters() {
        this.#rows.get(this.#current)?.toggleWaiters();
    }

    get #focusedName() {
        return document.activeElement?.closest?.("tr.lock")?.lockName ?? null;
    }

    #setCurrent(name) {
        this.#current = name;
        for (const [key, row] of this.#rows) row.button.tabIndex = key === name ? 0 : -1;
    }
}

class LockRow {
    #lock;
    #finding = element("span", { class: "finding" });
    #holder = element("td", { role: "cell", class: "c-holder", "data-label": "Holder" });
    #age = numeric("age", "Age");
    #renewals = numeric("renewals", "Renewals");
    #token = numeric("token", "Token");
    #left = element("span", { class: "left-text" });
    #lease = element("span", { class: "left-lease" });
    #bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", { class: "bar-fill" }));
    #waiters = element("button", { type: "button", class: "waiters-toggle", "aria-expanded": "false" });
    #nobody = element("span", { class: "nobody" }, "none");
    #count = element("span", {});
    #wait = element("span", { class: "waited" });
    #list = element("ol", { class: "waiter-list" });
    #isOpen = false;
    #elapsed = 0;

    constructor(lock, { onOpen, onFocus, isNew }) {
        this.#lock = lock;
        this.button = element("button", { type: "button", class: "open", tabindex: "-1" },
            nameElement(lock.name, { split: true }));
        this.button.addEventListener("click", () => onOpen(this.#lock.name));
        this.button.addEventListener("focus", () => onFocus(this.#lock.name));
        this.#waiters.append(this.#count, " ", this.#wait);
        this.#waiters.addEventListener("click", () => this.toggleWaiters());
        this.element = element("tr", { role: "row", class: isNew ? "lock fresh" : "lock" },
            element("th", { scope: "row", role: "rowheader", class: "c-name" }, this.button, this.#finding),
            this.#holder,
            this.#age,
            element("td", { role: "cell", class: "c-remaining", "data-label": "Remaining" },
                element("span", { class: "left" }, this.#left, this.#lease), this.#bar),
            this.#renewals,
            this.#token,
            element("td", { role: "cell", class: "c-waiters", "data-label": "Waiters" }, this.#nobody, this.#waiters));
        this.element.lockName = lock.name;
        this.element.addEventListener("click", (event) => {
            // A click on the row opens it as well, unless it was meant for a control or ended a selection of text.
            if (event.target.closest("button") === null && getSelection().isCollapsed) onOpen(this.#lock.name);
        });
        this.details = element("tr", { role: "row", class: "waiters-row", hidden: true },
            element("td", { role: "cell", colspan: Object.keys(orders).length }, this.#list));
        this.#showHolder();
    }

    update(lock, elapsed, isOpened) {
        const before = this.#lock;
        this.#lock = lock;
        if (lock.token !== before.token || lock.owner !== before.owner) {
            this.#showHolder();
            this.element.classList.remove("fresh");
            // Reading the layout makes the browser notice that the class was gone, so that the motion starts again.
            void this.element.offsetWidth;
            this.element.classList.add("fresh");
        }
        setText(this.#renewals, formatCount(lock.renewals));
        setText(this.#token, String(lock.token));
        this.element.classList.toggle("opened", isOpened);
        setAttribute(this.button, "aria-current", isOpened ? "true" : null);
        this.tick(elapsed);
    }

    tick(elapsed) {
        const lock = this.#lock;
        this.#elapsed = elapsed;
        const { remaining, age, oldestWait } = atPresent(lock, elapsed);
        setText(this.#age, formatDuration(age));
        setText(this.#left, formatDuration(remaining));
        setText(this.#lease, ` of ${formatDuration(lock.ttl_ms)}`);
        this.#bar.style.setProperty("--left", String(Math.min(1, remaining / lock.ttl_ms)));
        this.#bar.classList.toggle("low", isUnrenewed(lock));
        const finding = diagnose(lock, elapsed);
        setText(this.#finding, finding?.brief ?? "");
        setAttribute(this.element, "data-level", finding?.level);
        const count = lock.waiters.length;
        this.#nobody.hidden = count > 0;
        this.#waiters.hidden = count === 0;
        if (count > 0) {
            setText(this.#count, formatCount(count));
            setText(this.#wait, formatDuration(oldestWait));
            setAttribute(this.#waiters, "aria-label",
                `${counted(count, "waiter")}, the oldest for ${formatDuration(oldestWait)}. Show who waits`);
        } else if (this.#isOpen) {
            this.toggleWaiters();
        }
        if (this.#isOpen) showWaiters(this.#list, lock.waiters, elapsed, listedWaiters);
    }

    toggleWaiters() {
        if (this.#lock.waiters.length === 0 && !this.#isOpen) return;
        this.#isOpen = !this.#isOpen;
        this.details.hidden = !this.#isOpen;
        setAttribute(this.#waiters, "aria-expanded", String(this.#isOpen));
        if (this.#isOpen) showWaiters(this.#list, this.#lock.waiters, this.#elapsed, listedWaiters);
    }

    remove() {
        this.element.remove();
        this.details.remove();
    }

    #showHolder() {
        replaceChildren(this.#holder, nameElement(this.#lock.owner));
        setAttribute(this.#holder, "title", this.#lock.owner);
    }
}

function numeric(order, label) {
    return element("td", { role: "cell", class: `c-${order} numeric`, "data-label": label });
}

/**
 * Shows who waits in `list`, the longest first; beyond `limit` the rest is counted. The items stay while the queue
 * does, so that an owner can be selected and copied.
 */
export function showWaiters(list, waiters, elapsed, limit) {
    const shown = [...waiters].sort((a, b) => b.age_ms - a.age_ms).slice(0, limit);
    const rest = waiters.length - shown.length;
    const queue = JSON.stringify([shown.map((waiter) => waiter.owner), rest]);
    if (list.shownQueue !== queue) {
        list.shownQueue = queue;
        replaceChildren(list,
            shown.map(({ owner }) =>
                element("li", {}, nameElement(owner), element("span", { class: "waited" }))),
            rest > 0 && element("li", { class: "more" }, `and ${formatCount(rest)} more`));
    }
    shown.forEach((waiter, place) => {
        setText(list.children[place].lastElementChild, formatDuration(waiter.age_ms + elapsed));
    });
}
