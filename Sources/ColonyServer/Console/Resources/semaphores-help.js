/** What the help says about the page of semaphores. */

/** The keys of this page, for the help. */
export const semaphoresKeys = [
    [["/"], "Filter by the start of the name"],
    [["j", "↓"], "Next semaphore"],
    [["k", "↑"], "Previous semaphore"],
    [["Enter"], "Show who holds permits and who waits"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Empty the filter, leave it"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const semaphoresMarks = [
    ["Permit", "One of a number that several may hold at once. A read-write lock is a semaphore, too: a reader takes one "
        + "permit and a writer all of them."],
    ["In use", "How many permits are held, of the limit that the latest request through this daemon brought. The store "
        + "does not keep the limit."],
    ["Left", "What is left of the lease on the permits unless it is renewed."],
    ["Waiter", "A request that keeps its place: nobody who comes later is served before it. A waiter that died loses its "
        + "place by itself."],
];
