/**
 * What is wrong with a queue, and what to do about it: a judgement from what the daemon tells and from what has moved
 * while the page looked, as a plain function.
 */

import { counted, formatCount, formatDuration, formatPercent, formatRate } from "./text.js";

/** The limits of the judgement, in milliseconds, in messages, and in shares of the capacity. */
export const queueLimits = {
    /** So long nothing is delivered although something could be, before that counts. */
    idle: 10_000,
    /** A message that could be delivered for so long waits for consumers. */
    old: 60_000,
    /** In flight for so long without an end, and longer than a lease: the handler hangs. */
    hanging: 60_000,
    /** So many deliveries without an acknowledgement are no accident. */
    failing: 5,
    full: 0.995,
    nearlyFull: 0.8,
    /** Delays that end so late on average are worth knowing. */
    late: 1_000,
};

/** How much of its capacity a queue uses, in messages or in bytes, whichever is more: 0 to 1. */
export function usedShare({ statistics, settings }) {
    return Math.min(1, Math.max(
        statistics.count / settings.capacity, statistics.bytes / settings.capacity_bytes));
}

/** How late delays ended on average, in milliseconds; `null` if none has ended. */
export function meanLateness({ totals }) {
    return totals.undelayed === 0 ? null : totals.lateness_ms / totals.undelayed;
}

const noFlow = {
    watched: 0, quiet: { delivered: 0, acknowledged: 0 }, rates: null,
    minute: { span: 0, published: 0, delivered: 0, acknowledged: 0, dropped: 0, leases_lost: 0 },
};

/**
 * The most urgent finding on a queue, or `null` if there is none.
 *
 * @param {object} queue As the daemon tells it.
 * @param {object} flow The `summary` of its `QueueFlow`.
 * @returns {{level: "stuck"|"note", kind: string, brief: string, reason: string, advice: string}|null} `stuck` wants an
 *     operator; `note` is worth knowing.
 */
export function diagnoseQueue(queue, flow = noFlow) {
    for (const judge of [paused, full, dropping, dying, idle, failing, hanging, dead, behind, notes]) {
        const finding = judge(queue, flow);
        if (finding !== null) return finding;
    }
    return null;
}

function stuck(kind, brief, reason, advice) {
    return { level: "stuck", kind, brief, reason, advice };
}

function note(kind, brief, reason, advice) {
    return { level: "note", kind, brief, reason, advice };
}

/** `in the last minute`, or since the page looks. */
function lately({ minute }) {
    return minute.span >= 55_000 ? "in the last minute" : `in the last ${formatDuration(minute.span)}`;
}

function age(queue, before = ", the oldest for ") {
    return queue.oldest_age_ms === undefined ? "" : `${before}${formatDuration(queue.oldest_age_ms)}`;
}

function paused(queue) {
    const { statistics } = queue;
    if (!queue.is_paused) return null;
    if (statistics.ready === 0) {
        return note("paused", "paused", "Paused: nothing is delivered until it is resumed.",
            "Publishing goes on, and what consumers have they may finish.");
    }
    const wait = statistics.ready === 1 ? "1 message waits" : `${formatCount(statistics.ready)} messages wait`;
    const isFull = usedShare(queue) >= queueLimits.full;
    return stuck("paused", `paused, ${formatCount(statistics.ready)} wait`,
        `Paused by an operator while ${wait}${age(queue)}${isFull ? ", and it is full" : ""}.`,
        "Resume it when what it was paused for is done.");
}

function full(queue, { watched, quiet }) {
    const share = usedShare(queue);
    if (share < queueLimits.full) return null;
    const { statistics, settings } = queue;
    const isBytes = statistics.count / settings.capacity < statistics.bytes / settings.capacity_bytes;
    const effect = {
        wait: "publishers wait, and are refused when they run out of patience",
        reject: "publishers are refused",
        drop_oldest: settings.dead_letter_queue === undefined
            ? "the oldest are dropped for every new one" : "the oldest go to the dead-letter queue for every new one",
    }[settings.overflow] ?? "nothing more is stored";
    const isDead = statistics.dead * 2 > statistics.count;
    return stuck("full", "full",
        `Full, by ${isBytes ? "bytes" : "messages"}: ${effect}.`,
        isDead
            ? `${formatCount(statistics.dead)} of ${counted(statistics.count, "message")} are dead letters, which take room `
                + "too: redrive or drop them."
            : statistics.leased === 0 && watched >= queueLimits.idle && quiet.delivered >= queueLimits.idle
                ? "Nothing consumes: start consumers, or find out why those that should run do not receive."
                : "Let more consumers work, or find out what keeps those that do.");
}

function dropping(queue, flow) {
    const { dropped } = flow.minute;
    if (dropped === 0) return null;
    return stuck("dropping", `${formatCount(dropped)} dropped ${lately(flow)}`,
        `${counted(dropped, "message")} dropped for want of room ${lately(flow)}.`,
        "They are gone. Let more consumers work, or declare a larger queue or one with a dead-letter queue.");
}

function dying(queue, flow) {
    const lost = flow.minute.leases_lost;
    if (lost === 0) return null;
    const lease = formatDuration(queue.settings.lease_ms);
    return stuck("dying", `${counted(lost, "lease")} lost ${lately(flow)}`,
        `${counted(lost, "lease")} ran out ${lately(flow)}: consumers die, are cut off, or take longer than the lease of `
            + `${lease} without extending it.`,
        `Look at the logs of the consumers. What they had is delivered again, up to `
            + `${counted(queue.settings.delivery_limit, "time")}.`);
}

function idle(queue, { watched, quiet, minute }) {
    const { ready, leased } = queue.statistics;
    if (ready === 0 || minute.delivered > 0 && quiet.delivered < queueLimits.idle) return null;
    const isIdle = watched >= queueLimits.idle && quiet.delivered >= queueLimits.idle;
    const isOld = (queue.oldest_age_ms ?? 0) >= queueLimits.old;
    if (leased > 0 || !(isIdle || isOld && quiet.delivered === watched)) return null;
    const wait = ready === 1 ? "1 message waits" : `${formatCount(ready)} messages wait`;
    return stuck("idle", `nothing consumes${age(queue, ", oldest ")}`,
        `Nothing consumes: ${wait}${age(queue)}, and none is with a consumer.`,
        "Start consumers, or find out why those that should run do not receive.");
}

function failing(queue, flow) {
    const { delivered, acknowledged } = flow.minute;
    if (acknowledged > 0 || delivered < queueLimits.failing || delivered <= queue.statistics.leased) return null;
    return stuck("failing", "every attempt fails",
        `${counted(delivered, "attempt")} ${lately(flow)}, and none was acknowledged.`,
        `Handlers reject what they get. After ${counted(queue.settings.delivery_limit, "delivery", "deliveries")} a message `
            + "becomes a dead letter, which tells the reason. Pause the queue to keep the rest from the same end.");
}

function hanging(queue, { watched, quiet }) {
    const { leased, ready, waiting } = queue.statistics;
    const limit = Math.max(queueLimits.hanging, queue.settings.lease_ms);
    const still = Math.min(quiet.acknowledged, quiet.delivered, watched);
    if (leased === 0 || still < limit) return null;
    const others = ready + waiting === 0 ? "" : ` ${formatCount(ready + waiting)} more wait.`;
    return stuck("hanging", `${formatCount(leased)} in flight, none done for ${formatDuration(still)}`,
        `${formatCount(leased)} in flight, and none was done or handed out for ${formatDuration(still)}.${others}`,
        "Their handlers hang or are slow, and keep extending their leases. Find out what they do; when their process ends, "
            + "others get the messages.");
}

function dead(queue) {
    const count = queue.statistics.dead;
    if (count === 0) return null;
    return stuck("dead", counted(count, "dead letter"),
        count === 1 ? "1 dead letter waits for a decision." : `${formatCount(count)} dead letters wait for a decision.`,
        "Read why they failed. Redrive them when the cause is mended, or drop them.");
}

function behind(queue, { rates }) {
    if ((queue.oldest_age_ms ?? 0) < queueLimits.old || rates === null) return null;
    const wait = formatDuration(queue.oldest_age_ms);
    const gain = rates.acknowledged - rates.published;
    const flow = `${formatRate(rates.published)} a second come and ${formatRate(rates.acknowledged)} are done`;
    if (gain > 0.05) {
        const rest = formatDuration(queue.statistics.ready / gain * 1_000);
        return note("behind", `catches up, oldest ${wait}`,
            `Catches up: ${flow}; the oldest has waited for ${wait}.`, `At this pace it takes ${rest} more.`);
    }
    return stuck("behind", `falls behind, oldest ${wait}`,
        `Falls behind: ${flow}; the oldest has waited for ${wait}.`, "Let more consumers work, or make their work shorter.");
}

function notes(queue) {
    const { statistics } = queue;
    const share = usedShare(queue);
    if (share >= queueLimits.nearlyFull) {
        return note("nearlyFull", `${formatPercent(share)} full`, `${formatPercent(share)} of its capacity is used.`,
            "Let more consumers work before it is full.");
    }
    if (statistics.waiting > 0 && statistics.ready === 0 && statistics.leased === 0) {
        return note("blocked", "waits behind a failed message",
            `${formatCount(statistics.waiting)} wait behind an earlier message of their key that rests after a failure.`,
            "Nothing to do: it is tried again. To let the others go first, cancel it.");
    }
    const lateness = meanLateness(queue);
    if (lateness !== null && lateness >= queueLimits.late) {
        return note("late", `delays end ${formatDuration(lateness)} late`,
            `Delays have ended ${formatDuration(lateness)} late on average.`,
            "The daemon was stopped when they were due, or is too busy.");
    }
    return null;
}
