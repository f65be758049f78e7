/** What has happened to a transaction, in sentences: every entry of its journal, and who decided what, when, and why. */

import { element, nameElement, replaceChildren } from "./dom.js";
import { decisionsOf } from "./transaction-timeline.js";
import { states, timeOf } from "./transactions-api.js";
import { formatSpan } from "./text.js";

/** So many entries are shown before somebody asks for all. */
const shownEntries = 40;

const decisionWords = {
    retry: "Retry", skip: "Take the step for done", turn_back: "Turn back", "turn-back": "Turn back", resolve: "Close",
};
const causes = {
    refused: "a participant refused", cancelled: "somebody cancelled it", timed_out: "it took longer than it may",
    decided: "a person decided so", exhausted: "a step has failed as often as it may",
};

/** What was decided: `Close as completed`. */
export function decisionWord({ decision, state }) {
    const word = decisionWords[decision] ?? String(decision);
    return state === undefined ? word : `${word} as ${(states[state] ?? state).toLowerCase()}`;
}

/** One entry as a sentence; the reason stands apart. */
function sentence(entry, kind) {
    const step = nameElement(entry.step ?? "a step");
    const back = { tcc: "cancel", two_phase: "abort" }[kind] ?? "compensation";
    const which = entry.direction === "compensation" ? [`the ${back} of `, step] : [step];
    switch (entry.event) {
    case "started": return [step, " started"];
    case "completed": return [step, " done"];
    case "refused": return [step, " refused"];
    case "failed": return [which, ` gave no answer${entry.attempt === undefined ? "" : ` at attempt ${entry.attempt}`}`];
    case "turned_back": return [`turned back${entry.cause === undefined ? "" : `: ${causes[entry.cause] ?? entry.cause}`}`];
    case "compensated": return [step, kind === "tcc" ? " cancelled" : " undone"];
    case "stuck": return ["stuck at ", which];
    case "intervened": return [element("b", {}, nameElement(entry.by ?? "somebody")), ` decided: ${decisionWord(entry)}`];
    case "finished": return [`ended${entry.state === undefined ? "" : `: ${(states[entry.state] ?? entry.state).toLowerCase()}`}`];
    default: return [entry.event];
    }
}

export class TransactionHistory {
    #decisions = element("ol", { class: "decisions" });
    #noDecision = element("p", { class: "note" }, "Nobody has had to decide anything.");
    #entries = element("ol", { class: "entries" });
    #more = element("button", { type: "button", class: "link", on: { click: () => this.#showAll() } });
    #shown = null;
    #showsAll = false;
    #transaction = null;

    element = element("div", {},
        element("h3", {}, "Decisions"), this.#decisions, this.#noDecision,
        element("h3", {}, "What has happened"), this.#entries, this.#more);

    /** Another transaction is shown. */
    reset() {
        this.#shown = null;
        this.#showsAll = false;
    }

    update(transaction) {
        this.#transaction = transaction;
        const key = `${transaction.id} ${transaction.entries.length} ${this.#showsAll}`;
        if (this.#shown === key) return;
        this.#shown = key;
        const decisions = decisionsOf(transaction);
        this.#noDecision.hidden = decisions.length > 0;
        replaceChildren(this.#decisions, decisions.map(decisionItem));
        const { entries } = transaction;
        const from = this.#showsAll ? 0 : Math.max(0, entries.length - shownEntries);
        this.#more.hidden = from === 0;
        this.#more.textContent = `Show the ${from} before`;
        const start = timeOf(transaction.started_at);
        replaceChildren(this.#entries, entries.slice(from).map((entry) => element("li", { "data-event": entry.event },
            element("time", { title: new Date(timeOf(entry.at)).toLocaleString() }, `+${formatSpan(timeOf(entry.at) - start)}`),
            element("div", {}, element("p", {}, sentence(entry, transaction.kind)),
                [entry.reason, entry.note].filter((text) => text !== undefined && text !== "")
                    .map((text) => element("p", { class: "entry-reason" }, nameElement(text)))))));
    }

    #showAll() {
        this.#showsAll = true;
        this.update(this.#transaction);
    }
}

function decisionItem(entry) {
    return element("li", {},
        element("p", {}, element("span", {}, element("b", {}, nameElement(entry.by ?? "somebody")), `: ${decisionWord(entry)}`),
            element("time", {}, new Date(timeOf(entry.at)).toLocaleString([], {
                dateStyle: "medium", timeStyle: "short", hourCycle: "h23",
            }))),
        entry.note === undefined || entry.note === ""
            ? element("p", { class: "entry-reason" }, "No reason was given.")
            : element("p", { class: "entry-reason" }, nameElement(entry.note)));
}
