/**
 * What is stuck, and what to do about it: a judgement on one lock from what the daemon tells, as a plain function.
 *
 * A holder that keeps to the advice renews at a third of its lease, so what is left never falls below two thirds while
 * all is well. Less than a third left means that at least one renewal, and usually two, did not come.
 */

import { counted, formatCount, formatDuration } from "./text.js";

/** The limits of the judgement, in milliseconds and in waiters. */
export const limits = {
    /** A wait shorter than this, or than the lease itself, is what locks are for. */
    wait: 30_000,
    /** A lock that is held for so long while others wait. */
    heldWithWaiters: 3_600_000,
    /** A lock that is held for so long, wanted or not. */
    heldAnyway: 86_400_000,
    /** A queue of so many is long however young it is. */
    queue: 10,
};

/** What is left of the lease, and how old it is, `elapsed` milliseconds after the daemon told. */
export function atPresent(lock, elapsed) {
    return {
        remaining: Math.max(0, lock.remaining_ms - elapsed),
        age: lock.age_ms + elapsed,
        sinceRenewal: Math.max(0, lock.ttl_ms - lock.remaining_ms + elapsed),
        oldestWait: lock.waiters.length === 0 ? 0 : Math.max(...lock.waiters.map((waiter) => waiter.age_ms)) + elapsed,
    };
}

/** Whether the holder has let two thirds of its lease pass without renewing it, when the daemon was asked. */
export function isUnrenewed(lock) {
    return lock.remaining_ms < lock.ttl_ms / 3;
}

/**
 * The most urgent finding on a lock, or `null` if there is none.
 *
 * @param {object} lock As the daemon tells it.
 * @param {number} elapsed Milliseconds since the daemon told.
 * @returns {{level: "stuck"|"note", kind: string, brief: string, reason: string, advice: string}|null} `stuck` wants an
 *     operator; `note` is worth knowing. `brief` fits under a name; `reason` and `advice` are sentences.
 */
export function diagnose(lock, elapsed = 0) {
    const present = atPresent(lock, elapsed);
    return unrenewed(lock, present) ?? blocking(lock, present) ?? heldLong(lock, present);
}

function unrenewed(lock, { remaining, sinceRenewal }) {
    if (!isUnrenewed(lock)) return null;
    const waiting = lock.waiters.length;
    const since = formatDuration(sinceRenewal);
    const lease = formatDuration(lock.ttl_ms);
    const left = formatDuration(remaining);
    if (waiting === 0 && lock.renewals === 0) {
        return {
            level: "note",
            kind: "unrenewed",
            brief: "never renewed, about to run out",
            reason: `Taken once for ${lease} and never renewed; ${left} left.`,
            advice: "Nothing to do: it ends by itself. If its work takes longer, its holder must renew.",
        };
    }
    const next = waiting === 0 ? "" : waiting === 1
        ? " Then the one who waits gets it." : ` Then the first of ${counted(waiting, "waiter")} gets it.`;
    return {
        level: "stuck",
        kind: "unrenewed",
        brief: `not renewed for ${since}`,
        reason: `Not renewed for ${since} of a lease of ${lease}: its holder is paused, cut off, or gone.`,
        advice: `It ends by itself in ${left}.${next} Breaking it would save no more than that.`,
    };
}

function blocking(lock, { age, oldestWait }) {
    const waiting = lock.waiters.length;
    if (waiting === 0) return null;
    const longWait = oldestWait >= Math.max(limits.wait, lock.ttl_ms);
    const longQueue = waiting >= limits.queue;
    const longHeld = age >= limits.heldWithWaiters;
    if (!longWait && !longQueue && !longHeld) return null;
    const queue = waiting === 1 ? "1 waits" : `${formatCount(waiting)} wait`;
    const renewing = lock.renewals === 0
        ? "though the lease was never renewed"
        : `while its holder keeps renewing (${counted(lock.renewals, "renewal")})`;
    return {
        level: "stuck",
        kind: longWait ? "blocking" : longQueue ? "queue" : "held",
        brief: longWait
            ? `keeps others waiting for ${formatDuration(oldestWait)}`
            : `${queue}, held for ${formatDuration(age)}`,
        reason: waiting === 1
            ? `1 has waited for ${formatDuration(oldestWait)}, ${renewing}.`
            : `${formatCount(waiting)} wait, the oldest for ${formatDuration(oldestWait)}, ${renewing}.`,
        advice: "The holder is alive and does not finish. Find out what it does; break the lock if it will not end, "
            + "and only if what it writes checks the fencing token.",
    };
}

function heldLong(lock, { age }) {
    if (age < limits.heldAnyway) return null;
    return {
        level: "note",
        kind: "held",
        brief: `held for ${formatDuration(age)}`,
        reason: `Held for ${formatDuration(age)} with ${counted(lock.renewals, "renewal")}; nobody waits.`,
        advice: "Usual for a leader. For anything else, find out what its holder does.",
    };
}
