/** Rows that stay the same elements while what they show changes, so that focus and selections survive an update. */

export class KeyedRows {
    #parent;
    #make;
    #rows = new Map();
    /** How many elements, such as the head of a table, stand before the rows. */
    #headers;

    /**
     * @param {HTMLElement} parent What it holds already stands before the rows.
     * @param {() => {element: HTMLElement, update: (item: object) => void}} make
     */
    constructor(parent, make) {
        this.#parent = parent;
        this.#make = make;
        this.#headers = parent.childElementCount;
    }

    /** Shows `items` in their order; `key` tells which row is whose. */
    show(items, key) {
        const kept = new Set(items.map(key));
        for (const [name, row] of [...this.#rows]) {
            if (kept.has(name)) continue;
            row.element.remove();
            this.#rows.delete(name);
        }
        items.forEach((item, index) => {
            const name = key(item);
            let row = this.#rows.get(name);
            if (row === undefined) {
                row = this.#make();
                this.#rows.set(name, row);
            }
            row.update(item);
            const place = this.#parent.children[this.#headers + index] ?? null;
            // What is moved loses the focus, so that only what is not in its place is moved.
            if (row.element !== place) this.#parent.insertBefore(row.element, place);
        });
    }
}
