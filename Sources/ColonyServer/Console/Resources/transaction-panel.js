/** Everything about one transaction, beside the table on a wide page and over it on a narrow one. */

import { bodyElement } from "./body-view.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { command, shellWord } from "./lock-panel.js";
import { formatDuration } from "./text.js";
import { TransactionChart } from "./transaction-chart.js";
import { TransactionHistory } from "./transaction-history.js";
import { mayTurnBack, timelineOf } from "./transaction-timeline.js";
import { hasEnded, jsonText, kinds, states, timeOf } from "./transactions-api.js";

const verbs = {
    retry: ["Try again…", "plain"], skip: ["Take for done…", "plain"], "turn-back": ["Turn back…", "danger quiet"],
    resolve: ["Close as…", "danger quiet"], cancel: ["Cancel…", "danger quiet"],
};

/** Why each decision is not possible now, or `null` if it is. */
export function obstacles(transaction) {
    const { state, cancel_requested: isCancelled } = transaction;
    const isStuck = state === "stuck";
    const notStuck = isStuck ? null : "Only a transaction that is stuck needs this.";
    return {
        retry: notStuck,
        skip: notStuck,
        "turn-back": notStuck ?? (mayTurnBack(transaction) ? null
            : transaction.entries.some(({ event }) => event === "turned_back") ? "It has turned back already."
                : "A step was begun that cannot be undone."),
        resolve: notStuck,
        cancel: isStuck ? "It is stuck: turn it back, or decide otherwise."
            : hasEnded(transaction) ? "It has ended."
                : state === "compensating" ? "It undoes what was done already."
                    : isCancelled ? "Somebody has cancelled it; it turns back as soon as it can." : null,
    };
}

export class TransactionPanel {
    #id = null;
    #transaction = null;
    #access = null;
    #title = element("h2", { id: "panel-title", tabindex: "-1" });
    #state = element("p", { class: "panel-state" });
    #mark = element("span", { class: "state" });
    #line = element("span");
    #advice = element("div", { class: "panel-advice", "data-level": "stuck" });
    #buttons = {};
    #refusal = element("p", { class: "note", hidden: true });
    #chart = new TransactionChart();
    #history = new TransactionHistory();
    #payload = element("div", { class: "payload" });
    #shownPayload = null;
    #facts = element("dl", { class: "facts" });
    #commands = element("div", { class: "commands" });
    #content;

    /**
     * @param {object} parts
     * @param {() => void} parts.onClose
     * @param {(verb: string) => void} parts.onDecide
     */
    constructor({ onClose, onDecide }) {
        for (const [verb, [label, className]] of Object.entries(verbs)) {
            this.#buttons[verb] = element("button", {
                type: "button", class: className, "data-verb": verb, on: { click: () => onDecide(verb) },
            }, label);
        }
        this.#content = element("div", {},
            this.#advice, element("div", { class: "transaction-actions" }, Object.values(this.#buttons)), this.#refusal,
            element("h3", {}, "Steps"), this.#chart.element, this.#history.element,
            element("h3", {}, "Payload"), this.#payload, element("h3", {}, "Settings"), this.#facts, this.#commands);
        this.element = element("aside", { class: "panel transaction-panel", "aria-labelledby": "panel-title", hidden: true },
            element("div", { class: "panel-head" }, this.#title,
                element("button", {
                    type: "button", class: "tool close", on: { click: onClose },
                    "aria-label": "Close the details", "aria-keyshortcuts": "Escape",
                }, "×")),
            this.#state, this.#content);
    }

    /** The identifier that is shown, or `null` while the panel is closed. */
    get id() {
        return this.#id;
    }

    /** The transaction that is shown, or `null` if there is none of that identifier. */
    get transaction() {
        return this.#transaction;
    }

    /** Opens the panel on `id`. */
    open(id) {
        if (this.#id === id) return;
        this.#id = id;
        this.#transaction = null;
        this.#shownPayload = null;
        this.element.hidden = false;
        this.element.scrollTop = 0;
        replaceChildren(this.#title, nameElement(id));
        this.#state.replaceChildren();
        this.#content.hidden = true;
        this.#chart.reset();
        this.#history.reset();
        const word = `${id.startsWith("-") ? "-- " : ""}${shellWord(id)}`;
        replaceChildren(this.#commands, element("h3", {}, "In a terminal"),
            command(`colony saga inspect --server ${location.origin} ${word}`));
    }

    focus() {
        this.#title.focus();
    }

    close() {
        this.#id = null;
        this.#transaction = null;
        this.element.hidden = true;
    }

    /** Shows what the daemon says now; `null`: there is no transaction of that identifier. */
    update(transaction, access, now) {
        this.#transaction = transaction;
        this.#access = access;
        this.#content.hidden = transaction === null;
        if (transaction === null) {
            replaceChildren(this.#state, "There is no transaction of this identifier, or it ended too long ago.");
            return;
        }
        replaceChildren(this.#state, this.#mark, this.#line);
        setText(this.#mark, states[transaction.state] ?? transaction.state);
        setAttribute(this.#mark, "data-state", transaction.state);
        this.#drawAdvice();
        this.#drawActions();
        this.#history.update(transaction);
        this.#drawPayload();
        this.tick(now);
    }

    /** Moves the clocks on. */
    tick(now) {
        if (this.#transaction === null) return;
        const { kind, name, changed_at: changed, state } = this.#transaction;
        setText(this.#line, `${kinds[kind] ?? kind} ${name}, ${state === "stuck" ? "for" : "last change"} `
            + `${formatDuration(now - timeOf(changed))}${state === "stuck" ? "" : " ago"}`);
        this.#chart.update(timelineOf(this.#transaction, now));
    }

    #drawAdvice() {
        const { trouble, state, cancel_requested: isCancelled } = this.#transaction;
        const shown = JSON.stringify([trouble, state, isCancelled]);
        if (this.#advice.dataset.shown === shown) return;
        this.#advice.dataset.shown = shown;
        if (state === "stuck") {
            const way = trouble?.direction === "compensation" ? "The compensation of " : "";
            replaceChildren(this.#advice,
                element("p", {}, trouble === undefined ? "It is not told where it stopped."
                    : [way, element("b", {}, nameElement(trouble.step)), ": ", nameElement(trouble.reason)]),
                element("p", {}, "It goes on when somebody decides: try again, take the step for done, turn back, or close it."));
        } else {
            replaceChildren(this.#advice, state === "running" && isCancelled
                ? element("p", {}, "Somebody has cancelled it. It turns back as soon as no call is under way, unless the pivot was begun.")
                : null);
        }
    }

    #drawActions() {
        const reasons = obstacles(this.#transaction);
        // Whoever may start a transaction may take it back; what is stuck is for those who may do all.
        const refusal = this.#access.refusal(this.#transaction.state === "stuck" ? "admin" : "write");
        for (const [verb, button] of Object.entries(this.#buttons)) {
            const reason = refusal ?? reasons[verb];
            // What can never be asked of it any more needs no room.
            button.hidden = verb === "cancel" ? this.#transaction.state !== "running" : this.#transaction.state !== "stuck";
            button.disabled = reason !== null;
            setAttribute(button, "title", reason);
        }
        const isOpen = Object.values(this.#buttons).some((button) => !button.hidden);
        this.#refusal.hidden = refusal === null || !isOpen;
        setText(this.#refusal, refusal ?? "");
    }

    #drawPayload() {
        const { payload, input_base64: base64, definition, coordinator, timeout_ms: limit, id } = this.#transaction;
        const shown = `${id} ${String(coordinator)}`;
        if (this.#shownPayload === shown) return;
        this.#shownPayload = shown;
        replaceChildren(this.#payload, bodyElement(base64 === undefined ? { body: jsonText(payload ?? null) } : { body_base64: base64 }));
        const rows = [
            ["Definition", element("span", {}, nameElement(definition.name), ` version ${definition.version}`)],
            ["Time limit", limit === undefined ? "none" : formatDuration(limit)],
            ["Coordinator", coordinator === undefined ? "none works on it" : `number ${coordinator}`],
        ];
        replaceChildren(this.#facts, rows.map(([label, value]) =>
            element("div", {}, element("dt", {}, label), element("dd", {}, value))));
    }
}
