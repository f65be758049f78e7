/** What the top of the locks page says: how many are held and waited for, and which are stuck. */

import { diagnose } from "./diagnosis.js";
import { formatCount, formatDuration } from "./text.js";

/** Says what the book says at this moment. */
export function tellOverview(overview, book) {
    if (book.answeredAt === null) return;
    overview.tellTotals(totalsSentence(book));
    const { stuck } = book;
    const findings = new Map(stuck.map((lock) => [lock.name, lock]));
    overview.tellStuck(stuck.map((lock) => lock.name), (name) => diagnose(findings.get(name), book.elapsed),
        book.share === "stuck");
}

function totalsSentence(book) {
    const held = book.locks.length;
    const under = `${book.prefix === "" ? "" : " under this name"}${book.batch === 1 ? "" : ` in part ${book.batch}`}`;
    if (held === 0) return [{ text: `No lock${under} is held.` }];
    const { count, longest } = book.waiting;
    const verb = held === 1 ? "is" : "are";
    const amount = `${formatCount(held)}${book.next === null ? "" : "+"} ${held === 1 ? "lock" : "locks"}`;
    const sentence = [{ text: amount, isStrong: true }, { text: `${under} ${verb} held. ` }];
    if (count === 0) return [...sentence, { text: "Nobody waits." }];
    // A no-break space: a number at the end of a line would stand apart from its verb.
    const wait = count === 1 ? "\u00A0waits, for " : "\u00A0wait, the oldest for ";
    return [...sentence, { text: formatCount(count), isStrong: true }, { text: `${wait}${formatDuration(longest)}.` }];
}
