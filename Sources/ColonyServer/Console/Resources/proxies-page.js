/** The page of proxies: from where requests come, by which routes, to which endpoints, and how those do. */

import { CoordinationPage } from "./coordination-page.js";
import { announce, explained, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { emptyProxies } from "./empty-state.js";
import { KeyedRows } from "./keyed-rows.js";
import { proxies, Rates, reload } from "./proxies-api.js";
import { latencyText, rateText } from "./proxy-figures.js";
import { makeUpstream } from "./proxy-upstream.js";
import { counted, formatCount } from "./text.js";

const absence = "This daemon runs no proxies.";

export class ProxiesPage extends CoordinationPage {
    #empty = emptyProxies(location.origin);
    #none = element("p", { class: "no-match", hidden: true }, "No proxy begins like this.");
    #list = element("div", { class: "proxies" });
    #rows;
    #rates = new Rates();
    #reload = element("button", { type: "button", class: "plain", on: { click: () => this.#reloadFile() } },
        "Read the file again");
    #outcome = element("div", { class: "outcome", role: "status" });

    constructor(context) {
        super(context, { title: "Proxies", filterLabel: "Filter by the start of the name", absence });
        this.#rows = new KeyedRows(this.#list, () => makeProxy(this, this.#rates));
        this.#empty.hidden = true;
        replaceChildren(this.body, this.#empty, this.#none, this.#list,
            element("div", { class: "proxy-file" }, this.#reload, this.#outcome));
    }

    async load() {
        const { count, found } = await proxies(this.api, this.prefix);
        this.#empty.hidden = count > 0;
        this.#none.hidden = count === 0 || found.length > 0;
        const refusal = this.access.refusal("admin");
        this.#reload.disabled = refusal !== null;
        setAttribute(this.#reload, "title", refusal);
        this.#rows.show(found, ({ name }) => name);
        replaceChildren(this.hero, count === 0 ? "There are no proxies." : sentence(found));
    }

    /** Says what was done, and looks again. */
    done(text) {
        announce(text);
        this.refresh();
    }

    async #reloadFile() {
        if (this.#reload.getAttribute("aria-busy") === "true") return;
        this.#reload.setAttribute("aria-busy", "true");
        replaceChildren(this.#outcome);
        try {
            const { added, kept, removed } = await reload(this.api);
            const text = `The file holds now: ${counted(added.length, "new proxy", "new proxies")}, `
                + `${formatCount(kept.length)} kept, ${formatCount(removed.length)} gone.`;
            replaceChildren(this.#outcome, element("p", { class: "note" }, text));
            this.done(text);
        } catch (error) {
            replaceChildren(this.#outcome, problemElement(explained(error)));
        } finally {
            this.#reload.removeAttribute("aria-busy");
        }
    }
}

/** What the top of the page says. */
function sentence(found) {
    const endpoints = found.flatMap(({ upstreams }) => upstreams.flatMap(({ endpoints: all }) => all));
    const out = endpoints.filter(({ state }) => state !== "in_service").length;
    return [
        element("strong", {}, counted(found.length, "proxy", "proxies")),
        ` to ${counted(endpoints.length, "endpoint")}, `,
        out === 0 ? "all in service." : [element("strong", {}, `${formatCount(out)} out of service`), "."],
    ];
}

/** The part of the page for one proxy. */
function makeProxy(page, rates) {
    const title = element("h2", {});
    const facts = element("p", { class: "proxy-facts" });
    const traffic = element("dl", { class: "proxy-traffic" });
    const figures = new Map();
    const routes = element("ol", { class: "proxy-routes", "aria-label": "Routes" });
    const routeRows = new KeyedRows(routes, () => makeRoute(rates));
    const upstreams = element("div", { class: "proxy-upstreams" });
    const upstreamRows = new KeyedRows(upstreams, () => makeUpstream(page, rates));
    const figure = (name, text, isBad = false) => {
        let value = figures.get(name);
        if (value === undefined) {
            value = element("dd", {});
            figures.set(name, value);
            traffic.append(element("div", {}, element("dt", {}, name), value));
        }
        setText(value, text);
        value.classList.toggle("troubled", isBad);
    };
    let name = null;
    return {
        element: element("section", { class: "proxy tag-list" }, title, facts, traffic,
            element("div", { class: "proxy-map" }, routes, upstreams)),
        update: (proxy) => {
            if (name === null) replaceChildren(title, nameElement(proxy.name));
            name = proxy.name;
            setText(facts, `${proxy.mode === "http" ? "HTTP" : "TCP"}${proxy.tls ? " over TLS" : ""} at ${proxy.listen.join(", ")}, `
                + `${counted(proxy.workers, "worker")}`);
            const { traffic: counts, latency, now_ms: at } = proxy;
            const key = (part) => `${proxy.name}/${part}`;
            figure("Requests", rateText(rates.of(key("requests"), counts.requests, at)));
            figure("Under way", formatCount(counts.active_requests));
            figure("Connections", formatCount(counts.active_connections));
            const failed = rates.of(key("5xx"), counts.answers["5xx"], at);
            figure("Answers of 5xx", rateText(failed), (failed ?? 0) > 0);
            figure("Half within", latencyText(latency.p50_ms));
            figure("99 % within", latencyText(latency.p99_ms));
            figure("Retries", rateText(rates.of(key("retries"), counts.retries, at)));
            // Without routes all goes to the only upstream.
            const all = proxy.routes.length > 0 ? proxy.routes : [{
                name: "everything", match: "everything", action: "forward", upstream: proxy.upstreams[0]?.name,
            }];
            routeRows.show(all.map((route) => ({ ...route, proxy: proxy.name, at })), ({ name: route }) => route);
            upstreamRows.show(proxy.upstreams.map((upstream) => ({ ...upstream, proxy: proxy.name, at })),
                ({ name: upstream }) => upstream);
        },
    };
}

/** A route: which requests, and where they go. */
function makeRoute(rates) {
    const match = element("span", { class: "route-match" });
    const target = element("span", { class: "route-target" });
    const facts = element("span", { class: "member-facts" });
    const name = element("span", { class: "member-name" });
    return {
        element: element("li", {}, name, match, target, facts),
        update: (route) => {
            replaceName(name, route.name);
            setText(match, route.match === route.name ? "" : route.match);
            setText(target, route.upstream === undefined ? route.action : `→ ${route.upstream}`);
            if (route.requests === undefined) return setText(facts, "");
            const rate = rates.of(`${route.proxy}/route/${route.name}`, route.requests, route.at);
            const refused = route.refused_by_rate + route.refused_by_concurrency + route.refused_by_breaker;
            const parts = [rateText(rate), `${formatCount(route.active_requests)} under way`];
            if (route.answers["5xx"] > 0) parts.push(`${formatCount(route.answers["5xx"])} failed`);
            if (refused > 0) parts.push(`${formatCount(refused)} refused`);
            if (route.breaker !== undefined) parts.push(`breaker ${route.breaker}`);
            setText(facts, parts.join(" · "));
            facts.classList.toggle("troubled", route.breaker !== undefined && route.breaker !== "closed");
        },
    };
}

function replaceName(node, text) {
    if (node.dataset.name === text) return;
    node.dataset.name = text;
    replaceChildren(node, nameElement(text));
}
