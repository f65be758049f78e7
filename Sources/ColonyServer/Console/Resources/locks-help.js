/** What the help says about the locks page. */

/** The keys of this page, for the help. */
export const locksKeys = [
    [["/"], "Filter by the start of the name"],
    [["j", "↓"], "Next lock"],
    [["k", "↑"], "Previous lock"],
    [["Enter"], "Open the lock"],
    [["w"], "Show who waits"],
    [["b"], "Break the lock, after asking"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Close the details, empty the filter"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const locksMarks = [
    ["Remaining", "What is left of the lease unless it is renewed. A holder that is well renews at a third, so the bar "
        + "stays above two thirds."],
    ["Token", "The fencing token: greater at every grant of a name, for ever. A resource that refuses an older one "
        + "keeps a former holder out."],
    ["Not renewed", "Less than a third of the lease is left: its holder is paused, cut off, or gone. The lease ends by "
        + "itself."],
    ["Keeps others waiting", "Somebody has waited for 30 seconds or a whole lease, whichever is longer, while the "
        + "holder goes on."],
    ["Held long", "For an hour while others wait, or for a day at all."],
];
