/** The table of queues: one row per queue, kept in place over updates so that focus and selection survive. */

import { element, nameElement, setAttribute, setText } from "./dom.js";
import { queueOrders } from "./queue-book.js";
import { usedShare } from "./queue-diagnosis.js";
import { formatCount, formatDuration, formatPercent, formatRate } from "./text.js";

/** What a cell says, by column. `null` says that nothing is there to tell. */
const cells = {
    ready: ({ statistics }) => formatCount(statistics.ready),
    waiting: ({ statistics }) => formatCount(statistics.waiting),
    delayed: ({ statistics }) => formatCount(statistics.delayed),
    leased: ({ statistics }) => formatCount(statistics.leased),
    dead: ({ statistics }) => formatCount(statistics.dead),
    oldest: ({ oldest_age_ms: age, statistics }) => age === undefined || statistics.ready === 0
        ? null : formatDuration(age),
    published: rate("published"),
    delivered: rate("delivered"),
    acknowledged: rate("acknowledged"),
};

function rate(counter) {
    return ({ flow }) => flow.rates === null ? null : formatRate(flow.rates[counter]);
}

/** What is said where there is nothing to tell. */
const blank = "–";

// Roles are spelled out because the narrow layout changes `display`, which would take them away.
export class QueueTable {
    #rows = new Map();
    #body = element("tbody", { role: "rowgroup" });
    #headers = {};
    #current = null;
    #onOpen;

    /**
     * @param {object} parts
     * @param {(name: string) => void} parts.onOpen The operator wants to see one queue.
     * @param {(order: string) => void} parts.onSort The operator chose a column.
     */
    constructor({ onOpen, onSort }) {
        this.#onOpen = onOpen;
        const headers = Object.entries(queueOrders).map(([order, { label }]) => {
            const click = () => onSort(order);
            const button = element("button", { type: "button", class: "sort", on: { click } }, label);
            this.#headers[order] = element("th", { scope: "col", role: "columnheader", class: `q-${order}` }, button);
            return this.#headers[order];
        });
        this.element = element("table", { class: "queues", role: "table", "aria-label": "Queues" },
            element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, headers)), this.#body);
    }

    /** Shows `queues` in this order. */
    update(queues, { sort, descending, opened }) {
        for (const [order, header] of Object.entries(this.#headers)) {
            setAttribute(header, "aria-sort", order === sort ? (descending ? "descending" : "ascending") : null);
        }
        const focused = this.#focusedName;
        const names = new Set(queues.map((queue) => queue.name));
        for (const [name, row] of this.#rows) {
            if (names.has(name)) continue;
            row.element.remove();
            this.#rows.delete(name);
        }
        let place = this.#body.firstElementChild;
        for (const queue of queues) {
            let row = this.#rows.get(queue.name);
            if (row === undefined) {
                row = new QueueRow(queue.name, { onOpen: this.#onOpen, onFocus: (name) => this.mark(name) });
                this.#rows.set(queue.name, row);
            }
            row.update(queue, queue.name === opened);
            if (row.element === place) place = place.nextElementSibling;
            else this.#body.insertBefore(row.element, place);
        }
        this.#setCurrent(this.#rows.has(this.#current) ? this.#current : queues[0]?.name ?? null);
        // A row that moved in the document lost its focus on the way.
        if (focused !== null && this.#focusedName === null) this.focus(focused);
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
        const names = [...this.#body.children].map((row) => row.queueName);
        return names[names.indexOf(this.#current) + step] ?? null;
    }

    get #focusedName() {
        return document.activeElement?.closest?.("tr.queue")?.queueName ?? null;
    }

    #setCurrent(name) {
        this.#current = name;
        for (const [key, row] of this.#rows) row.button.tabIndex = key === name ? 0 : -1;
    }
}

class QueueRow {
    #finding = element("span", { class: "finding" });
    #mark = element("span", { class: "paused-mark", hidden: true }, "paused");
    #values = {};
    #used = element("span", { class: "used-text" });
    #bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", { class: "bar-fill" }));

    constructor(name, { onOpen, onFocus }) {
        this.button = element("button", { type: "button", class: "open", tabindex: "-1" },
            nameElement(name, { split: true }));
        this.button.addEventListener("click", () => onOpen(name));
        this.button.addEventListener("focus", () => onFocus(name));
        for (const column of Object.keys(cells)) {
            this.#values[column] = element("td", {
                role: "cell", class: `q-${column} numeric`, "data-label": queueOrders[column].label,
            });
        }
        this.element = element("tr", { role: "row", class: "queue" },
            element("th", { scope: "row", role: "rowheader", class: "q-name" },
                element("span", { class: "queue-title" }, this.button, this.#mark), this.#finding),
            Object.values(this.#values),
            element("td", { role: "cell", class: "q-used", "data-label": queueOrders.used.label },
                this.#used, this.#bar));
        this.element.queueName = name;
        this.element.addEventListener("click", (event) => {
            // A click on the row opens it as well, unless it was meant for a control or ended a selection of text.
            if (event.target.closest("button") === null && getSelection().isCollapsed) onOpen(name);
        });
    }

    update(queue, isOpened) {
        for (const [column, cell] of Object.entries(this.#values)) {
            const text = cells[column](queue) ?? blank;
            setText(cell, text);
            cell.classList.toggle("nothing-there", text === "0" || text === blank);
        }
        const share = usedShare(queue);
        setText(this.#used, share > 0 && share < 0.0005 ? "<\u202F0.1\u202F%" : formatPercent(share));
        this.#bar.style.setProperty("--left", String(share));
        this.#bar.classList.toggle("low", share >= 0.8);
        // The finding says it as well, where it is the most urgent one.
        this.#mark.hidden = !queue.is_paused || queue.finding?.kind === "paused";
        setText(this.#finding, queue.finding?.brief ?? "");
        setAttribute(this.element, "data-level", queue.finding?.level);
        this.element.classList.toggle("opened", isOpened);
        setAttribute(this.button, "aria-current", isOpened ? "true" : null);
    }
}
