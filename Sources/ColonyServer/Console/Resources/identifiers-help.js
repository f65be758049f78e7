/** What the help says about the identifiers page. */

/** The keys of this page, for the help. */
export const identifiersKeys = [
    [["n"], "Issue what the form says"],
    [["/"], "Take an identifier apart"],
    [["r"], "Ask the daemon again"],
    [["Esc"], "Empty the field, leave it"],
    [["?"], "This help"],
];

/** The words of this page, for the help. */
export const identifiersMarks = [
    ["Worker", "The number that tells this daemon's Snowflake identifiers from those of others. It is leased from the "
        + "store, so no two daemons have the same one, unless the configuration fixes it."],
    ["Reserved until", "No identifier is issued for a later moment than this before more is reserved in the store. A "
        + "restart goes on behind it, whatever the clock says."],
    ["Next", "The number that the next range of a tag starts at. Numbers that a stopped program had in hand are "
        + "skipped, never repeated."],
    ["Scheme", "How the numbers of a tag are used. Whoever asks with another scheme is refused."],
];
