/** What the help says about the page of caches. */

/** The keys of this page, for the help. */
export const cachesKeys = [
    [["r"], "Ask the daemon again"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const cachesMarks = [
    ["Hit ratio", "The share of look-ups that found an entry, in steps of ten seconds. The columns under the curve are the "
        + "look-ups themselves. Where nobody asked there is no ratio, and the curve has a gap."],
    ["Evicted", "Given up for want of room, by the policy. Many of them and a low hit ratio mean that the cache is too small."],
    ["Hottest keys", "What is asked for most, also if there is no entry for it. Counts fade by half every ten minutes. A "
        + "count with ≤ may be too high, because only the keys that lead are counted one by one."],
    ["Listeners", "Programs that keep copies of entries and are told when these change."],
];
