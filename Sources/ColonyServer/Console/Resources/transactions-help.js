/** What the help says about the page of transactions. */

/** The keys of this page, for the help. */
export const transactionsKeys = [
    [["/"], "Filter by a part of the name or the identifier"],
    [["j", "↓"], "Next transaction"],
    [["k", "↑"], "Previous transaction"],
    [["Enter"], "Open the transaction; in the filter, the one of exactly this identifier"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Close the details, empty the filter"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const transactionsMarks = [
    ["Stuck", "It cannot go on without a person: a compensation or a step after the pivot was refused, or a step has failed "
        + "as often as it may."],
    ["Running", "It goes forward. A step without an answer is called again; nothing is undone on a guess."],
    ["Undoing", "A step was refused, somebody cancelled it, or it took too long: what was done is undone, the latest first."],
    ["Completed, undone", "Ended: all steps were done, or none has an effect any more."],
    ["Pivot", "The point of no return. Before it a refusal turns the transaction back; after it every step is repeated until it "
        + "is done."],
    ["Action, compensation", "What a step does, and what undoes it. Of a TCC they are try, confirm, and cancel."],
    ["Time on the axis", "Time at work since the start. What passed while it was stuck is cut out, and marked."],
    ["Attempts", "The first, second, fourth, eighth, and so on are written down, so that a long outage does not fill the journal."],
];
