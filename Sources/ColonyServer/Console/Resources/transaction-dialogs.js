/** What the page of transactions asks before somebody decides: who, why, and what will happen. */

import { announce, explained, openDialog, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren } from "./dom.js";
import { rememberedName, rememberName } from "./operator-name.js";

/** The name that a journal keeps has so many bytes at the most, and the note so many characters. */
const longestName = 255;
const longestNote = 1_000;

/** What each decision does, by its verb. */
const decisions = {
    retry: {
        title: "Try again?",
        action: "Try again",
        does: ({ step, way }) => [
            `${way === "action" ? "The step" : "The compensation"} “${step}” is called again, with the same key, as often as at first.`,
            "After that the transaction goes on by itself.",
        ],
        doesNot: ["It does not mend what made it stop. If that is as it was, the transaction is stuck again."],
    },
    skip: {
        title: "Take the step for done?",
        action: "Take it for done",
        consent: ({ step }) => ["I have seen to it that “", nameElement(step), "” is done, and nobody has to be called for it."],
        does: ({ step, way }) => [
            way === "action"
                ? `“${step}” counts as done, with the output below, and the steps after it are called.`
                : `What “${step}” did counts as undone, and what came before it is undone next.`,
        ],
        doesNot: ["It calls nobody for this step. What is not done in truth stays so, and nobody will look again."],
    },
    "turn-back": {
        title: "Turn the transaction back?",
        action: "Turn it back",
        does: () => ["Each step that was begun is compensated, the latest first, until none has an effect any more."],
        doesNot: [
            "It cannot be turned forward again.",
            "It does not undo what has no compensation, such as what a participant told others meanwhile.",
        ],
        consent: () => ["I want what was done undone."],
    },
    resolve: {
        title: "Close it as it is?",
        action: "Close it",
        does: () => ["The transaction ends now, under the name that you choose. Nobody is called any more."],
        doesNot: ["It does and undoes nothing. What is half done stays half done, unless you have seen to it."],
        consent: () => ["I have seen to each step by other means, and nobody has to be called."],
    },
    cancel: {
        title: "Cancel this transaction?",
        action: "Cancel the transaction",
        keep: "Keep it going",
        does: () => ["It turns back as soon as no call is under way: what was done is undone, the latest first."],
        doesNot: ["It does not break off a call that is under way.", "Past the pivot it does nothing: then the transaction goes on to its end."],
        consent: () => ["I want what was done undone."],
    },
};

function field(label, control, note = null) {
    return element("div", { class: "dialog-field" }, element("label", { for: control.id }, label), control,
        note === null ? null : element("p", { class: "note" }, note));
}

function fact(label, value) {
    return element("div", {}, element("dt", {}, label), element("dd", {}, value));
}

/** What skipping an action and closing need besides. */
function extraOf(verb, transaction) {
    if (verb === "skip" && transaction.trouble?.direction !== "compensation") {
        const output = element("textarea", { id: "decision-output", rows: "3", spellcheck: "false", placeholder: "{}" });
        return {
            content: field("Output of the step, as JSON", output,
                "What the step would have answered; later steps may read it. It may be empty."),
            members: () => {
                if (output.value.trim() === "") return {};
                try {
                    JSON.parse(output.value);
                } catch {
                    throw new Error(`The output “${output.value.slice(0, 80)}” is not JSON.`);
                }
                return { output: output.value };
            },
        };
    }
    if (verb === "resolve") {
        const choice = (value, label, note) => element("label", { class: "choice" },
            element("input", { type: "radio", name: "end", value, required: true }),
            element("span", {}, element("b", {}, label), element("span", { class: "note" }, note)));
        const fields = element("fieldset", { class: "choices" }, element("legend", {}, "Close it as"),
            choice("completed", "Completed", "All of its steps were done."),
            choice("compensated", "Undone", "None of its steps has an effect any more."));
        return {
            content: fields,
            members: () => ({ state: fields.querySelector("input:checked").value }),
        };
    }
    return { content: null, members: () => ({}) };
}

/**
 * Asks who decides and why, and decides.
 *
 * @param {object} parts
 * @param {import("./transactions-api.js").TransactionsApi} parts.api
 * @param {"retry"|"skip"|"turn-back"|"resolve"|"cancel"} parts.verb
 * @param {object} parts.transaction As the operator sees it.
 * @param {string|null} parts.tokenName Under which name the daemon writes it down; `null` if it asks for none.
 * @param {(transaction: object) => void} parts.onDone
 */
export function askToDecide({ api, verb, transaction, tokenName, onDone }) {
    const words = decisions[verb];
    const { trouble } = transaction;
    const place = { step: trouble?.step ?? "", way: trouble?.direction ?? "action" };
    const name = element("input", {
        type: "text", id: "decision-by", maxlength: longestName, autocomplete: "name", spellcheck: "false", required: true,
        value: rememberedName(),
    });
    const note = element("textarea", { id: "decision-note", rows: "2", maxlength: longestNote });
    const { content, members } = extraOf(verb, transaction);
    const consent = words.consent === undefined ? null : element("input", { type: "checkbox", id: "consent" });
    const confirm = element("button", {
        type: "submit", class: verb === "retry" ? "primary" : "danger", disabled: consent !== null,
    }, words.action);
    const keep = element("button", { type: "button", class: "plain" }, words.keep ?? "Cancel");
    const outcome = element("div", { class: "outcome" });
    const list = (sentences) => element("ul", {}, sentences.map((sentence) => element("li", {}, sentence)));
    const form = element("form", { method: "dialog" },
        element("dl", { class: "facts" },
            fact("Transaction", nameElement(transaction.id)),
            trouble === undefined ? null : fact("Stuck at", element("span", {},
                place.way === "compensation" ? "the compensation of " : "", nameElement(trouble.step))),
            trouble === undefined ? null : fact("Because", nameElement(trouble.reason))),
        element("h3", {}, "What it does"), list(words.does(place)),
        element("h3", {}, "What it does not do"), list(words.doesNot),
        content,
        tokenName === null
            ? field("Your name", name)
            : element("p", { class: "note" }, "It is written down under the name of your token, ", nameElement(tokenName), "."),
        field("Why", note, "Whoever looks at the transaction later reads it."),
        consent === null ? null : element("label", { class: "consent", for: "consent" }, consent,
            element("span", {}, words.consent(place))),
        outcome, element("div", { class: "dialog-actions" }, keep, confirm));
    const dialog = openDialog("ask decide", words.title, form);
    dialog.scrollTop = 0;
    keep.addEventListener("click", () => dialog.close());
    consent?.addEventListener("change", () => { confirm.disabled = !consent.checked; });
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (confirm.disabled || confirm.getAttribute("aria-busy") === "true") return;
        confirm.setAttribute("aria-busy", "true");
        outcome.replaceChildren();
        try {
            const by = tokenName === null ? name.value.trim() : "";
            if (tokenName === null) rememberName(by);
            const present = await api.decide(transaction.id, verb, { by, note: note.value.trim(), ...members() });
            dialog.close();
            announce(`Decided about ${transaction.id}: ${words.action.toLowerCase()}.`);
            onDone(present);
        } catch (error) {
            replaceChildren(outcome, problemElement(explained(error)));
            if (consent !== null) {
                consent.checked = false;
                confirm.disabled = true;
            }
            keep.focus();
        } finally {
            confirm.removeAttribute("aria-busy");
        }
    });
    return dialog;
}
