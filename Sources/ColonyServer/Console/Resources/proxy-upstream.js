/** An upstream on the page of proxies: its endpoints, what can be done with them, and why a call goes where it goes. */

import { askToEnd } from "./coordination-dialogs.js";
import { explained, problemElement } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { KeyedRows } from "./keyed-rows.js";
import { explain, setState, stateWords } from "./proxies-api.js";
import { latencyText, rateText } from "./proxy-figures.js";
import { counted, formatCount, formatDuration, formatPercent } from "./text.js";

const columns = ["Endpoint", "State", "Under way", "Calls", "Latency"];

/** The part of a proxy for one upstream. */
export function makeUpstream(page, rates) {
    const title = element("h3", {});
    const facts = element("p", { class: "proxy-facts" });
    const problem = element("p", { class: "lag", hidden: true });
    const table = element("table", { class: "tags endpoints" }, element("thead", {}, element("tr", {},
        columns.map((column) => element("th", { scope: "col" }, column)))));
    const nobody = element("p", { class: "section-note", hidden: true }, "There are no endpoints, so that calls get 503.");
    let upstream = null;
    const rows = new KeyedRows(table, () => makeEndpoint(page, rates, () => upstream));
    const form = makeExplanation(page, () => upstream);
    return {
        element: element("section", { class: "upstream" }, title, facts, problem, table, nobody, form),
        update: (next) => {
            if (upstream === null) {
                replaceChildren(title, nameElement(next.name));
                setAttribute(table, "aria-label", `Endpoints of ${next.name}`);
            }
            upstream = next;
            const { source, checks } = next;
            const parts = [`by ${next.algorithm}`, ...(next.tls ? ["over TLS"] : [])];
            if (source.kind !== "file") parts.push(`found by ${source.name}`);
            parts.push(checks.length === 0 ? "no checks" : `checked by ${checks.join(", ")}`);
            setText(facts, parts.join(" · "));
            problem.hidden = source.problem === undefined;
            setText(problem, source.problem === undefined ? "" : `${source.problem}. `
                + (source.found_ago_ms === undefined ? "No endpoint was found yet."
                    : `The endpoints are those of ${formatDuration(source.found_ago_ms)} ago.`));
            table.hidden = next.endpoints.length === 0;
            nobody.hidden = next.endpoints.length > 0;
            rows.show(next.endpoints, ({ name }) => name);
        },
    };
}

/** The row of an endpoint, which opens. */
function makeEndpoint(page, rates, upstream) {
    const id = `endpoint-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    const state = element("span", { class: "endpoint-state" });
    const load = element("span", {});
    const calls = element("span", {});
    const latency = element("span", {});
    const reasons = element("ul", { class: "endpoint-reasons" });
    const facts = element("p", { class: "member-facts" });
    const outcome = element("div", { class: "outcome" });
    let endpoint = null;
    const act = async (word, text) => {
        replaceChildren(outcome);
        try {
            await setState(page.api, upstream().proxy, upstream().name, endpoint.name, word);
            page.done(text);
        } catch (error) {
            replaceChildren(outcome, problemElement(explained(error)));
        }
    };
    const buttons = {
        enabled: button("Enable", "plain", () => act("enabled", `${endpoint.name} is enabled.`)),
        drain: button("Drain", "plain", () => act("drain", `${endpoint.name} is drained.`)),
        maintenance: button("Maintenance…", "danger quiet", () => askForMaintenance(page, upstream(), endpoint)),
    };
    const detail = element("tr", { class: "detail", id, hidden: true }, element("td", { colspan: String(columns.length) },
        reasons, facts, element("div", { class: "switch-actions" }, Object.values(buttons)), outcome));
    const open = button(null, "open", () => {
        detail.hidden = !detail.hidden;
        setAttribute(open, "aria-expanded", String(!detail.hidden));
    });
    setAttribute(open, "aria-expanded", "false");
    setAttribute(open, "aria-controls", id);
    const cells = [["State", state], ["Under way", load], ["Calls", calls], ["Latency", latency]];
    return {
        element: element("tbody", { class: "entry endpoint" },
            element("tr", {}, element("th", { scope: "row" }, open),
                cells.map(([label, value]) => element("td", { "data-label": label }, value))), detail),
        update: (next) => {
            if (endpoint === null) replaceChildren(open, nameElement(next.name, { split: true }));
            endpoint = next;
            setText(state, stateWords[next.state] ?? next.state);
            setAttribute(state, "data-state", next.state);
            setText(load, formatCount(next.calls_under_way));
            const { proxy, name, at } = upstream();
            const key = (part) => `${proxy}/${name}/${next.name}/${part}`;
            const rate = rates.of(key("calls"), next.successes + next.failures, at);
            const failed = rates.of(key("failures"), next.failures, at);
            setText(calls, (rate === null ? "–" : `${rateText(rate)} a second`)
                + ((failed ?? 0) > 0 ? `, ${rateText(failed)} failed` : ""));
            calls.classList.toggle("troubled", (failed ?? 0) > 0);
            setText(latency, latencyText(next.latency_ms));
            showTexts(reasons, [
                ...next.reasons,
                ...next.checks.filter(({ healthy, probed }) => healthy && probed).map((check) => `${check.name}: ${check.reason}`),
            ]);
            setText(facts, endpointFacts(next));
            for (const [word, control] of Object.entries(buttons)) {
                setAttribute(control, "aria-label", `${control.textContent} ${next.name}`);
                const refusal = page.access.refusal("admin") ?? obstacle(word, next.state);
                control.disabled = refusal !== null;
                setAttribute(control, "title", refusal);
            }
        },
    };
}

/** Why a button would change nothing, or `null` if it would. */
function obstacle(word, state) {
    if (word === "drain" && state === "draining") return "It is drained already.";
    if (word === "maintenance" && state === "maintenance") return "It is in maintenance already.";
    return word === "enabled" && (state === "in_service" || state === "unhealthy") ? "It is enabled already." : null;
}

function endpointFacts(endpoint) {
    const parts = [
        endpoint.address, `weight ${formatCount(endpoint.weight)}${endpoint.weight_is_set ? ", set by hand" : ""}`,
        `share ${formatPercent(endpoint.expected_share)}`,
    ];
    if (endpoint.zone !== undefined) parts.push(`zone ${endpoint.zone}`);
    if (endpoint.priority > 0) parts.push(`priority ${endpoint.priority}`);
    if (endpoint.slow_start_share < 1) parts.push(`starting with ${formatPercent(endpoint.slow_start_share)} of its weight`);
    parts.push(`${formatCount(endpoint.successes)} good`, `${formatCount(endpoint.failures)} failed`,
        counted(endpoint.connections, "connection"));
    if (endpoint.failures_in_a_row > 0) parts.push(`${formatCount(endpoint.failures_in_a_row)} failures in a row`);
    return parts.join(" · ");
}

function askForMaintenance(page, { proxy, name }, endpoint) {
    return askToEnd({
        title: "Take it out of service?",
        facts: [["Endpoint", nameElement(endpoint.name)], ["Now", stateWords[endpoint.state]],
            ["Under way", counted(endpoint.calls_under_way, "call")]],
        does: ["The endpoint gets no new calls at all, also not those of sessions that are bound to it, until it is enabled."],
        doesNot: ["It does not end calls that are under way.", "It does not stop the endpoint."],
        consent: "The other endpoints can carry the calls.",
        action: "Take it out",
        act: () => setState(page.api, proxy, name, endpoint.name, "maintenance"),
        onDone: () => page.done(`${endpoint.name} is in maintenance.`),
    });
}

/** The form that asks why a call goes where it goes. */
function makeExplanation(page, upstream) {
    const id = `explain-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    const by = element("select", { "aria-label": "What is known of the call" },
        element("option", { value: "client" }, "address of the client"), element("option", { value: "key" }, "key"));
    const text = element("input", { type: "text", id, autocomplete: "off", spellcheck: "false", placeholder: "of any call" });
    const answer = element("div", { class: "explanation", role: "status" });
    const submit = element("button", { type: "submit", class: "plain" }, "Why this endpoint?");
    const form = element("form", {
        class: "explain", on: {
            submit: async (event) => {
                event.preventDefault();
                try {
                    const { rule, levels, chosen, endpoints } = await explain(
                        page.api, upstream().proxy, upstream().name, by.value, text.value.trim());
                    replaceChildren(answer, element("p", {}, [rule, ...levels].join(" ")),
                        chosen === undefined ? null : element("p", {}, "The call goes to ", element("strong", {}, chosen), "."),
                        element("ul", {}, endpoints.map((finding) => element("li", { class: finding.may_be_picked ? "may" : null },
                            nameElement(finding.name), `: ${finding.reason}`))));
                } catch (error) {
                    replaceChildren(answer, problemElement(explained(error)));
                }
            },
        },
    }, element("label", { for: id }, "Where does a call go with this"), by, text, submit);
    return [form, answer];
}

function showTexts(list, texts) {
    if (list.dataset.texts === JSON.stringify(texts)) return;
    list.dataset.texts = JSON.stringify(texts);
    replaceChildren(list, texts.map((text) => element("li", {}, text)));
}

function button(text, kind, click) {
    return element("button", { type: "button", class: kind, on: { click } }, text);
}
