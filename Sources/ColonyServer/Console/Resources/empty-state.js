/** What the locks page shows before the first lock: three ways to make one. */

import { element } from "./dom.js";
import { command } from "./lock-panel.js";

/** The empty state for a daemon at `origin`. */
export function emptyState(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Make the first one"),
        element("p", {}, "It appears here as soon as it is granted, and leaves when it is released or runs out."),
        element("div", { class: "ways" },
            way("In a terminal", "Holds the lock while the command runs, and renews it.",
                `colony lock run demo \\\n  --server ${origin} \\\n  -- sleep 60`),
            way("Over HTTP", "Holds it for a minute; whoever takes it renews it.",
                `curl ${origin}/v1/locks/demo/acquire \\\n`
                + `  -H 'content-type: application/json' \\\n  -d '{"ttl_ms": 60000}'`),
            way("In Swift", "Holds it while the closure runs, and cancels it if the lock is lost.",
                "import ColonyCoordination\nimport ColonyRemote\n\n"
                + `let lock = DistributedLock(\n    "demo", on: .colony("${origin}"))\n`
                + "try await lock.withLock { lease in\n    try await work(lease.token)\n}")));
}

function way(title, note, text) {
    return element("div", { class: "way" },
        element("h3", {}, title), element("p", {}, note), command(text, `Copy: ${title}`));
}
