/** Everything about one lock, beside the table on a wide page and over it on a narrow one. */

import { atPresent, diagnose, isUnrenewed } from "./diagnosis.js";
import { copyButton, element, nameElement, replaceChildren, setText } from "./dom.js";
import { showWaiters } from "./lock-table.js";
import { counted, formatCount, formatDuration, formatTimeOfDay } from "./text.js";

const listedWaiters = 100;

export class LockPanel {
    #lock = null;
    #name = null;
    #isOver = false;
    #title = element("h2", { id: "panel-title", tabindex: "-1" });
    #state = element("p", { class: "panel-state" });
    #figure = element("p", { class: "panel-figure" });
    #bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span", { class: "bar-fill" }));
    #advice = element("div", { class: "panel-advice" });
    #facts = element("dl", { class: "facts" });
    #values = {};
    #waitersTitle = element("h3", {});
    #waiters = element("ol", { class: "waiter-list" });
    #break;
    #changes = element("ul", { class: "panel-changes" });
    #commands = element("div", { class: "commands" });

    /**
     * @param {object} parts
     * @param {() => void} parts.onClose
     * @param {(lock: object) => void} parts.onBreak
     */
    constructor({ onClose, onBreak }) {
        this.#break = element("button", {
            type: "button", class: "danger quiet", "aria-keyshortcuts": "b", on: { click: () => onBreak(this.#lock) },
        }, "Break this lock…");
        for (const [key, label] of [
            ["holder", "Holder"], ["token", "Fencing token"], ["age", "Held for"], ["lease", "Lease"],
            ["renewals", "Renewals"], ["renewed", "Last renewed"],
        ]) {
            this.#values[key] = element("dd", {});
            this.#facts.append(element("div", {}, element("dt", {}, label), this.#values[key]));
        }
        this.element = element("aside", { class: "panel", "aria-labelledby": "panel-title", hidden: true },
            element("div", { class: "panel-head" },
                this.#title,
                element("button", {
                    type: "button", class: "tool close", on: { click: onClose },
                    "aria-label": "Close the details", "aria-keyshortcuts": "Escape",
                }, "×")),
            this.#state, this.#figure, this.#bar, this.#advice, this.#facts,
            element("div", { class: "panel-actions" }, this.#break),
            this.#changes, this.#waitersTitle, this.#waiters, this.#commands);
    }

    /** The name that is shown, or `null` while the panel is closed. */
    get name() {
        return this.#name;
    }

    /** The lock that is shown, or `null` if nobody holds it. */
    get lock() {
        return this.#isOver ? null : this.#lock;
    }

    /** Opens the panel on `name`. */
    open(name) {
        if (this.#name === name) return;
        this.#name = name;
        this.#lock = null;
        this.#isOver = false;
        this.element.hidden = false;
        this.element.scrollTop = 0;
        replaceChildren(this.#title, nameElement(name));
        this.#changes.replaceChildren();
        const word = `${name.startsWith("-") ? "-- " : ""}${shellWord(name)}`;
        const words = (verb) => `colony lock ${verb} --server ${location.origin} ${word}`;
        replaceChildren(this.#commands,
            element("h3", {}, "In a terminal"),
            command(words("inspect")),
            command(words("break")));
    }

    focus() {
        this.#title.focus();
    }

    close() {
        this.#name = null;
        this.#lock = null;
        this.element.hidden = true;
    }

    /** Shows what the daemon says now; `null`: nobody holds the name. */
    update(lock, elapsed) {
        const before = this.#lock;
        const wasOver = this.#isOver;
        this.#isOver = lock === null;
        if (lock !== null) this.#lock = lock;
        if (before !== null && lock !== null && before.token !== lock.token) {
            this.#note("Passed from ", before, " to ", lock);
        } else if (before !== null && lock === null && !wasOver) {
            this.#note("Ended: ", before);
        }
        this.element.classList.toggle("over", this.#isOver);
        this.#break.hidden = this.#isOver;
        this.#bar.hidden = this.#isOver;
        this.#facts.hidden = this.#lock === null;
        this.#figure.hidden = this.#isOver;
        if (this.#lock !== null) {
            const { owner, token, ttl_ms: lease, renewals } = this.#lock;
            if (before === null || before.owner !== owner) {
                replaceChildren(this.#values.holder, nameElement(owner), copyButton(owner, "Copy the holder"));
            }
            setText(this.#values.token, String(token));
            setText(this.#values.lease, formatDuration(lease));
            setText(this.#values.renewals, formatCount(renewals));
        }
        this.tick(elapsed);
    }

    /** Moves the clocks on by what has passed. */
    tick(elapsed) {
        const lock = this.#lock;
        if (this.#isOver || lock === null) {
            setText(this.#state, this.#isOver ? "Nobody holds this lock now." : "");
            this.#advice.replaceChildren();
            showWaiters(this.#waiters, [], 0, listedWaiters);
            setText(this.#waitersTitle, "");
            this.#waitersTitle.hidden = true;
            if (this.#isOver) for (const key of ["age", "renewed"]) setText(this.#values[key], "over");
            return;
        }
        const { remaining, age, sinceRenewal } = atPresent(lock, elapsed);
        setText(this.#state, "Remaining unless it is renewed");
        setText(this.#figure, formatDuration(remaining));
        this.#bar.style.setProperty("--left", String(Math.min(1, remaining / lock.ttl_ms)));
        this.#bar.classList.toggle("low", isUnrenewed(lock));
        setText(this.#values.age, formatDuration(age));
        setText(this.#values.renewed, lock.renewals === 0 ? "never" : `${formatDuration(sinceRenewal)} ago`);
        this.#waitersTitle.hidden = false;
        const waiting = lock.waiters.length;
        setText(this.#waitersTitle,
            waiting === 0 ? "Nobody waits" : `${counted(waiting, "waiter")}, the longest wait first`);
        showWaiters(this.#waiters, lock.waiters, elapsed, listedWaiters);
        const finding = diagnose(lock, elapsed);
        this.#advice.dataset.level = finding?.level ?? "";
        const sentences = finding === null ? [] : [finding.reason, finding.advice];
        if (this.#advice.children.length !== sentences.length) {
            replaceChildren(this.#advice, sentences.map(() => element("p", {})));
        }
        sentences.forEach((sentence, place) => setText(this.#advice.children[place], sentence));
    }

    #note(before, first, between, second) {
        const grant = (lock) => [nameElement(lock.owner), ` (token ${lock.token})`];
        this.#changes.prepend(element("li", {},
            element("time", {}, formatTimeOfDay(new Date())), " ", before, grant(first), between ?? "",
            second === undefined ? [] : grant(second)));
        while (this.#changes.children.length > 8) this.#changes.lastElementChild.remove();
    }
}

/** A line for the terminal with a button that copies it. */
export function command(text, label = "Copy the command") {
    return element("div", { class: "command" },
        element("pre", { tabindex: "0" }, element("code", {}, text)), copyButton(text, label));
}

/** `text` as one word of a POSIX shell. */
export function shellWord(text) {
    return /^[A-Za-z0-9_./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
