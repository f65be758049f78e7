/**
 * Elements and text. Everything that the server says goes through text nodes, so that a lock named
 * `<img src=x onerror=…>` is shown and never run. Nothing in the console writes markup from a string.
 */

/**
 * Makes an element.
 *
 * @param {string} tag
 * @param {Object<string, unknown>} [properties] Attributes; `on` holds listeners. `false`, `null` and `undefined` leave
 *     an attribute out, and `true` sets it empty.
 * @param {...(Node|string|number|null|false|undefined|Array)} children Strings and numbers become text nodes.
 */
export function element(tag, properties = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
        if (name === "on") {
            for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
        } else {
            setAttribute(node, name, value);
        }
    }
    append(node, children);
    return node;
}

/** Sets, or with `false`, `null` or `undefined` removes, an attribute; touches the document only on a change. */
export function setAttribute(node, name, value) {
    if (value === false || value === null || value === undefined) {
        if (node.hasAttribute(name)) node.removeAttribute(name);
    } else {
        const text = value === true ? "" : String(value);
        if (node.getAttribute(name) !== text) node.setAttribute(name, text);
    }
}

/** Sets the text of a node; touches the document only on a change, so that a selection survives an update. */
export function setText(node, text) {
    const value = String(text);
    if (node.textContent !== value) node.textContent = value;
}

/** Puts `children` in place of everything inside `node`. */
export function replaceChildren(node, ...children) {
    node.replaceChildren();
    append(node, children);
}

function append(node, children) {
    for (const child of children.flat(Infinity)) {
        if (child === null || child === undefined || child === false) continue;
        node.append(child instanceof Node ? child : String(child));
    }
}

// Characters that change the direction of what follows, or that nobody sees. A name made of them could pass for another
// name, so they are spelled out. The joiner U+200D stays: emoji are built with it.
const deceptive = /[\u00AD\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]/u;

/**
 * A name or an owner as an operator may trust it: isolated from the direction of its surroundings, deceptive characters
 * spelled out, and the part after the last `/` or `:` set apart, because that is what tells neighbours apart.
 *
 * @param {string} text
 * @param {{split?: boolean}} [options] `split` keeps the last part in sight when the rest has to be cut.
 */
export function nameElement(text, { split = false } = {}) {
    const node = element("bdi", { class: "name" });
    const cut = split && /^[\x20-\x7E]+$/.test(text) ? Math.max(text.lastIndexOf("/"), text.lastIndexOf(":")) + 1 : 0;
    if (cut > 0 && cut < text.length && text.length - cut <= 40) {
        node.append(element("span", { class: "name-path" }, text.slice(0, cut)));
        node.append(element("span", { class: "name-leaf" }, text.slice(cut)));
        return node;
    }
    node.append(element("span", { class: "name-leaf" }, spelled(text, deceptive)));
    return node;
}

// Of a body also the control characters that do not set it out.
const deceptiveInBodies = new RegExp(
    `[\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F]|${deceptive.source}`, "u");

/** The text of a body in pieces, with deceptive and control characters spelled out. */
export function spelledOut(text) {
    return spelled(text, deceptiveInBodies);
}

function spelled(text, characters) {
    return text.split(new RegExp(`(${characters.source})`, "u")).filter((piece) => piece !== "").map((piece) =>
        characters.test(piece) ? element("span", { class: "spelled" }, codePoint(piece)) : piece);
}

function codePoint(character) {
    return `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
}

/** A button that copies `text` and says that it did. */
export function copyButton(text, label) {
    const button = element("button", { type: "button", class: "copy", "aria-label": label, title: label }, "Copy");
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(text);
            setText(button, "Copied");
        } catch {
            // Browsers give the clipboard to secure origins only; the text itself can still be selected.
            setText(button, "Select it by hand");
        }
        setTimeout(() => setText(button, "Copy"), 1600);
    });
    return button;
}
