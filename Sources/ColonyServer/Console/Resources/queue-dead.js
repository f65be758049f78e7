/** The dead letters of a queue: why each failed, what it carries, and delivering it again or dropping it. */

import { bodyElement, previewElement } from "./body-view.js";
import { element, nameElement, setAttribute, setText, spelledOut } from "./dom.js";
import { factsElement, timeElement } from "./identifier-forms.js";
import { ageText, messageDetails, messageFacts, MessageRows } from "./queue-messages.js";
import { counted, formatCount } from "./text.js";

/** How many are shown before somebody asks for more. */
const pageOfLetters = 20;

export class QueueDeadLetters {
    #name = null;
    #count = pageOfLetters;
    #total = 0;
    #chosen = new Set();
    #onRedrive;
    #onDrop;
    #access = null;
    #state = element("p", { class: "list-state" });
    #refusal = element("p", { class: "note", hidden: true });
    #all = element("input", { type: "checkbox", id: "all-letters" });
    #allText = element("span", {});
    #bar;
    #redrive;
    #drop;
    #more = element("button", { type: "button", class: "plain", hidden: true }, "Show more");
    #rows = new MessageRows((letter) => new LetterRow(letter, {
        onChoose: (id, isChosen) => this.#choose(id, isChosen),
        onRedrive: (id) => this.#onRedrive(this.#name, [id]),
        onDrop: (id) => this.#onDrop(this.#name, [id]),
    }));

    element;

    /**
     * @param {object} parts
     * @param {(name: string, ids: Array<number|bigint|string>|null) => void} parts.onRedrive The operator wants these
     *     delivered again, or with `null` all.
     * @param {(name: string, ids: Array<number|bigint|string>|null) => void} parts.onDrop These are to go.
     * @param {() => void} parts.onMore More is wanted than was asked for.
     */
    constructor({ onRedrive, onDrop, onMore }) {
        this.#onRedrive = onRedrive;
        this.#onDrop = onDrop;
        const button = (className, act) => element("button", {
            type: "button", class: className, on: { click: () => act(this.#name, this.#selection) },
        });
        this.#redrive = button("primary", onRedrive);
        this.#drop = button("danger quiet", onDrop);
        this.#all.addEventListener("change", () => {
            // Choosing the first already changes what the box says of all.
            const { checked } = this.#all;
            for (const row of this.#rows.rows) row.choose(checked);
        });
        this.#more.addEventListener("click", () => {
            this.#count += pageOfLetters;
            onMore();
        });
        this.#bar = element("div", { class: "letters-bar", hidden: true },
            element("label", { for: "all-letters" }, this.#all, this.#allText), this.#redrive, this.#drop);
        this.element = element("div", {}, this.#state, this.#bar, this.#refusal, this.#rows.element, this.#more);
    }

    /** Turns to another queue. */
    open(name) {
        this.#name = name;
        this.#count = pageOfLetters;
        this.#chosen.clear();
        this.#rows.clear();
        this.#bar.hidden = true;
        this.#more.hidden = true;
        setText(this.#state, "");
    }

    /** Asks the daemon for what is shown. */
    async load(api, access, total) {
        const name = this.#name;
        const { rows, hasMore } = await api.deadLetters(name, this.#count);
        if (name !== this.#name) return;
        this.#access = access;
        this.#total = Math.max(total, rows.length);
        const there = new Set(rows.map(({ id }) => String(id)));
        for (const id of this.#chosen) {
            if (!there.has(id)) this.#chosen.delete(id);
        }
        this.#rows.update(rows);
        this.#more.hidden = !hasMore;
        this.#bar.hidden = rows.length === 0;
        setText(this.#state, rows.length === 0 ? "No dead letter is parked here." : "");
        this.#state.hidden = rows.length > 0;
        this.#draw();
    }

    /** Those that are chosen; `null` for all. */
    get #selection() {
        return this.#chosen.size === 0 ? null : [...this.#chosen];
    }

    #choose(id, isChosen) {
        if (isChosen) this.#chosen.add(String(id));
        else this.#chosen.delete(String(id));
        this.#draw();
    }

    #draw() {
        const shown = this.#rows.rows.length;
        const chosen = this.#chosen.size;
        this.#all.checked = shown > 0 && chosen === shown;
        this.#all.indeterminate = chosen > 0 && chosen < shown;
        setText(this.#allText, chosen === 0
            ? shown === 1 ? "Choose it" : `Choose these ${formatCount(shown)}` : `${formatCount(chosen)} chosen`);
        const which = chosen > 0 ? formatCount(chosen) : this.#total === 1 ? "it" : `all ${formatCount(this.#total)}`;
        setText(this.#redrive, `Redrive ${which}…`);
        setText(this.#drop, `Drop ${which}…`);
        const refusal = this.#access?.refusal("admin") ?? null;
        for (const button of [this.#redrive, this.#drop]) {
            button.disabled = refusal !== null;
            setAttribute(button, "title", refusal);
        }
        this.#refusal.hidden = refusal === null;
        setText(this.#refusal, refusal ?? "");
        for (const row of this.#rows.rows) row.allow(refusal);
    }
}

class LetterRow {
    #box;
    #onChoose;
    #buttons;
    #age = element("span", { class: "message-age" });

    constructor(letter, { onChoose, onRedrive, onDrop }) {
        this.#onChoose = (isChosen) => onChoose(letter.id, isChosen);
        this.#box = element("input", { type: "checkbox", "aria-label": `Choose dead letter ${letter.id}` });
        this.#box.addEventListener("change", () => this.#onChoose(this.#box.checked));
        const button = (className, label, act) => element("button", {
            type: "button", class: className, on: { click: () => act(letter.id) },
        }, label);
        this.#buttons = [button("plain", "Redrive it…", onRedrive), button("danger quiet", "Drop it…", onDrop)];
        const summary = [
            element("span", { class: "message-line" },
                element("span", { class: "message-id" }, String(letter.id)),
                element("span", { class: "attempts" }, counted(letter.attempts, "attempt")),
                letter.key === undefined ? null : element("span", { class: "message-key" }, nameElement(letter.key)),
                this.#age),
            element("span", { class: "letter-reason" }, spelledOut(letter.reason)),
            previewElement(letter),
        ];
        this.element = element("li", { "data-id": String(letter.id), class: "letter" }, this.#box,
            messageDetails(summary, () => [
                factsElement([["Died", timeElement(letter.died_at)], ["Came from", nameElement(letter.origin)]]),
                messageFacts(letter), bodyElement(letter), historyElement(letter.history),
                element("div", { class: "row-actions" }, this.#buttons),
            ]));
    }

    update(letter) {
        setText(this.#age, `${ageText(letter.died_at)} ago`);
    }

    choose(isChosen) {
        this.#box.checked = isChosen;
        this.#onChoose(isChosen);
    }

    allow(refusal) {
        for (const button of this.#buttons) {
            button.disabled = refusal !== null;
            setAttribute(button, "title", refusal);
        }
    }
}

function historyElement(history) {
    if (history.length === 0) return null;
    return element("div", { class: "history" },
        element("h4", {}, "What happened"),
        element("ol", {}, history.map(({ attempt, at, reason }) => element("li", {},
            element("span", { class: "history-attempt" }, `Attempt ${attempt}`), timeElement(at),
            element("span", { class: "history-reason" }, spelledOut(reason))))));
}
