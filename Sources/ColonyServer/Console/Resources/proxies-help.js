/** What the help says about the page of proxies. */

/** The keys of this page, for the help. */
export const proxiesKeys = [
    [["/"], "Filter by the start of the name"],
    [["j", "↓"], "Next endpoint"],
    [["k", "↑"], "Previous endpoint"],
    [["Enter"], "Show what is known of the endpoint, and what can be done"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Empty the filter, leave it"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const proxiesMarks = [
    ["Route", "Which requests are meant, and what is done with them. The first one that matches is taken."],
    ["Upstream", "Endpoints that serve the same things, among which an algorithm chooses."],
    ["In service", "The endpoint gets calls, as far as its priority and its zone get any."],
    ["Out of health", "A check says so. The endpoint gets no calls until the check says otherwise."],
    ["Ejected", "Too many of its calls went wrong. It comes back by itself, or at once when it is enabled."],
    ["Draining", "Somebody lets it run empty: no new calls but those of sessions that are bound to it."],
    ["In maintenance", "Somebody has taken it out: no new calls at all."],
    ["Under way", "Calls of the endpoint that have not ended. It is empty when there are none."],
    ["Share", "The part of all calls that it gets on average by weights and levels."],
];
