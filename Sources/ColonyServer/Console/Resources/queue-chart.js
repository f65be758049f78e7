/** The rates of one queue over the last minutes: what came, and what was done. */

import { element, replaceChildren, setText } from "./dom.js";
import { remembered } from "./queue-flow.js";
import { formatDuration, formatRate } from "./text.js";

const stepLength = 5_000;
/** How many steps may be shown: the fewest that have room for what the page has seen. */
const spans = [12, 36, remembered / stepLength];
const height = 100;
const namespace = "http://www.w3.org/2000/svg";

function drawing(tag, attributes, ...children) {
    const node = document.createElementNS(namespace, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
}

/**
 * The outline of one rate. Where the page did not look there is a gap.
 *
 * @param {(number|null)[]} rates The oldest first.
 * @param {number} most The rate at the top of the field.
 * @returns {string} A path in a field as wide as there are steps and 100 high, from the left and the top.
 */
export function ratePath(rates, most) {
    let path = "";
    let isOpen = false;
    rates.forEach((rate, place) => {
        if (rate === null) {
            isOpen = false;
            return;
        }
        const y = Math.round((height - height * rate / Math.max(most, Number.MIN_VALUE)) * 100) / 100;
        path += `${isOpen ? "V" : `M${place} `}${y}H${place + 1}`;
        isOpen = true;
    });
    return path;
}

/** A round number not below `rate`, for the top of the field. */
export function ceilingOf(rate) {
    if (rate <= 1) return 1;
    const step = 10 ** Math.floor(Math.log10(rate));
    return [1, 2, 5, 10].map((factor) => factor * step).find((ceiling) => ceiling >= rate);
}

export class RateChart {
    #published = drawing("path", { class: "chart-published", "vector-effect": "non-scaling-stroke" });
    #acknowledged = drawing("path", { class: "chart-acknowledged", "vector-effect": "non-scaling-stroke" });
    #top = element("span", { class: "curve-top" });
    #picture = drawing("svg", {
        preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false",
    }, this.#published, this.#acknowledged);
    #start = element("span");
    #sentence = element("figcaption");

    element = element("figure", { class: "curve rate-chart" },
        element("div", { class: "curve-field" }, this.#top, this.#picture),
        element("div", { class: "curve-times", "aria-hidden": "true" }, this.#start, element("span", {}, "now")),
        this.#sentence);

    /** @param {import("./queue-flow.js").QueueFlow} flow */
    update(flow) {
        const width = spans.find((span) => span * stepLength >= flow.watched) ?? spans.at(-1);
        const steps = flow.steps(width, stepLength);
        this.#picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
        setText(this.#start, `${formatDuration(width * stepLength)} ago`);
        const published = steps.map((step) => step?.published ?? null);
        const acknowledged = steps.map((step) => step?.acknowledged ?? null);
        const [came, done] = [published, acknowledged].map((rates) => Math.max(0, ...rates.map((rate) => rate ?? 0)));
        const most = ceilingOf(Math.max(came, done));
        setText(this.#top, `${formatRate(most)} a second`);
        this.#published.setAttribute("d", ratePath(published, most));
        this.#acknowledged.setAttribute("d", ratePath(acknowledged, most));
        const seen = steps.filter((step) => step !== null).length;
        if (seen === 0) {
            setText(this.#sentence, "The page has just begun to look.");
            return;
        }
        const key = `${seen} ${formatRate(came)} ${formatRate(done)}`;
        if (this.#sentence.dataset.key === key) return;
        this.#sentence.dataset.key = key;
        replaceChildren(this.#sentence,
            `In the last ${formatDuration(seen * stepLength)} up to ${formatRate(came)} a second `,
            element("span", { class: "key-published" }, "came"), `, and up to ${formatRate(done)} were `,
            element("span", { class: "key-acknowledged" }, "done"), ".");
    }
}
