/** What the page of queues asks before it changes something: redriving, dropping, purging, deleting, publishing. */

import { announce, explained, openDialog, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setText } from "./dom.js";
import { counted, formatCount, formatRate } from "./text.js";

/** A button of a dialog. */
function button(className, label, type = "button") {
    return element("button", { type, class: className }, label);
}

/** A field with its label above it, and a note below it. */
function field(label, control, note = null) {
    return element("div", { class: "dialog-field" }, element("label", { for: control.id }, label), control,
        note === null ? null : element("p", { class: "note" }, note));
}

/**
 * A dialog that does something after it was confirmed, and stays open with the reason if it fails.
 *
 * @param {object} parts
 * @param {string} parts.title
 * @param {Array} parts.content
 * @param {Node|string|null} parts.consent What has to be agreed to first; `null` if nothing has to be.
 * @param {HTMLButtonElement} parts.confirm
 * @param {string} [parts.keep] What the button that does nothing says.
 * @param {(report: (text: string) => void, signal: AbortSignal) => Promise<void>} parts.act Ends when it is done. The
 *     signal says that the operator has had enough.
 */
function askTo({ title, content, consent, confirm, keep = "Cancel", act }) {
    const box = element("input", { type: "checkbox", id: "consent" });
    const cancel = button("plain", keep);
    const outcome = element("div", { class: "outcome" });
    const progress = element("p", { class: "progress", role: "status" });
    const form = element("form", { method: "dialog" }, content,
        consent === null
            ? null : element("label", { class: "consent", for: "consent" }, box, element("span", {}, consent)),
        progress, outcome, element("div", { class: "dialog-actions" }, cancel, confirm));
    const dialog = openDialog("ask", title, form);
    let running = null;
    const mayConfirm = () => consent === null || box.checked;
    confirm.disabled = !mayConfirm();
    box.addEventListener("change", () => { confirm.disabled = !mayConfirm(); });
    // While something runs, Cancel and Escape end that first.
    cancel.addEventListener("click", () => (running === null ? dialog.close() : running.abort()));
    dialog.addEventListener("cancel", (event) => {
        if (running === null) return;
        event.preventDefault();
        running.abort();
    });
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (running !== null || !mayConfirm()) return;
        running = new AbortController();
        confirm.disabled = true;
        setText(cancel, "Stop");
        outcome.replaceChildren();
        try {
            await act((text) => setText(progress, text), running.signal);
            dialog.close();
        } catch (error) {
            if (!running.signal.aborted) replaceChildren(outcome, problemElement(explained(error)));
            box.checked = false;
            confirm.disabled = !mayConfirm();
            cancel.focus();
        } finally {
            running = null;
            setText(cancel, keep);
        }
    });
    if (consent !== null) cancel.focus();
    return dialog;
}

/**
 * Repeats what the daemon does in pieces until it is done or the signal says stop.
 *
 * @returns {Promise<number>} How much was done.
 */
async function repeat(step, report, verb, signal) {
    let total = 0;
    for (;;) {
        const { count, more } = await step(signal);
        total += count;
        if (!more) return total;
        report(`${formatCount(total)} ${verb} so far.`);
        signal.throwIfAborted();
    }
}

/** `this dead letter`, `these 3`, `all 12`. */
function these(ids, total) {
    if (ids === null) return total === 1 ? "this dead letter" : `all ${counted(total, "dead letter")}`;
    return ids.length === 1 ? `dead letter ${ids[0]}` : `these ${counted(ids.length, "dead letter")}`;
}

/**
 * Asks where to and how fast, and delivers dead letters again.
 *
 * @param {object} parts
 * @param {import("./queues-api.js").QueuesApi} parts.api
 * @param {object} parts.queue The queue as the operator sees it.
 * @param {Array|null} parts.ids `null` for all.
 * @param {string[]} parts.names The queues that could be meant.
 * @param {() => void} parts.onDone
 */
export function askToRedrive({ api, queue, ids, names, onDone }) {
    const target = element("input", {
        type: "text", id: "redrive-to", list: "redrive-names", maxlength: "255", autocomplete: "off", spellcheck: "false",
        placeholder: "where each came from",
    });
    const rate = element("input", {
        type: "number", id: "redrive-rate", min: "1", max: "1000000", step: "1", placeholder: "as fast as it goes",
    });
    const what = these(ids, queue.statistics.dead);
    return askTo({
        title: `Redrive ${what}?`,
        content: [
            element("p", {}, "They are delivered again, with no attempt counted, from ", nameElement(queue.name),
                ". What made them fail makes them fail again unless it is mended."),
            field("To the queue", target),
            element("datalist", { id: "redrive-names" }, names.map((name) => element("option", { value: name }))),
            field("At most a second", rate, "A rate keeps a consumer that has just recovered from being flooded. "
                + "Closing this page stops it; what is not moved by then stays."),
        ],
        consent: null,
        confirm: button("primary", "Redrive", "submit"),
        act: async (report, signal) => {
            const to = target.value === "" ? null : target.value;
            const perSecond = rate.value === "" ? null : Number(rate.value);
            if (perSecond !== null) report(`At ${formatRate(perSecond)} a second…`);
            const total = await repeat(
                (until) => api.redrive(queue.name, ids, { to, perSecond }, until), report, "moved", signal);
            announce(`${counted(total, "dead letter")} redriven.`);
            onDone();
        },
    });
}

/** Asks, and removes dead letters for good. The parts are as in `askToRedrive`. */
export function askToDrop({ api, queue, ids, onDone }) {
    const what = these(ids, queue.statistics.dead);
    return askTo({
        title: `Drop ${what}?`,
        content: [
            element("dl", { class: "facts" }, fact("Queue", nameElement(queue.name)),
                fact("Dead letters",
                    ids === null ? `all, ${formatCount(queue.statistics.dead)} now` : formatCount(ids.length))),
            element("h3", {}, "What it does"),
            element("ul", {},
                element("li", {}, "They are gone for good, with what they carry, their reasons, and their history."),
                ids === null ? element("li", {}, "Those that die while it runs may be dropped as well.") : null),
        ],
        consent: [
            "I do not need them, and want ", ids === null ? "all dead letters" : what, " of ", nameElement(queue.name),
            " removed.",
        ],
        confirm: button("danger", "Drop", "submit"),
        keep: "Keep them",
        act: async (report, signal) => {
            const total = await repeat((until) => api.drop(queue.name, ids, until), report, "dropped", signal);
            announce(`${counted(total, "dead letter")} dropped.`);
            onDone();
        },
    });
}

/** Asks, and removes all messages that are with no consumer and not dead. */
export function askToPurge({ api, queue, onDone }) {
    const { ready, waiting, delayed, leased, dead } = queue.statistics;
    const count = ready + waiting + delayed;
    return askTo({
        title: "Purge this queue?",
        content: [
            element("dl", { class: "facts" }, fact("Queue", nameElement(queue.name)),
                fact("Removes", `${counted(count, "message")}: ${formatCount(ready)} ready, ${formatCount(waiting)} waiting, `
                    + `${formatCount(delayed)} delayed`),
                fact("Leaves", `${formatCount(leased)} in flight, ${counted(dead, "dead letter")}`)),
            element("h3", {}, "What it does"),
            element("ul", {},
                element("li", {}, "These messages are gone for good. None becomes a dead letter."),
                element("li", {}, "What is published while it runs may be removed as well."),
                element("li", {}, "It does not stop publishers or consumers.")),
        ],
        consent: ["I want the messages of ", nameElement(queue.name), " removed for good."],
        confirm: button("danger", "Purge the queue", "submit"),
        keep: "Keep them",
        act: async (report, signal) => {
            const total = await repeat((until) => api.purge(queue.name, until), report, "removed", signal);
            announce(`${counted(total, "message")} removed.`);
            onDone();
        },
    });
}

/** Asks, and removes a queue that has no messages. */
export function askToDelete({ api, queue, onDone }) {
    return askTo({
        title: "Delete this queue?",
        content: [
            element("dl", { class: "facts" }, fact("Queue", nameElement(queue.name)), fact("Messages", "none")),
            element("ul", {},
                element("li", {}, "Programs that publish to it or receive from it are refused, until one declares it again."),
                element("li", {}, "Its settings and totals are gone. A queue that has messages by then stays.")),
        ],
        consent: ["I want the queue ", nameElement(queue.name), " deleted."],
        confirm: button("danger", "Delete the queue", "submit"),
        keep: "Keep it",
        act: async () => {
            await api.remove(queue.name);
            announce(`The queue ${queue.name} is deleted.`);
            onDone();
        },
    });
}

/** Asks, and takes one message back that is with no consumer. */
export function askToCancel({ api, name, id, onDone }) {
    return askTo({
        title: `Take message ${id} back?`,
        content: [
            element("p", {}, "It is removed from ", nameElement(name), " and is never delivered. Nothing is kept of it."),
        ],
        consent: null,
        confirm: button("danger", "Take it back", "submit"),
        keep: "Keep it",
        act: async () => {
            await api.cancel(name, id);
            announce(`Message ${id} is taken back.`);
            onDone();
        },
    });
}

function fact(label, value) {
    return element("div", {}, element("dt", {}, label), element("dd", {}, value));
}

/** Asks for a message, and publishes it. */
export function askToPublish({ api, queue, onDone }) {
    const body = element("textarea", { id: "publish-body", rows: "6", spellcheck: "false" });
    const isBase64 = element("input", { type: "checkbox", id: "publish-base64" });
    const key = element("input", {
        type: "text", id: "publish-key", maxlength: "255", autocomplete: "off", spellcheck: "false",
    });
    const delay = element("input", { type: "number", id: "publish-delay", min: "0", step: "any", placeholder: "0" });
    const priority = element("input", { type: "number", id: "publish-priority", min: "0", max: "9", placeholder: "4" });
    const headers = element("textarea", {
        id: "publish-headers", rows: "2", spellcheck: "false", placeholder: "content-type: application/json",
    });
    const dialog = askTo({
        title: "Publish a message",
        content: [
            element("p", {}, "To ", nameElement(queue.name), ". Consumers handle it like any other."),
            field("Body", body),
            element("label", { class: "check", for: "publish-base64" }, isBase64, "The body is in base 64"),
            element("div", { class: "dialog-fields" }, field("Key", key), field("Delay in seconds", delay),
                field("Priority, 0 to 9", priority)),
            field("Headers, one a line", headers),
        ],
        consent: null,
        confirm: button("primary", "Publish", "submit"),
        act: async () => {
            const message = isBase64.checked ? { body_base64: body.value.replace(/\s+/g, "") } : { body: body.value };
            if (key.value !== "") message.key = key.value;
            if (delay.value !== "") message.delay_ms = Math.round(Number(delay.value) * 1_000);
            if (priority.value !== "") message.priority = Number(priority.value);
            const lines = headers.value.split("\n").filter((line) => line.trim() !== "");
            if (lines.length > 0) message.headers = Object.fromEntries(lines.map(headerOf));
            const { id } = await api.publish(queue.name, message);
            announce(`Published as message ${id}.`);
            onDone();
        },
    });
    body.focus();
    return dialog;
}

/** `name: value` as a pair. */
function headerOf(line) {
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`The header “${line}” has no colon after its name.`);
    return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}
