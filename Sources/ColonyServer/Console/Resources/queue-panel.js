/** Everything about one queue, beside the table on a wide page and over it on a narrow one. */

import { problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { factsElement } from "./identifier-forms.js";
import { command, shellWord } from "./lock-panel.js";
import { QueueDeadLetters } from "./queue-dead.js";
import { QueueMessages } from "./queue-messages.js";
import { QueueNow, settingsRows } from "./queue-now.js";
import { formatCount } from "./text.js";

/** What can be looked at, in the order of the tabs. */
const tabs = { now: "Now", messages: "Messages", dead: "Dead letters", settings: "Settings" };

/** What does something with a queue in a terminal. */
function commandLine(verb, name) {
    const word = `${name.startsWith("-") ? "-- " : ""}${shellWord(name)}`;
    return `colony queue ${verb.join(" ")} --server ${location.origin} ${word}`;
}

export class QueuePanel {
    #name = null;
    #queue = null;
    #access = null;
    #tab = "now";
    #onTab;
    #title = element("h2", { id: "panel-title", tabindex: "-1" });
    #state = element("p", { class: "panel-state" });
    #advice = element("div", { class: "panel-advice" });
    #buttons = {};
    #refusal = element("p", { class: "note", hidden: true });
    #outcome = element("div", { class: "outcome" });
    #tabButtons = {};
    #views = {};
    #now = new QueueNow();
    #messages;
    #dead;
    #settings = element("div", {});
    #content;

    /**
     * @param {object} parts
     * @param {() => void} parts.onClose
     * @param {() => void} parts.onTab Another tab is shown and wants to be filled.
     * @param {(action: "publish"|"pause"|"purge"|"remove") => void} parts.onAct
     * @param {(name: string, id: number|bigint) => void} parts.onCancel
     * @param {(name: string, ids: Array|null) => void} parts.onRedrive
     * @param {(name: string, ids: Array|null) => void} parts.onDrop
     */
    constructor({ onClose, onTab, onAct, onCancel, onRedrive, onDrop }) {
        this.#onTab = onTab;
        this.#messages = new QueueMessages({ onCancel, onMore: onTab });
        this.#dead = new QueueDeadLetters({ onRedrive, onDrop, onMore: onTab });
        for (const [action, className, label, keys] of [
            ["publish", "plain", "Publish…", "p"], ["pause", "plain", "Pause", null],
            ["purge", "danger quiet", "Purge…", null], ["remove", "danger quiet", "Delete…", null],
        ]) {
            this.#buttons[action] = element("button", {
                type: "button", class: className, "data-action": action, "aria-keyshortcuts": keys,
                on: { click: () => onAct(action) },
            }, label);
        }
        const contents = {
            now: this.#now.element, messages: this.#messages.element, dead: this.#dead.element, settings: this.#settings,
        };
        const list = element("div", { class: "tabs", role: "tablist", "aria-label": "What of this queue" });
        for (const [key, label] of Object.entries(tabs)) {
            this.#tabButtons[key] = element("button", {
                type: "button", role: "tab", id: `tab-${key}`, "aria-controls": `view-${key}`,
                on: { click: () => this.#show(key) },
            }, label, element("span", { class: "count" }));
            list.append(this.#tabButtons[key]);
            this.#views[key] = element("div", {
                role: "tabpanel", id: `view-${key}`, class: "view", "aria-labelledby": `tab-${key}`, tabindex: "-1",
            }, contents[key]);
        }
        list.addEventListener("keydown", (event) => this.#moveTab(event));
        this.#content = element("div", {},
            this.#advice, element("div", { class: "queue-actions" }, Object.values(this.#buttons)), this.#refusal,
            this.#outcome, list, Object.values(this.#views));
        this.element = element("aside", { class: "panel queue-panel", "aria-labelledby": "panel-title", hidden: true },
            element("div", { class: "panel-head" }, this.#title,
                element("button", {
                    type: "button", class: "tool close", on: { click: onClose },
                    "aria-label": "Close the details", "aria-keyshortcuts": "Escape",
                }, "×")),
            this.#state, this.#content);
        this.#drawTabs();
    }

    /** The name that is shown, or `null` while the panel is closed. */
    get name() {
        return this.#name;
    }

    /** The queue that is shown, or `null` if there is none of that name. */
    get queue() {
        return this.#queue;
    }

    /** Which tab is shown. */
    get tab() {
        return this.#tab;
    }

    /** Opens the panel on `name`, and on a tab if one is given that exists. */
    open(name, tab = null) {
        if (tab !== null && tab in tabs) this.#tab = tab;
        this.#drawTabs();
        if (this.#name === name) return;
        this.#name = name;
        this.#queue = null;
        this.element.hidden = false;
        this.element.scrollTop = 0;
        replaceChildren(this.#title, nameElement(name));
        setText(this.#state, "");
        this.#outcome.replaceChildren();
        this.#content.hidden = true;
        this.#messages.open(name);
        this.#dead.open(name);
    }

    focus() {
        this.#title.focus();
    }

    close() {
        this.#name = null;
        this.#queue = null;
        this.element.hidden = true;
    }

    /** Shows what the daemon says now; `null`: there is no queue of that name. */
    update(queue, flow, access) {
        this.#queue = queue;
        this.#access = access;
        this.#content.hidden = queue === null;
        this.#state.hidden = queue !== null;
        if (queue === null) {
            setText(this.#state, "There is no queue of this name.");
            return;
        }
        this.#drawAdvice(queue.finding);
        this.#drawActions(queue);
        const { dead, count } = queue.statistics;
        this.#showCount("messages", count - dead);
        this.#showCount("dead", dead);
        this.#now.update(queue, flow);
        this.#drawSettings(queue);
    }

    /** Says why something that was asked for was refused; `null`: nothing was. */
    tell(problem) {
        replaceChildren(this.#outcome, problem === null ? null : problemElement(problem));
    }

    /** Fills the tab that is shown. */
    async load(api) {
        if (this.#queue === null) return;
        try {
            if (this.#tab === "messages") await this.#messages.load(api, this.#access);
            if (this.#tab === "dead") await this.#dead.load(api, this.#access, this.#queue.statistics.dead);
        } catch (error) {
            // A queue that was deleted meanwhile is told of by the next look at all queues.
            if (error.code !== "unknown_queue") throw error;
        }
    }

    #show(tab) {
        if (tab === this.#tab) return;
        this.#tab = tab;
        this.#drawTabs();
        this.#onTab();
    }

    #moveTab(event) {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        const keys = Object.keys(tabs);
        const next = keys[(keys.indexOf(this.#tab) + step + keys.length) % keys.length];
        this.#show(next);
        this.#tabButtons[next].focus();
    }

    #drawTabs() {
        for (const [key, button] of Object.entries(this.#tabButtons)) {
            setAttribute(button, "aria-selected", String(key === this.#tab));
            setAttribute(button, "tabindex", key === this.#tab ? "0" : "-1");
            this.#views[key].hidden = key !== this.#tab;
        }
    }

    #showCount(tab, count) {
        setText(this.#tabButtons[tab].querySelector(".count"), count === 0 ? "" : ` ${formatCount(count)}`);
    }

    #drawAdvice(finding) {
        this.#advice.dataset.level = finding?.level ?? "";
        const sentences = finding === null ? [] : [finding.reason, finding.advice];
        if (this.#advice.children.length !== sentences.length) {
            replaceChildren(this.#advice, sentences.map(() => element("p", {})));
        }
        sentences.forEach((sentence, place) => setText(this.#advice.children[place], sentence));
    }

    #drawActions(queue) {
        const { count, dead, leased } = queue.statistics;
        const refusal = this.#access.refusal("admin");
        const reasons = {
            publish: this.#access.refusal("write"),
            pause: refusal,
            purge: refusal ?? (count - dead - leased === 0 ? "Nothing is in it that could be removed." : null),
            remove: refusal ?? (count > 0 ? "Only a queue without messages can be deleted." : null),
        };
        setText(this.#buttons.pause, queue.is_paused ? "Resume" : "Pause");
        for (const [action, button] of Object.entries(this.#buttons)) {
            button.disabled = reasons[action] !== null;
            setAttribute(button, "title", reasons[action]);
        }
        this.#refusal.hidden = refusal === null;
        setText(this.#refusal, refusal ?? "");
    }

    #drawSettings(queue) {
        const shown = JSON.stringify([queue.name, queue.settings]);
        if (this.#settings.dataset.shown === shown) return;
        this.#settings.dataset.shown = shown;
        const target = queue.settings.dead_letter_queue;
        replaceChildren(this.#settings, factsElement([
            ...settingsRows(queue),
            ["Dead letters", target === undefined ? "stay parked here" : element("span", {}, "go to ", nameElement(target))],
        ]), element("p", { class: "note" }, "All programs that use the queue declare it with the same settings."),
            element("div", { class: "commands" }, element("h3", {}, "In a terminal"),
                [["inspect"], ["dead", "list"], ["peek"]].map((verb) => command(commandLine(verb, queue.name)))));
    }
}
