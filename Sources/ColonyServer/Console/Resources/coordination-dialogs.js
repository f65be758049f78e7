/** What the pages of semaphores, the registry, and resilience ask before they end or change what others rely on. */

import { Problem } from "./api.js";
import { explained, openDialog, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren } from "./dom.js";
import { formatDuration } from "./text.js";

/**
 * Asks whether to do something that cannot be taken back, and does it.
 *
 * @param {object} parts
 * @param {string} parts.title
 * @param {Array<[string, Node|string]>} parts.facts
 * @param {string[]} parts.does
 * @param {string[]} parts.doesNot
 * @param {string} parts.consent
 * @param {string} parts.action
 * @param {Node|null} [parts.content] What is asked for besides, before the consent.
 * @param {() => Promise<void>} parts.act Looks again right before, and throws if it is not as the operator saw it.
 * @param {() => void} parts.onDone
 */
export function askToEnd({ title, facts, does, doesNot, consent: words, action, content = null, act, onDone }) {
    const consent = element("input", { type: "checkbox", id: "consent" });
    const confirm = element("button", { type: "submit", class: "danger", disabled: true }, action);
    const cancel = element("button", { type: "button", class: "plain" }, "Cancel");
    const outcome = element("div", { class: "outcome" });
    const list = (sentences) => element("ul", {}, sentences.map((sentence) => element("li", {}, sentence)));
    const form = element("form", { method: "dialog" },
        element("dl", { class: "facts" }, facts.map(([label, value]) =>
            element("div", {}, element("dt", {}, label), element("dd", {}, value)))),
        element("h3", {}, "What it does"), list(does),
        element("h3", {}, "What it does not do"), list(doesNot),
        content,
        element("label", { class: "consent", for: "consent" }, consent, element("span", {}, words)),
        outcome,
        element("div", { class: "dialog-actions" }, cancel, confirm));
    const dialog = openDialog("break", title, form);
    cancel.focus();
    consent.addEventListener("change", () => { confirm.disabled = !consent.checked; });
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!consent.checked || confirm.getAttribute("aria-busy") === "true") return;
        confirm.setAttribute("aria-busy", "true");
        outcome.replaceChildren();
        try {
            await act();
            dialog.close();
            onDone();
        } catch (error) {
            replaceChildren(outcome, problemElement(explained(error)));
            consent.checked = false;
            confirm.disabled = true;
            cancel.focus();
        } finally {
            confirm.removeAttribute("aria-busy");
        }
    });
    return dialog;
}

/** Asks whether to evict a holder of permits, and evicts it. The token sees to it that no later grant is ended. */
export function askToEvict({ api, name, holder, onDone }) {
    const path = `/v1/semaphores/${encodeURIComponent(name)}/holders/${encodeURIComponent(holder.owner)}`;
    return askToEnd({
        title: "Evict this holder?",
        facts: [
            ["Semaphore", nameElement(name)], ["Holder", nameElement(holder.owner)],
            ["Permits", String(holder.permits)], ["Token", String(holder.token)],
        ],
        does: ["The daemon ends this grant now. Those who wait get the permits in their turn."],
        doesNot: [
            "It does not stop the holder. The holder learns of it at its next renewal.",
            "Until then it works on, as one more than the limit. Only a resource that checks the fencing token keeps its "
                + "writes out.",
        ],
        consent: "The holder may still be at work, and I want its permits ended all the same.",
        action: "Evict the holder",
        act: () => api.ask("DELETE", `${path}?token=${holder.token}`),
        onDone,
    });
}

/** Asks whether to take a waiter's place in the queue of a semaphore away, and does. */
export function askToEvictWaiter({ api, name, waiter, onDone }) {
    const path = `/v1/semaphores/${encodeURIComponent(name)}`;
    return askToEnd({
        title: "Take this place away?",
        facts: [
            ["Semaphore", nameElement(name)], ["Waiter", nameElement(waiter.owner)],
            ["Permits", String(waiter.permits)], ["Waits for", formatDuration(waiter.age_ms)],
        ],
        does: ["The daemon forgets this place now, and those behind it are no longer held up by it."],
        doesNot: ["It does not stop the waiter: if it lives and asks again, it stands at the end of the queue."],
        consent: "Those who come later may be served first, and I want this place ended all the same.",
        action: "Take the place away",
        act: async () => {
            // A waiter that has been served meanwhile would lose its permits.
            const present = await api.ask("GET", path);
            if (!present.waiters.some(({ owner }) => owner === waiter.owner)) {
                throw new Problem(409, "lost", `“${waiter.owner}” waits no longer. Nothing was ended.`);
            }
            await api.ask("DELETE", `${path}/holders/${encodeURIComponent(waiter.owner)}`);
        },
        onDone,
    });
}

/** Asks whether to remove a record, and removes it if it is still in the version that the operator saw. */
export function askToRemove({ api, group, record, onDone }) {
    const path = `/v1/registry/${encodeURIComponent(group)}/records/${encodeURIComponent(record.key)}`;
    return askToEnd({
        title: "Remove this record?",
        facts: [
            ["Group", nameElement(group)], ["Key", nameElement(record.key)],
            ["Owner", record.owner === undefined ? "nobody" : nameElement(record.owner)],
            ["Version", String(record.version)],
        ],
        does: ["The daemon removes the record now, and wakes all who watch the group."],
        doesNot: [
            record.owner === undefined
                ? "It does not bring back what it said: nobody will write it again by itself."
                : "It does not stop its owner, who writes it again at its next renewal if it lives.",
        ],
        consent: "Programs may rely on this record, and I want it removed all the same.",
        action: "Remove the record",
        act: () => api.ask("DELETE", `${path}?if_version=${record.version}`),
        onDone,
    });
}
