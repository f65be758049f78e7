/** How the figures of proxies read. */

import { formatCount, formatRate } from "./text.js";

/** A rate, or a dash before there are two looks. */
export function rateText(rate) {
    return rate === null || rate === undefined ? "–" : formatRate(rate);
}

/** A latency, or a dash before there is one. */
export function latencyText(milliseconds) {
    if (milliseconds === undefined) return "–";
    if (milliseconds < 10) return `${milliseconds.toFixed(2)}\u202Fms`;
    return milliseconds < 10_000 ? `${formatCount(Math.round(milliseconds))}\u202Fms` : `${(milliseconds / 1_000).toFixed(1)}\u202Fs`;
}
