/** What a page shows before there is anything: three ways to make the first one. */

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

/** The empty state of the page of caches. */
export function emptyCache(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Store the first one"),
        element("p", {}, "What is stored and asked for is counted here."),
        element("div", { class: "ways" },
            way("In a terminal", "Keeps the value for ten minutes.",
                `colony cache set greeting hello \\\n  --ttl 10m --server ${origin}\ncolony cache get greeting \\\n`
                + `  --server ${origin}`),
            way("Over HTTP", "Keeps the body with its content type.",
                `curl -X PUT '${origin}/v1/cache/greeting?ttl_ms=600000' \\\n`
                + `  -H 'content-type: text/plain' \\\n  -d hello\ncurl ${origin}/v1/cache/greeting`),
            way("In Swift", "Reads and writes the same entries.",
                "import ColonyCaches\nimport ColonyRemote\n\n"
                + `let tier: RemoteCacheTier = try .colony(\n    "${origin}")\n`
                + "try await tier.set([\n    CacheWrite(\"greeting\", Array(\"hello\".utf8))\n])")));
}

/** The empty state of the page of queues. */
export function emptyQueues(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Declare the first one"),
        element("p", {}, "What is published to it is stored until a consumer has acknowledged it."),
        element("div", { class: "ways" },
            way("In a terminal", "Declares a queue, publishes, and runs a command for each message.",
                `colony queue declare orders \\\n  --server ${origin}\n`
                + `colony queue publish orders hello \\\n  --server ${origin}\n`
                + `colony queue consume orders \\\n  --server ${origin} -- cat`),
            way("Over HTTP", "Declares a queue, publishes a message, and takes it.",
                `curl -X PUT ${origin}/v1/queues/orders\n`
                + `curl ${origin}/v1/queues/orders/messages \\\n`
                + "  -H 'content-type: application/json' \\\n  -d '{\"messages\": [{\"body\": \"hello\"}]}'\n"
                + `curl -X POST \\\n  ${origin}/v1/queues/orders/receive`),
            way("In Swift", "Declares the queue at its first use, and keeps a message until the closure has returned.",
                "import ColonyQueues\nimport ColonyRemote\n\n"
                + `let orders = try MessageQueue<String>(\n    "orders", on: .colony("${origin}"))\n`
                + "try await orders.publish(\"hello\")\ntry await orders.consumer { message in\n"
                + "    print(message.payload)\n}.run()")));
}

/** The empty state of the page of transactions. */
export function emptyTransactions(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Start the first one"),
        element("p", {}, "All of its steps are done, or none has an effect any more, or it is stuck and somebody decides here."),
        element("div", { class: "ways" },
            way("In a terminal", "Starts what a file defines, and waits for its end.",
                "cat > order.json <<'EOF'\n{\"name\": \"place-order\", \"steps\": [\n  {\"name\": \"stock\",\n"
                + "   \"action\": \"http://127.0.0.1:8081/reserve\",\n   \"compensation\": \"http://127.0.0.1:8081/release\"},\n"
                + "  {\"name\": \"payment\",\n   \"action\": \"http://127.0.0.1:8082/charge\"}]}\nEOF\n"
                + `colony saga start order.json --wait 30s \\\n  --server ${origin}`),
            way("Over HTTP", "Starts a saga; started again under the same identifier it is there once.",
                `curl ${origin}/v1/sagas \\\n  -H 'content-type: application/json' \\\n  -d '{"id": "order-4711",\n`
                + "       \"name\": \"place-order\",\n       \"payload\": {\"item\": 7},\n       \"steps\": [{\"name\": \"stock\",\n"
                + "         \"action\": \"http://127.0.0.1:8081/reserve\",\n"
                + "         \"compensation\": \"http://127.0.0.1:8081/release\"}]}'"),
            way("In Swift", "Works on it in the program itself, and shows it here if both use one store.",
                "import ColonySQLite\nimport ColonyTransactions\n\n"
                + "let placeOrder = try Saga<Order, Reservation>(\n    \"place-order\") { saga in\n"
                + "    saga.step(\"stock\") { call in\n        try await stock.reserve(call.input)\n"
                + "    } compensation: { call in\n        try await stock.release(call.input)\n    }\n}")));
}

/** The empty state of the page of semaphores. */
export function emptySemaphores(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Take the first permit"),
        element("p", {}, "It appears here as soon as it is granted, and leaves when it is released or runs out."),
        element("div", { class: "ways" },
            way("In a terminal", "Holds one of four permits while the command runs, and renews it.",
                `colony semaphore run uploads --limit 4 \\\n  --server ${origin} \\\n  -- sleep 60`),
            way("Over HTTP", "Holds it for a minute; whoever takes it renews it.",
                `curl ${origin}/v1/semaphores/uploads/acquire \\\n`
                + `  -H 'content-type: application/json' \\\n  -d '{"limit": 4, "ttl_ms": 60000}'`),
            way("In Swift", "Holds it while the closure runs, and cancels it if the permit is lost.",
                "import ColonyCoordination\nimport ColonyRemote\n\n"
                + `let uploads = Semaphore(\n    "uploads", permits: 4,\n    on: try .colony("${origin}"))\n`
                + "try await uploads.withPermit { lease in\n    try await upload(lease.token)\n}")));
}

/** The empty state of the page of elections and of the registry. */
export function emptyRegistry(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Write the first record"),
        element("p", {}, "Leaders, instances of services, and watched configuration are records in groups."),
        element("div", { class: "ways" },
            way("In a terminal", "Leads while the command runs, and says where it is.",
                `colony elect run scheduler --metadata here \\\n  --server ${origin} \\\n  -- sleep 60`),
            way("Over HTTP", "Keeps a record of a service for a minute; its owner renews it.",
                `curl -X PUT \\\n  ${origin}/v1/registry/service%2Forders/records/a \\\n`
                + "  -H 'content-type: application/json' \\\n"
                + `  -d '{"value": "10.0.0.7:80", "owner": "a", "ttl_ms": 60000}'`),
            way("In Swift", "Keeps the instance registered while the closure runs.",
                "import ColonyCoordination\nimport ColonyRemote\n\n"
                + `let registry = Registry(\n    on: try .colony("${origin}"))\n`
                + "let instance = ServiceInstance(\n    id: \"orders-1\", address: \"10.0.0.7\", port: 8080)\n"
                + "try await registry.withRegistration(\n    instance, as: \"orders\") { _ in\n    try await serve()\n}")));
}

/** The empty state of the page of limits and switches. */
export function emptyResilience(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Take the first permit, or put the first breaker on a board"),
        element("p", {}, "A limit appears here while it owes permits. A breaker appears while its process reports it."),
        element("div", { class: "ways" },
            way("In a terminal", "Takes one permit of a hundred in an hour, and ends with 75 if there is none.",
                `colony limit take mails \\\n  --rate 100 --per 1h \\\n  --server ${origin}`),
            way("Over HTTP", "Takes one permit, and refuses everybody by the switch of the limit.",
                `curl ${origin}/v1/limits/mails/take \\\n`
                + `  -H 'content-type: application/json' \\\n  -d '{"rate": 100, "per_ms": 3600000}'\n`
                + `curl -X PUT ${origin}/v1/switches/limit/mails \\\n`
                + "  -H 'content-type: application/json' \\\n"
                + `  -d '{"position": "refusing", "reason": "spam"}'`),
            way("In Swift", "Shows the breakers of a process here, and obeys what is switched here.",
                "import ColonyCoordination\nimport ColonyRemote\nimport ColonyResilience\n\n"
                + `let board = try Switchboard(\n    on: .colony("${origin}"),\n    node: NodeID("orders-1"))\n`
                + "try board.add(payments)  // a CircuitBreaker\ntry await board.run()")));
}

/** The empty state of the page of proxies. */
export function emptyProxies(origin) {
    return element("section", { class: "empty" },
        element("h2", {}, "Put the first proxy in front of a service"),
        element("p", {}, "The daemon runs the proxies of its configuration file, and reads it again when it is told to."),
        element("div", { class: "ways" },
            way("In colony.yaml", "Passes requests on to two endpoints, and asks them whether they are well.",
                "proxies:\n  web:\n    listen: 127.0.0.1:8080\n    upstreams:\n      app:\n"
                + "        endpoints: [10.0.0.1:80, 10.0.0.2:80]\n        health: {path: /healthz}"),
            way("In a terminal", "Begins with the file; afterwards a signal is enough, and nothing is interrupted.",
                "colony serve --config colony.yaml\nkill -HUP $(pidof colony)"),
            way("Over HTTP", "Reads the file again, and says what is wrong with it.",
                `curl -X POST ${origin}/v1/proxies/reload`)));
}

export function emptyCluster() {
    return element("section", { class: "empty" },
        element("h2", {}, "Have daemons know each other"),
        element("p", {}, "The members of a cluster know which of them are there, and take one that does not answer for failed."),
        element("div", { class: "ways" },
            way("The first member", "Begins a cluster, on this host only.", "colony serve --cluster orders"),
            way("A further one", "Asks a member for the others.",
                "colony serve --cluster orders --join 127.0.0.1:7946 \\\n  --http 127.0.0.1:7401 --data second \\\n"
                + "  --node second --set cluster.port=7956"),
            way("Over a network", "Members need a key there, the same for all.",
                "openssl rand -base64 32 > cluster.key\ncolony serve --cluster orders --set cluster.host=10.0.0.1 \\\n"
                + "  --set cluster.key_file=cluster.key")));
}

function way(title, note, text) {
    return element("div", { class: "way" },
        element("h3", {}, title), element("p", {}, note), command(text, `Copy: ${title}`));
}
