/** The next messages of a queue: where each stands, what is in it, and taking one back. */

import { bodyElement, previewElement } from "./body-view.js";
import { factsElement, timeElement } from "./identifier-forms.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { formatDuration } from "./text.js";

/** How many are shown before somebody asks for more. */
const pageOfMessages = 20;

const standingWords = { ready: "ready", waiting: "waiting", delayed: "delayed", leased: "in flight" };

/** A list of rows by the number of their message, kept in place over updates so that what is open stays open. */
export class MessageRows {
    #rows = new Map();
    #make;

    element = element("ul", { class: "messages" });

    /** @param {(message: object) => {element: Element, update: (message: object) => void}} make Makes a row. */
    constructor(make) {
        this.#make = make;
    }

    /** Shows these messages in this order. */
    update(messages) {
        const ids = new Set(messages.map(({ id }) => String(id)));
        for (const [id, row] of this.#rows) {
            if (ids.has(id)) continue;
            row.element.remove();
            this.#rows.delete(id);
        }
        let place = this.element.firstElementChild;
        for (const message of messages) {
            const id = String(message.id);
            if (!this.#rows.has(id)) this.#rows.set(id, this.#make(message));
            const row = this.#rows.get(id);
            row.update(message);
            if (row.element === place) place = place.nextElementSibling;
            else this.element.insertBefore(row.element, place);
        }
    }

    get rows() {
        return [...this.#rows.values()];
    }

    clear() {
        this.update([]);
    }
}

/** What opens under a message: made when it is opened first. */
export function messageDetails(summary, content) {
    const details = element("details", {}, element("summary", {}, summary));
    details.addEventListener("toggle", () => {
        if (!details.open || details.children.length > 1) return;
        details.append(element("div", { class: "message-details" }, content()));
    });
    return details;
}

/** The rows that living messages and dead letters have in common. */
export function messageFacts(message) {
    const rows = [["Published", timeElement(message.published_at)]];
    if (message.key !== undefined) rows.push(["Key", nameElement(message.key)]);
    rows.push(["Priority", String(message.priority)]);
    if (message.dedup_id !== undefined) rows.push(["Deduplication", nameElement(message.dedup_id)]);
    for (const [name, value] of Object.entries(message.headers)) rows.push([nameElement(name), nameElement(value)]);
    return factsElement(rows);
}

/** For how long a message is there, by the clock of this computer. */
export function ageText(time) {
    return formatDuration(Date.now() - Date.parse(time));
}

export class QueueMessages {
    #name = null;
    #count = pageOfMessages;
    #onCancel;
    #onMore;
    #access = null;
    #state = element("p", { class: "list-state" });
    #more = element("button", { type: "button", class: "plain", hidden: true }, "Show more");
    #rows = new MessageRows((message) => new MessageRow(message, (id) => this.#onCancel(this.#name, id)));

    element;

    /**
     * @param {object} parts
     * @param {(name: string, id: number|bigint) => void} parts.onCancel The operator wants to take a message back.
     * @param {() => void} parts.onMore More is wanted than was asked for.
     */
    constructor({ onCancel, onMore }) {
        this.#onCancel = onCancel;
        this.#onMore = onMore;
        this.#more.addEventListener("click", () => {
            this.#count += pageOfMessages;
            this.#onMore();
        });
        this.element = element("div", {}, this.#state, this.#rows.element, this.#more);
    }

    /** Turns to another queue. */
    open(name) {
        this.#name = name;
        this.#count = pageOfMessages;
        this.#rows.clear();
        setText(this.#state, "");
        this.#more.hidden = true;
    }

    /** Asks the daemon for what is shown. */
    async load(api, access) {
        const name = this.#name;
        const { rows, hasMore } = await api.messages(name, this.#count);
        if (name !== this.#name) return;
        this.#access = access;
        this.#rows.update(rows);
        for (const row of this.#rows.rows) row.allow(this.#access);
        this.#more.hidden = !hasMore;
        setText(this.#state, rows.length === 0
            ? "No message is in it that is not dead."
            : "In the order of publishing. Looking does not count as an attempt.");
    }
}

class MessageRow {
    #standing = element("span", { class: "standing" });
    #age = element("span", { class: "message-age" });
    #cancel;
    #refusal = element("span", { class: "note" });
    #isLeased = false;

    constructor(message, onCancel) {
        this.#cancel = element("button", {
            type: "button", class: "plain", on: { click: () => onCancel(message.id) },
        }, "Take it back…");
        const summary = [
            element("span", { class: "message-line" },
                element("span", { class: "message-id" }, String(message.id)), this.#standing,
                message.key === undefined ? null : element("span", { class: "message-key" }, nameElement(message.key)),
                this.#age),
            previewElement(message),
        ];
        this.element = element("li", { "data-id": String(message.id) }, messageDetails(summary, () => [
            messageFacts(message), bodyElement(message),
            element("div", { class: "row-actions" }, this.#cancel, this.#refusal),
        ]));
    }

    update(message) {
        this.#isLeased = message.standing === "leased";
        setText(this.#standing, standingWords[message.standing] ?? message.standing);
        setAttribute(this.#standing, "data-standing", message.standing);
        setText(this.#age, ageText(message.published_at));
    }

    allow(access) {
        const reason = access.refusal("write") ?? (this.#isLeased ? "It is with a consumer." : null);
        this.#cancel.disabled = reason !== null;
        setAttribute(this.#cancel, "title", reason);
        setText(this.#refusal, reason ?? "");
    }
}
