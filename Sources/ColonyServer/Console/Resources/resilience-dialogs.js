/** What the page of limits and switches asks before it changes what all processes do. */

import { Problem } from "./api.js";
import { askToEnd } from "./coordination-dialogs.js";
import { element, nameElement } from "./dom.js";
import { move, position, positionWords, reset, ruleText, standing } from "./resilience-api.js";

const kindWords = { breaker: "Breaker", limit: "Limit" };

const moves = {
    refusing: {
        title: "Refuse every call?",
        does: ["Every call is refused at once, in all processes that have it, until it is switched again."],
        doesNot: ["It does not end calls that are under way.", "It does not reach a process that has lost the store: "
            + "that one stays as it was until it is back."],
        consent: "Every caller gets an error or a refusal from now on, and I want that.",
        action: "Refuse all",
    },
    passing: {
        title: "Let every call pass?",
        does: ["Every call is let through, in all processes that have it, and nothing is counted."],
        doesNot: ["It does not protect what is called: a service that is down or slow gets all calls.",
            "It does not reach a process that has lost the store: that one stays as it was until it is back."],
        consent: "Nothing holds calls back from now on, and I want that.",
        action: "Let all pass",
    },
    automatic: {
        title: "Make it automatic again?",
        does: ["It decides by itself again: a breaker begins closed and with nothing counted, a limit goes on with what it owes."],
        doesNot: ["It does not mend what made somebody switch it."],
        consent: "The reason to have it switched is gone.",
        action: "Make it automatic",
    },
};

/** Asks whether to move a switch and why, and moves it if it still stands where the operator saw it. */
export function askToSwitch({ api, item, to, onDone }) {
    const words = moves[to];
    const reason = element("input", { type: "text", id: "reason", maxlength: "1000", autocomplete: "off" });
    return askToEnd({
        title: words.title,
        facts: [
            [kindWords[item.kind] ?? item.kind, nameElement(item.name)], ["Now", positionWords[item.position]],
            ...(item.reason === undefined ? [] : [["Because", nameElement(item.reason)]]),
        ],
        does: words.does,
        doesNot: words.doesNot,
        consent: words.consent,
        action: words.action,
        content: to === "automatic" ? null : element("div", { class: "reason-field" },
            element("label", { for: "reason" }, "Reason"), reason,
            element("p", { class: "note" }, "Everybody who looks at it reads it. It may be empty.")),
        act: async () => {
            const present = await position(api, item);
            if (present !== item.position) {
                throw new Problem(409, "lost",
                    `Somebody has switched it: now it is “${positionWords[present]}”. Nothing was changed.`);
            }
            await move(api, item, to, reason.value.trim());
        },
        onDone,
    });
}

/** Asks whether to make a limit full again, and does. */
export function askToReset({ api, limit, onDone }) {
    return askToEnd({
        title: "Reset this limit?",
        facts: [
            ["Limit", nameElement(limit.name)], ["Rule", ruleText(limit)],
            ["Left", `${standing(limit).left} of ${limit.burst}`],
        ],
        does: ["The daemon forgets what was taken: the limit is full at once, for all who share it."],
        doesNot: ["It does not change the rule, which comes with each request."],
        consent: "As many calls as the limit holds may come at once, on top of those that were let through.",
        action: "Reset the limit",
        act: () => reset(api, limit.name),
        onDone,
    });
}
