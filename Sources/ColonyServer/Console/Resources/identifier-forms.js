/** The two forms of the identifiers page: issuing, and taking apart. */

import { announce, explained, problemElement } from "./dialogs.js";
import { copyButton, element, nameElement, replaceChildren, setText } from "./dom.js";
import { counted } from "./text.js";

/** The most that the page asks for at once: more than anybody reads. */
const mostAtOnce = 100;

const kindWords = {
    snowflake: "Snowflake, 64 bits",
    uuid7: "UUID v7, in order of time",
    uuid4: "UUID v4, random",
    ulid: "ULID",
    segment: "Number of a tag",
};

/** A field with its label above it. */
function field(label, control, className = "") {
    return element("label", { class: `field ${className}`.trim(), for: control.id }, element("span", {}, label), control);
}

/** Issues identifiers and lists them. */
export class IssueForm {
    #api;
    #onIssued;
    #onOpen;
    #kinds = "";
    #kind = element("select", { id: "kind" });
    #count = element("input", { type: "number", id: "count", min: "1", max: mostAtOnce, value: "1", required: true });
    #tag = element("input", {
        type: "text", id: "tag", maxlength: "255", autocomplete: "off", spellcheck: "false", placeholder: "orders",
    });
    #tagField = field("Tag", this.#tag, "wide");
    #button = element("button", { type: "submit", class: "primary" }, "Issue");
    #outcome = element("div", { class: "outcome" });
    #form;

    /**
     * @param {object} parts
     * @param {import("./api.js").Api} parts.api
     * @param {() => void} parts.onIssued Called after each success.
     * @param {(id: string) => void} parts.onOpen Called with an identifier that is to be taken apart.
     */
    constructor({ api, onIssued, onOpen }) {
        this.#api = api;
        this.#onIssued = onIssued;
        this.#onOpen = onOpen;
        this.#kind.addEventListener("change", () => this.#drawTag());
        this.#form = element("form", { class: "form" },
            field("Kind", this.#kind, "wide"), field("How many", this.#count), this.#tagField, this.#button);
        this.#form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.issue();
        });
        this.element = element("section", { class: "card", "aria-labelledby": "issue-title" },
            element("h2", { id: "issue-title" }, "Issue"), this.#form, this.#outcome);
        this.setKinds(Object.keys(kindWords));
    }

    /** Offers what the daemon issues; what the operator chose stays. */
    setKinds(kinds) {
        if (kinds.join() === this.#kinds) return;
        this.#kinds = kinds.join();
        const chosen = this.#kind.value;
        replaceChildren(this.#kind, kinds.map((kind) => element("option", { value: kind }, kindWords[kind] ?? kind)));
        if (kinds.includes(chosen)) this.#kind.value = chosen;
        this.#drawTag();
    }

    /** Asks for what the form says. */
    async issue() {
        if (this.#button.disabled || !this.#form.reportValidity()) return;
        const kind = this.#kind.value;
        const tag = kind === "segment" ? this.#tag.value : null;
        this.#button.disabled = true;
        try {
            const { ids } = await this.#api.issue(kind, Number(this.#count.value), tag);
            replaceChildren(this.#outcome, element("ol", { class: "ids" }, ids.map((id) => this.#row(kind, id))));
            announce(`${counted(ids.length, "identifier")} issued.`);
            this.#onIssued();
        } catch (error) {
            replaceChildren(this.#outcome, problemElement(explained(error)));
        } finally {
            this.#button.disabled = false;
        }
    }

    #row(kind, id) {
        // A number of a tag has no parts.
        const open = kind === "segment" ? null : element("button", {
            type: "button", class: "link", on: { click: () => this.#onOpen(id) }, "aria-label": `Take ${id} apart`,
        }, "Parts");
        return element("li", {}, element("code", { class: "id" }, id), open, copyButton(id, `Copy ${id}`));
    }

    #drawTag() {
        const isSegment = this.#kind.value === "segment";
        this.#tagField.hidden = !isSegment;
        this.#tag.required = isSegment;
    }
}

/** Takes an identifier apart. */
export class PartsForm {
    #api;
    #asked = 0;
    #text = element("input", {
        type: "search", id: "identifier", maxlength: "255", autocomplete: "off", spellcheck: "false",
        placeholder: "Paste an identifier", "aria-keyshortcuts": "/", required: true,
    });
    #outcome = element("div", { class: "outcome" });

    /** @param {{api: import("./api.js").Api}} parts */
    constructor({ api }) {
        this.#api = api;
        const form = element("form", { class: "form" },
            field("Identifier", this.#text, "wide"),
            element("button", { type: "submit", class: "plain" }, "Take apart"));
        form.addEventListener("submit", (event) => {
            event.preventDefault();
            this.#read();
        });
        // Whoever pastes has said everything.
        this.#text.addEventListener("paste", () => setTimeout(() => this.#read()));
        this.element = element("section", { class: "card", "aria-labelledby": "parts-title" },
            element("h2", { id: "parts-title" }, "Take apart"), form, this.#outcome);
    }

    /** Shows the parts of an identifier. */
    open(id) {
        this.#text.value = id;
        this.#text.focus();
        this.#read();
    }

    focus() {
        this.#text.focus();
    }

    /** Escape empties the field, then leaves it. */
    escape() {
        if (this.#text.value === "") this.#text.blur();
        this.#text.value = "";
        this.#outcome.replaceChildren();
    }

    async #read() {
        const text = this.#text.value.trim();
        if (text === "") return;
        this.#asked += 1;
        const asked = this.#asked;
        let content;
        try {
            content = partsElement(await this.#api.identifier(text));
        } catch (error) {
            content = problemElement(explained(error));
        }
        // The answer to an older question must not replace that to a newer one.
        if (asked === this.#asked) replaceChildren(this.#outcome, content);
    }
}

const variantWords = {
    rfc9562: "RFC 9562", ncs: "NCS, from before the RFC", microsoft: "Microsoft's, from before the RFC",
    future: "reserved for the future",
};

function partsElement(parts) {
    const kinds = { snowflake: "Snowflake", uuid: "UUID", ulid: "ULID" };
    const rows = [["Kind", kinds[parts.kind] ?? parts.kind]];
    if (parts.time !== undefined) rows.push(["Time", timeElement(parts.time)]);
    else if (parts.time_ms !== undefined) rows.push(["Time", `${parts.time_ms} ms since 1970`]);
    for (const [label, value] of [
        ["Datacenter", parts.datacenter], ["Worker", parts.worker], ["Sequence", parts.sequence],
        ["Layout", parts.layout], ["Version", parts.version], ["Variant", variantWords[parts.variant] ?? parts.variant],
    ]) {
        if (value !== undefined) rows.push([label, String(value)]);
    }
    return element("div", { class: "parts" },
        element("p", { class: "parts-id" }, nameElement(parts.id)), factsElement(rows));
}

/** A list of labels and values. */
export function factsElement(rows) {
    return element("dl", { class: "facts" }, rows.map(([label, value]) =>
        element("div", {}, element("dt", {}, label), element("dd", {}, value))));
}

/** A moment in universal time, as logs have it. */
export function timeElement(text) {
    const node = element("time", { datetime: text });
    setText(node, text.replace("T", " ").replace("Z", " UTC"));
    return node;
}
