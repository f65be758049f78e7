/** The table of transactions: one row each, kept in place over updates so that focus and selection survive. */

import { element, nameElement, setAttribute, setText } from "./dom.js";
import { hasEnded, kinds, states, timeOf } from "./transactions-api.js";
import { formatDuration, formatSpan } from "./text.js";

const columns = { state: "State", kind: "Kind", started: "Started", changed: "Last change", took: "Took" };

// Roles are spelled out because the narrow layout changes `display`, which would take them away.
export class TransactionTable {
    #rows = new Map();
    #body = element("tbody", { role: "rowgroup" });
    #current = null;
    #onOpen;

    /**
     * @param {object} parts
     * @param {(id: string) => void} parts.onOpen The operator wants to see one transaction.
     */
    constructor({ onOpen }) {
        this.#onOpen = onOpen;
        const header = (key, label) => element("th", { scope: "col", role: "columnheader", class: `t-${key}` }, label);
        this.element = element("table", { class: "transactions", role: "table", "aria-label": "Transactions" },
            element("thead", { role: "rowgroup" }, element("tr", { role: "row" },
                header("id", "Transaction"), Object.entries(columns).map(([key, label]) => header(key, label)))),
            this.#body);
    }

    /** Shows `transactions` in this order. */
    update(transactions, { opened, now }) {
        const focused = this.#focusedID;
        const ids = new Set(transactions.map(({ id }) => id));
        for (const [id, row] of this.#rows) {
            if (ids.has(id)) continue;
            row.element.remove();
            this.#rows.delete(id);
        }
        let place = this.#body.firstElementChild;
        for (const transaction of transactions) {
            let row = this.#rows.get(transaction.id);
            if (row === undefined) {
                row = new TransactionRow(transaction, { onOpen: this.#onOpen, onFocus: (id) => this.mark(id) });
                this.#rows.set(transaction.id, row);
            }
            row.update(transaction, transaction.id === opened, now);
            if (row.element === place) place = place.nextElementSibling;
            else this.#body.insertBefore(row.element, place);
        }
        this.#setCurrent(this.#rows.has(this.#current) ? this.#current : transactions[0]?.id ?? null);
        // A row that moved in the document lost its focus on the way.
        if (focused !== null && this.#focusedID === null) this.focus(focused);
    }

    /** Moves the clocks on. */
    tick(now) {
        for (const row of this.#rows.values()) row.tick(now);
    }

    /** The row that the keyboard is on, or `null` if there is none. */
    get current() {
        return this.#current;
    }

    /** Puts the keyboard on the row of `id`. @returns {boolean} Whether there is one. */
    focus(id) {
        const row = this.#rows.get(id);
        if (row === undefined) return false;
        this.#setCurrent(id);
        row.button.focus();
        return true;
    }

    /** Makes `id` the row from which the keyboard goes on, without moving the focus. */
    mark(id) {
        if (this.#rows.has(id)) this.#setCurrent(id);
    }

    /** Whether the keyboard is on a row. */
    get hasFocus() {
        return this.#focusedID !== null;
    }

    /** The identifier `step` rows away from the current one, or `null` past the end. */
    neighbour(step) {
        const ids = [...this.#body.children].map((row) => row.transactionID);
        return ids[ids.indexOf(this.#current) + step] ?? null;
    }

    get #focusedID() {
        return document.activeElement?.closest?.("tr.transaction")?.transactionID ?? null;
    }

    #setCurrent(id) {
        this.#current = id;
        for (const [key, row] of this.#rows) row.button.tabIndex = key === id ? 0 : -1;
    }
}

class TransactionRow {
    #transaction;
    #cells = {};
    #state = element("span", { class: "state" });

    constructor({ id, name }, { onOpen, onFocus }) {
        this.button = element("button", { type: "button", class: "open", tabindex: "-1" }, nameElement(id, { split: true }));
        this.button.addEventListener("click", () => onOpen(id));
        this.button.addEventListener("focus", () => onFocus(id));
        for (const [key, label] of Object.entries(columns)) {
            this.#cells[key] = element("td", { role: "cell", class: `t-${key}`, "data-label": label });
        }
        this.#cells.state.append(this.#state);
        this.element = element("tr", { role: "row", class: "transaction" },
            element("th", { scope: "row", role: "rowheader", class: "t-id" }, this.button,
                element("span", { class: "t-name" }, nameElement(name))),
            Object.values(this.#cells));
        this.element.transactionID = id;
        this.element.addEventListener("click", (event) => {
            // A click on the row opens it as well, unless it was meant for a control or ended a selection of text.
            if (event.target.closest("button") === null && getSelection().isCollapsed) onOpen(id);
        });
    }

    update(transaction, isOpened, now) {
        this.#transaction = transaction;
        const { state, kind } = transaction;
        setText(this.#state, states[state] ?? state);
        setAttribute(this.#state, "data-state", state);
        setText(this.#cells.kind, kinds[kind] ?? kind);
        setAttribute(this.element, "data-level", state === "stuck" ? "stuck" : null);
        this.element.classList.toggle("opened", isOpened);
        setAttribute(this.button, "aria-current", isOpened ? "true" : null);
        this.tick(now);
    }

    tick(now) {
        const [started, changed] = [timeOf(this.#transaction.started_at), timeOf(this.#transaction.changed_at)];
        setText(this.#cells.started, `${formatDuration(now - started)} ago`);
        setText(this.#cells.changed, `${formatDuration(now - changed)} ago`);
        setText(this.#cells.took, hasEnded(this.#transaction) ? formatSpan(changed - started) : "–");
    }
}
