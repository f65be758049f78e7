/** What the console asks and explains in a dialog: breaking a lock, a bearer token, help. */

import { Problem } from "./api.js";
import { element, nameElement, replaceChildren, setText } from "./dom.js";
import { counted, formatDuration } from "./text.js";

/** A modal dialog that takes itself out of the document when it closes, and gives the focus back. */
export function openDialog(className, title, ...content) {
    const before = document.activeElement;
    const heading = element("h2", { id: "dialog-title" }, title);
    const dialog = element("dialog", { class: className, "aria-labelledby": "dialog-title" }, heading, content);
    dialog.addEventListener("close", () => {
        dialog.remove();
        if (before?.isConnected) before.focus();
    });
    document.body.append(dialog);
    dialog.showModal();
    return dialog;
}

/** A problem in words: what it says, and its code for those who look it up. */
export function problemElement(problem) {
    return element("p", { class: "problem", role: "alert" },
        element("strong", {}, problem.detail), " ", element("code", {}, problem.code));
}

/**
 * Asks whether to break a lock, and breaks it.
 *
 * The daemon breaks whatever grant it finds, so the dialog looks again right before: if the lock has passed on since
 * the operator looked at it, nothing is broken.
 *
 * @param {object} parts
 * @param {import("./api.js").Api} parts.api
 * @param {object} parts.lock The lock as the operator sees it.
 * @param {(broken: object) => void} parts.onBroken
 */
export function askToBreak({ api, lock, onBroken }) {
    const consent = element("input", { type: "checkbox", id: "consent" });
    const confirm = element("button", { type: "submit", class: "danger", disabled: true }, "Break the lock");
    const cancel = element("button", { type: "button", class: "plain" }, "Cancel");
    const outcome = element("div", { class: "outcome" });
    const next = lock.waiters.length === 0
        ? "Nobody waits for it now; whoever asks first gets it, with a greater token."
        : lock.waiters.length === 1
            ? "The one who waits gets it at once, with a greater token."
            : `The first of ${counted(lock.waiters.length, "waiter")} gets it at once, with a greater token.`;
    const form = element("form", { method: "dialog" },
        element("dl", { class: "facts" },
            fact("Lock", nameElement(lock.name)),
            fact("Holder", nameElement(lock.owner)),
            fact("Token", String(lock.token))),
        element("h3", {}, "What it does"),
        element("ul", {},
            element("li", {}, "The daemon ends this grant now. The token ", element("b", {}, String(lock.token)),
                " is never granted again."),
            element("li", {}, next)),
        element("h3", {}, "What it does not do"),
        element("ul", {},
            element("li", {}, "It does not stop the holder. The holder learns of it at its next renewal, which is due "
                + `at a third of its lease: within ${formatDuration(lock.ttl_ms / 3)}.`),
            element("li", {}, "Until then the holder works on. Only a resource that checks the fencing token keeps its "
                + "writes out.")),
        element("label", { class: "consent", for: "consent" }, consent,
            element("span", {}, "The holder may still be at work, and I want the lock broken all the same.")),
        outcome,
        element("div", { class: "dialog-actions" }, cancel, confirm));
    const dialog = openDialog("break", "Break this lock?", form);
    cancel.focus();
    consent.addEventListener("change", () => { confirm.disabled = !consent.checked; });
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        if (!consent.checked || confirm.getAttribute("aria-busy") === "true") return;
        confirm.setAttribute("aria-busy", "true");
        outcome.replaceChildren();
        try {
            const present = await api.lock(lock.name);
            if (present === null || present.token !== lock.token) {
                throw new Problem(409, "lost", present === null
                    ? `Nobody holds the lock any more: the grant with token ${lock.token} is over. Nothing was broken.`
                    : `The lock has passed on: “${present.owner}” holds it with token ${present.token}. `
                        + "Nothing was broken.");
            }
            const broken = await api.breakLock(lock.name, lock.token);
            dialog.close();
            onBroken(broken);
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

function fact(label, value) {
    return element("div", {}, element("dt", {}, label), element("dd", {}, value));
}

/** Any failure as something with a code and a sentence. */
export function explained(error) {
    return error.code === undefined ? new Problem(0, "unexpected", String(error.message ?? error)) : error;
}

let tokenDialog = null;

/**
 * Asks for a bearer token, once however often it is called.
 *
 * @param {object} parts
 * @param {import("./api.js").Api} parts.api
 * @param {Problem} parts.problem Why one is needed, in the daemon's words.
 * @param {() => Promise<void>} parts.attempt Tries the token that was set; throws if it is refused.
 */
export function askForToken({ api, problem, attempt }) {
    if (tokenDialog !== null) return;
    const input = element("input", {
        type: "password", id: "token", autocomplete: "off", spellcheck: "false", required: true,
        "aria-describedby": "token-note",
    });
    const outcome = element("div", { class: "outcome" }, api.hasToken ? problemElement(problem) : null);
    const form = element("form", { method: "dialog" },
        element("p", {}, "This daemon answers only to those who show a bearer token."),
        element("label", { for: "token" }, "Token"), input,
        element("p", { class: "note", id: "token-note" },
            "It stays in this tab until the tab closes, and is sent to this daemon only. "
            + "Looking needs the scope locks:read, breaking a lock the scope admin."),
        outcome,
        element("div", { class: "dialog-actions" },
            element("button", { type: "submit", class: "primary" }, "Use this token")));
    tokenDialog = openDialog("token", "A token is needed", form);
    input.focus();
    // Without a token there is nothing to go back to.
    tokenDialog.addEventListener("cancel", (event) => event.preventDefault());
    tokenDialog.addEventListener("close", () => { tokenDialog = null; });
    form.addEventListener("submit", async (event) => {
        event.preventDefault();
        const token = input.value.trim();
        if (token === "") return;
        if (!/^[\x21-\x7E]+$/.test(token)) {
            const defect = new Problem(0, "invalid_token", "A token has printable ASCII characters only.");
            replaceChildren(outcome, problemElement(defect));
            return;
        }
        api.setToken(token);
        outcome.replaceChildren();
        try {
            await attempt();
            tokenDialog?.close();
        } catch (error) {
            if (error.status === 401) api.setToken(null);
            replaceChildren(outcome, problemElement(explained(error)));
            input.select();
        }
    });
}

/** Whether some dialog is open, so that keys belong to it. */
export function isDialogOpen() {
    return document.querySelector("dialog[open]") !== null;
}

/**
 * Explains keys and marks.
 *
 * @param {object} parts
 * @param {Array<[string[], string]>} parts.keys
 * @param {Array<[string, string]>} parts.marks
 * @param {(() => void)|null} parts.forgetToken `null` if there is none to forget.
 */
export function showHelp({ keys, marks, forgetToken }) {
    const close = element("button", { type: "button", class: "primary" }, "Close");
    const forget = forgetToken === null
        ? null
        : element("button", { type: "button", class: "plain" }, "Forget the token");
    const dialog = openDialog("help", "Help",
        element("h3", {}, "Keys"),
        element("dl", { class: "keys" }, keys.map(([names, meaning]) => element("div", {},
            element("dt", {}, names.map((name) => element("kbd", {}, name))), element("dd", {}, meaning)))),
        element("h3", {}, "Words"),
        element("dl", { class: "marks" },
            marks.map(([word, meaning]) => [element("dt", {}, word), element("dd", {}, meaning)])),
        element("div", { class: "dialog-actions" }, forget, close));
    close.addEventListener("click", () => dialog.close());
    forget?.addEventListener("click", () => {
        dialog.close();
        forgetToken();
    });
    close.focus();
    // Focus on the last control must not scroll a long text away from its beginning.
    dialog.scrollTop = 0;
    return dialog;
}

/** Sets the text of the one line that screen readers hear. */
export function announce(text) {
    setText(document.getElementById("announcement"), text);
}
