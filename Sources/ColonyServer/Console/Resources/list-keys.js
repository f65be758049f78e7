/** How the keyboard moves between the filter, the rows, and the details of a page with a list. */

export class ListKeys {
    #filter;
    #table;
    #panel;
    #opened;
    #open;
    #close;
    #empty;
    #actions;

    /**
     * @param {object} parts
     * @param {HTMLInputElement} parts.filter
     * @param {object} parts.table Has `current`, `hasFocus`, `neighbour(step)`, and `focus(key)`.
     * @param {HTMLElement} parts.panel The element with the details.
     * @param {() => string|null} parts.opened Which row's details are shown.
     * @param {(key: string, withFocus: boolean) => void} parts.open
     * @param {() => void} parts.close
     * @param {() => void} parts.empty Told when the filter was emptied.
     * @param {Object<string, () => void>} parts.actions Further keys.
     */
    constructor({ filter, table, panel, opened, open, close, empty, actions }) {
        this.#filter = filter;
        this.#table = table;
        this.#panel = panel;
        this.#opened = opened;
        this.#open = open;
        this.#close = close;
        this.#empty = empty;
        this.#actions = {
            "/": () => filter.focus(),
            j: () => this.#move(1), ArrowDown: () => this.#move(1),
            k: () => this.#move(-1), ArrowUp: () => this.#move(-1),
            Escape: () => this.#escape(),
            ...actions,
        };
    }

    /** @returns {boolean} Whether the key meant something. */
    key(event) {
        const action = this.#actions[event.key];
        // In the details the arrows scroll.
        const scrolls = event.key.startsWith("Arrow") && this.#panel.contains(document.activeElement);
        if (action === undefined || scrolls) return false;
        action();
        return true;
    }

    /** Escape works inside the filter too: it empties it, then leaves it. */
    escapeFromField() {
        if (document.activeElement !== this.#filter) {
            this.#escape();
        } else if (this.#filter.value !== "") {
            this.#filter.value = "";
            this.#empty();
        } else if (this.#table.current !== null) {
            this.#table.focus(this.#table.current);
        } else {
            this.#filter.blur();
        }
    }

    /** Arrow down in the filter goes to the first row. */
    leaveFieldDown() {
        if (document.activeElement === this.#filter && this.#table.current !== null) this.#table.focus(this.#table.current);
    }

    /** After the details of `key` were closed: back to its row, or to another one if it is gone. */
    returnTo(key) {
        if (key !== null && !this.#table.focus(key)) this.#table.focus(this.#table.current);
    }

    #escape() {
        if (this.#opened() !== null) this.#close();
    }

    #move(step) {
        // The first key only shows where the keyboard is.
        const isEntering = !this.#table.hasFocus && this.#opened() === null;
        const key = isEntering ? this.#table.current : this.#table.neighbour(step);
        if (key === null || !this.#table.focus(key)) return;
        if (this.#opened() !== null) this.#open(key, false);
    }
}
