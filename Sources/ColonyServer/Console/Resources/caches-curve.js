/** The curve of the hit ratio over the last half hour, with the number of look-ups under it. */

import { element, setText } from "./dom.js";
import { formatCount, formatDuration, formatPercent } from "./text.js";

/** How many steps may be shown: the fewest that have room for what there is, and at the most what the daemon remembers. */
const spans = [30, 90, 180];
const height = 100;
const namespace = "http://www.w3.org/2000/svg";

function drawing(tag, attributes, ...children) {
    const node = document.createElementNS(namespace, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
}

/**
 * The outlines of the ratio and of the look-ups, a step wide each. Where nothing was asked for there is no ratio, and a gap.
 *
 * @param {{hits: number, misses: number}[]} steps The oldest first.
 * @param {number} width How many steps the field has room for; the last one ends at its right edge.
 * @returns {{ratio: string, lookups: string}} Paths in a field of that width and a height of 100, from the left and the top.
 */
export function curvePaths(steps, width) {
    const first = width - steps.length;
    const most = Math.max(1, ...steps.map(({ hits, misses }) => hits + misses));
    let ratio = "";
    let lookups = "";
    let isOpen = false;
    steps.forEach(({ hits, misses }, place) => {
        const count = hits + misses;
        const left = first + place;
        if (count === 0) {
            isOpen = false;
            return;
        }
        const y = round(height - height * hits / count);
        ratio += isOpen ? `V${y}H${left + 1}` : `M${left} ${y}H${left + 1}`;
        lookups += `M${left} ${height}V${round(height - height * 0.4 * count / most)}H${left + 1}V${height}Z`;
        isOpen = true;
    });
    return { ratio, lookups };
}

/**
 * What the curve shows, in words.
 *
 * @param {{hits: number, misses: number}[]} steps
 * @param {number} interval How long a step is, in milliseconds.
 */
export function curveSentence(steps, interval) {
    const asked = steps.filter(({ hits, misses }) => hits + misses > 0);
    if (asked.length === 0) return "Nothing was asked for in the last half hour.";
    const ratios = asked.map(({ hits, misses }) => hits / (hits + misses));
    const most = Math.max(...asked.map(({ hits, misses }) => hits + misses));
    const span = formatDuration(steps.length * interval);
    const range = `${formatPercent(Math.min(...ratios))} and ${formatPercent(Math.max(...ratios))}`;
    return `In the last ${span} between ${range} of the look-ups hit, at up to ${formatCount(most)} in `
        + `${formatDuration(interval)}.`;
}

function round(value) {
    return Math.round(value * 100) / 100;
}

export class CacheCurve {
    #ratio = drawing("path", { class: "curve-ratio", "vector-effect": "non-scaling-stroke" });
    #lookups = drawing("path", { class: "curve-lookups" });
    #picture = drawing("svg", {
        preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false",
    }, this.#lookups, this.#ratio);
    #start = element("span");
    #sentence = element("figcaption");

    element = element("figure", { class: "curve" },
        element("div", { class: "curve-field" },
            element("span", { class: "curve-top" }, "100\u202F%"), element("span", { class: "curve-bottom" }, "0\u202F%"),
            this.#picture),
        element("div", { class: "curve-times", "aria-hidden": "true" },
            this.#start, element("span", {}, "now")),
        this.#sentence);

    /** Draws what the daemon remembers. */
    update({ interval_ms: interval, steps }) {
        const width = spans.find((span) => span >= steps.length) ?? spans.at(-1);
        const shown = steps.slice(-width);
        const { ratio, lookups } = curvePaths(shown, width);
        this.#picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
        setText(this.#start, `${formatDuration(width * interval)} ago`);
        this.#ratio.setAttribute("d", ratio);
        this.#lookups.setAttribute("d", lookups);
        setText(this.#sentence, curveSentence(shown, interval));
    }
}
