/** The body of a message: text as text, JSON set out, and bytes that are no text as a dump and in base 64. */

import { copyButton, element, replaceChildren, spelledOut } from "./dom.js";
import { formatBytes } from "./text.js";

/** So many characters are a preview, and so many are shown before somebody asks for all. */
const previewLength = 160;
const shownLength = 16_384;
/** So many bytes are dumped: enough to recognise a format by. */
const dumpedBytes = 512;
/** JSON longer than this is shown as it came. */
const formattedLength = 262_144;

/** The bytes of a body in base 64. */
export function bytesOf(base64) {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** How many bytes a message's body has. */
export function bodySize({ body, body_base64: base64 }) {
    if (body !== undefined) return new TextEncoder().encode(body).length;
    return base64.length / 4 * 3 - (base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0);
}

/** One line of a body: its beginning, or what kind of bytes it has. */
export function previewElement(message) {
    const { body, body_base64: base64 } = message;
    if (body === "") return element("span", { class: "preview blank" }, "empty");
    if (body !== undefined) {
        const line = body.slice(0, previewLength).replace(/\s+/g, " ");
        return element("code", { class: "preview" }, spelledOut(line), body.length > previewLength ? "…" : null);
    }
    const bytes = bytesOf(base64.slice(0, 32));
    return element("code", { class: "preview" }, [...bytes].map(hexadecimal).join(" "),
        bodySize(message) > bytes.length ? " …" : null);
}

/** A whole body, with what it is and a way to copy it. */
export function bodyElement(message) {
    const { body, body_base64: base64 } = message;
    const size = formatBytes(bodySize(message));
    if (body === "") return element("p", { class: "body-kind" }, "The body is empty.");
    if (body !== undefined) {
        const formatted = formattedJSON(body);
        return element("div", { class: "body" },
            element("p", { class: "body-kind" }, `${formatted === null ? "Text" : "JSON"}, ${size}`,
                copyButton(body, "Copy the body")),
            textBlock(formatted ?? body));
    }
    const bytes = bytesOf(base64);
    return element("div", { class: "body" },
        element("p", { class: "body-kind" }, `Not UTF-8, ${size}`, copyButton(base64, "Copy the body in base 64")),
        element("pre", { tabindex: "0", class: "dump" }, dump(bytes.subarray(0, dumpedBytes)),
            bytes.length > dumpedBytes ? `\n… ${formatBytes(bytes.length - dumpedBytes)} more` : null),
        element("p", { class: "body-kind" }, "In base 64"),
        textBlock(base64));
}

function textBlock(text) {
    const code = element("code", {}, spelledOut(text.slice(0, shownLength)));
    const block = element("pre", { tabindex: "0" }, code);
    if (text.length <= shownLength) return block;
    const more = element("button", { type: "button", class: "link" }, `Show all ${text.length} characters`);
    more.addEventListener("click", () => {
        replaceChildren(code, spelledOut(text));
        more.remove();
        block.focus();
    });
    return element("div", {}, block, more);
}

/** JSON set out over lines, or `null` for what is no object and no list, or would not come out the same. */
export function formattedJSON(text) {
    if (text.length > formattedLength || !/^\s*[[{]/.test(text)) return null;
    let isExact = true;
    let value;
    try {
        value = JSON.parse(text, (_, part, context) => {
            // A number that JavaScript rounds would be shown as another one than was sent.
            const isNumber = typeof part === "number" && context?.source !== undefined;
            if (isNumber && String(part) !== context.source) isExact = false;
            return part;
        });
    } catch {
        return null;
    }
    return isExact ? JSON.stringify(value, null, 2) : null;
}

/** Bytes in lines of sixteen: where, which, and as what they would print. */
export function dump(bytes) {
    const lines = [];
    for (let start = 0; start < bytes.length; start += 16) {
        const line = [...bytes.subarray(start, start + 16)];
        const text = line.map((byte) => (byte >= 0x20 && byte < 0x7F ? String.fromCharCode(byte) : ".")).join("");
        lines.push(`${start.toString(16).padStart(4, "0")}  ${line.map(hexadecimal).join(" ").padEnd(47)}  ${text}`);
    }
    return lines.join("\n");
}

function hexadecimal(byte) {
    return byte.toString(16).padStart(2, "0");
}
