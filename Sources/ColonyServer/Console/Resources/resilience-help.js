/** What the help says about the page of limits and switches. */

/** The keys of this page, for the help. */
export const resilienceKeys = [
    [["/"], "Filter by the start of the name"],
    [["j", "↓"], "Next switch or limit"],
    [["k", "↑"], "Previous switch or limit"],
    [["Enter"], "Show the processes, and what can be done"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Empty the filter, leave it"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const resilienceMarks = [
    ["Automatic", "The breaker or the limit decides by itself."],
    ["Refuses all", "Somebody has switched it: every call is refused at once, in all processes that have it."],
    ["Lets all pass", "Somebody has switched it: every call is let through, and nothing is counted."],
    ["Breaker", "Counts failed calls in each process by itself, and refuses calls when too many fail. A process shows its "
        + "breakers here by a Switchboard; what it counts is since its start."],
    ["Not followed yet", "The process has not said that it obeys the switch. It follows within moments; one that has lost the "
        + "store stays as it was."],
    ["Limit", "Permits that come back evenly with time, counted by this daemon's store for all who ask it. It is listed while it "
        + "owes some."],
    ["Left", "How many permits could be taken now, of the most that an idle limit holds. A switch changes nothing in it."],
];
