/** The frame: pages, the connection, the theme, and the keys that work everywhere. */

import { Access } from "./access.js";
import { Api } from "./api.js";
import { cachesKeys, cachesMarks } from "./caches-help.js";
import { CachesPage } from "./caches-page.js";
import { clusterKeys, clusterMarks } from "./cluster-help.js";
import { ClusterPage } from "./cluster-page.js";
import { announce, askForToken, isDialogOpen, showHelp } from "./dialogs.js";
import { element, replaceChildren, setAttribute, setText } from "./dom.js";
import { identifiersKeys, identifiersMarks } from "./identifiers-help.js";
import { IdentifiersPage } from "./identifiers-page.js";
import { LiveUpdates } from "./live.js";
import { locksKeys, locksMarks } from "./locks-help.js";
import { LocksPage } from "./locks-page.js";
import { proxiesKeys, proxiesMarks } from "./proxies-help.js";
import { ProxiesPage } from "./proxies-page.js";
import { queuesKeys, queuesMarks } from "./queues-help.js";
import { QueuesPage } from "./queues-page.js";
import { registryKeys, registryMarks } from "./registry-help.js";
import { RegistryPage } from "./registry-page.js";
import { resilienceKeys, resilienceMarks } from "./resilience-help.js";
import { ResiliencePage } from "./resilience-page.js";
import { semaphoresKeys, semaphoresMarks } from "./semaphores-help.js";
import { SemaphoresPage } from "./semaphores-page.js";
import { formatDuration, formatGuarantee, formatTimeOfDay } from "./text.js";
import { transactionsKeys, transactionsMarks } from "./transactions-help.js";
import { TransactionsPage } from "./transactions-page.js";

/**
 * The pages that exist, in the order of the navigation. A page has `element`, `start(query)`, `stop()`,
 * `changed(event)`, `refresh()`, `tick()`, `key(event)`, `escapeFromField()`, and `leaveFieldDown()`.
 */
const pages = {
    locks: {
        title: "Locks",
        event: "locks",
        make: (context) => new LocksPage(context),
        keys: locksKeys,
        marks: locksMarks,
    },
    semaphores: {
        title: "Semaphores",
        event: "semaphores",
        make: (context) => new SemaphoresPage(context),
        keys: semaphoresKeys,
        marks: semaphoresMarks,
    },
    registry: {
        title: "Elections & registry",
        event: "registry",
        make: (context) => new RegistryPage(context),
        keys: registryKeys,
        marks: registryMarks,
    },
    identifiers: {
        title: "Identifiers",
        make: (context) => new IdentifiersPage(context),
        keys: identifiersKeys,
        marks: identifiersMarks,
    },
    caches: {
        title: "Caches",
        make: (context) => new CachesPage(context),
        keys: cachesKeys,
        marks: cachesMarks,
    },
    queues: {
        title: "Queues",
        event: "queues",
        make: (context) => new QueuesPage(context),
        keys: queuesKeys,
        marks: queuesMarks,
    },
    transactions: {
        title: "Transactions",
        event: "transactions",
        make: (context) => new TransactionsPage(context),
        keys: transactionsKeys,
        marks: transactionsMarks,
    },
    resilience: {
        title: "Resilience",
        event: "switches",
        make: (context) => new ResiliencePage(context),
        keys: resilienceKeys,
        marks: resilienceMarks,
    },
    proxies: {
        title: "Proxies",
        event: "proxies",
        make: (context) => new ProxiesPage(context),
        keys: proxiesKeys,
        marks: proxiesMarks,
    },
    cluster: {
        title: "Cluster",
        event: "cluster",
        make: (context) => new ClusterPage(context),
        keys: clusterKeys,
        marks: clusterMarks,
    },
};

const connectionWords = {
    connecting: ["Connecting", "Connecting to the daemon."],
    live: ["Live", "What you see follows the daemon as it changes."],
    reconnecting: ["Reconnecting", "The connection broke; trying again. Press to try now."],
    offline: ["Offline", "The daemon cannot be reached. Press to try now."],
    polling: ["Polling", "There is no stream of events, so the console asks every few seconds. Press to try again."],
    refused: ["Token needed", "The daemon refuses this console without a token. Press to try again."],
};

const api = new Api();
const parts = Object.fromEntries(
    ["pages", "page", "connection", "connection-text", "theme", "help", "server-facts", "notice"]
        .map((id) => [id, document.getElementById(id)]));

let page = null;
let pageKey = null;
let connection = "connecting";
let server = null;
let access = new Access(null);
let serverAt = 0;
let loadedDate = null;
let hasFailed = false;
let isAnswering = false;

const live = new LiveUpdates({
    open: (signal) => api.events(signal),
    onEvent: (event) => {
        if (event.name === pages[pageKey].event) page.changed(event);
    },
    onState: (state, error) => {
        const wasLive = connection === "live";
        connection = state;
        // An answer that says no still is one: the daemon lives, and asking now and then has to do.
        isAnswering = error?.status !== undefined;
        // After an outage: whatever happened while nobody told. At its start: does the daemon still answer?
        if (state === "live") readServer();
        if (state === "live" || wasLive) page.refresh();
        if (wasLive !== (state === "live") || state === "offline") announce(connectionWords[state][1]);
        if (state === "refused") refused(error);
        drawConnection();
    },
});

const context = {
    api,
    get access() { return access; },
    setTitle: (title) => { document.title = `${title} · Colony`; },
    setQuery: (query) => {
        const text = query.toString();
        history.replaceState(null, "", `#/${pageKey}${text === "" ? "" : `?${text}`}`);
    },
    onLoaded: (date) => {
        loadedDate = date;
        hasFailed = false;
        drawConnection();
    },
    onFailed: (problem) => {
        hasFailed = true;
        if (problem.status === 401) refused(problem);
        drawConnection();
    },
};

function refused(problem) {
    if (problem?.status !== 401) return;
    askForToken({
        api,
        problem,
        attempt: async () => {
            await api.server();
            live.retry();
            page.refresh();
            readServer();
        },
    });
}

async function readServer() {
    try {
        server = await api.server();
        access = new Access(server.token);
        serverAt = performance.now();
        drawServer();
    } catch (error) {
        // The connection and the page report the same failure; the last known facts stay.
        if (error.status === 401) refused(error);
    }
}

function drawServer() {
    if (server === null) return;
    const uptime = formatDuration(server.uptime_ms + performance.now() - serverAt);
    // A store that is a file names its own place.
    const place = server.data && !String(server.store).includes(server.data) ? ` in ${server.data}` : "";
    const sentences = [
        `colony ${server.version} on ${location.host}, up ${uptime}.`,
        server.store ? `Store: ${server.store}${place}.` : "",
        formatGuarantee(server.guarantee),
    ];
    setText(parts["server-facts"], sentences.filter((sentence) => sentence !== "").join(" "));
}

function drawConnection() {
    const isBroken = connection === "reconnecting" || connection === "offline";
    const state = isBroken && isAnswering && !hasFailed ? "polling" : connection;
    const [word, meaning] = connectionWords[state];
    const isStale = loadedDate !== null && hasFailed;
    setAttribute(parts.connection, "data-state", state);
    setText(parts["connection-text"], word);
    setAttribute(parts.connection, "title", meaning);
    document.documentElement.classList.toggle("stale", isStale);
    const isAway = state === "offline" && loadedDate !== null;
    parts.notice.hidden = !isAway;
    setText(parts.notice, isAway
        ? `The daemon at ${location.host} cannot be reached. What you see is from ${formatTimeOfDay(loadedDate)}.`
        : "");
}

function drawTheme() {
    const names = { system: "Auto", light: "Light", dark: "Dark" };
    const { current } = window.colonyTheme;
    setText(parts.theme, names[current]);
    setAttribute(parts.theme, "aria-label", `Theme: ${names[current]}`);
    setAttribute(parts.theme, "title", current === "system" ? "Theme: as the system has it" : `Theme: ${current}`);
}

function drawPages() {
    replaceChildren(parts.pages, Object.entries(pages).map(([key, { title }]) => element("li", {},
        element("a", { href: `#/${key}`, "aria-current": key === pageKey ? "page" : null }, title))));
}

function openAddress() {
    const [, key = "", query = ""] = /^#\/(\w+)(?:\?(.*))?$/.exec(location.hash) ?? [];
    const wanted = key in pages ? key : Object.keys(pages)[0];
    if (wanted !== pageKey) {
        // What a page that was left still learns must not show in the title or the connection.
        page?.stop();
        pageKey = wanted;
        page = pages[wanted].make(context);
        replaceChildren(parts.page, page.element);
        document.title = `${pages[wanted].title} · Colony`;
        drawPages();
    }
    page.start(new URLSearchParams(query));
}

function isField(target) {
    return target.matches?.("input, textarea, select, [contenteditable]") ?? false;
}

document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isDialogOpen()) return;
    if (isField(event.target)) {
        if (event.key === "Escape") page.escapeFromField();
        else if (event.key === "ArrowDown" && event.target.matches("input")) page.leaveFieldDown();
        else return;
        event.preventDefault();
        return;
    }
    if (event.key === "?") help();
    else if (!page.key(event)) return;
    event.preventDefault();
});

function help() {
    const { keys, marks } = pages[pageKey];
    showHelp({
        keys,
        marks,
        // What was read with the token goes with it.
        forgetToken: !api.hasToken ? null : () => {
            api.setToken(null);
            location.reload();
        },
    });
}

parts.help.addEventListener("click", help);
parts.theme.addEventListener("click", () => {
    const order = ["system", "light", "dark"];
    window.colonyTheme.current = order[(order.indexOf(window.colonyTheme.current) + 1) % order.length];
    drawTheme();
});
parts.connection.addEventListener("click", () => {
    live.retry();
    page.refresh();
});
document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    parts.page.focus();
});
addEventListener("hashchange", openAddress);
addEventListener("online", () => live.retry());
document.addEventListener("visibilitychange", () => {
    if (!document.hidden) page.refresh();
});

drawTheme();
openAddress();
live.run();
setInterval(() => {
    page.tick();
    if (!hasFailed) drawServer();
}, 1_000);
