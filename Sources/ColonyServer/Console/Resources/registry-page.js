/** The page of elections and of the registry: who leads, and which records the groups have. */

import { askToRemove } from "./coordination-dialogs.js";
import { CoordinationPage } from "./coordination-page.js";
import { announce, askToBreak } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText, spelledOut } from "./dom.js";
import { emptyRegistry } from "./empty-state.js";
import { KeyedRows } from "./keyed-rows.js";
import {
    candidateName, elections, groups, parsed, records, servicePrefix, split,
} from "./registry-api.js";
import { counted, formatCount, formatDuration } from "./text.js";

/** How much of a value is shown. */
const longestValue = 400;

export class RegistryPage extends CoordinationPage {
    #empty = emptyRegistry(location.origin);
    #none = element("p", { class: "no-match", hidden: true }, "No group begins like this.");
    #elections;
    #electionRows;
    #groups;
    #groupRows;
    #more = element("button", { type: "button", class: "plain", hidden: true, on: { click: () => this.#showMore() } },
        "Show more");
    #pages = 1;
    /** The names of the groups whose records are shown. */
    #opened = new Set();
    #shown = new Map();

    constructor(context) {
        super(context, {
            title: "Elections & registry", filterLabel: "Filter by the start of the group",
            absence: "The store of this daemon does not list groups of records.",
        });
        const electionTable = table("Elections", ["Election", "Leader", "Term", "Led for", ""]);
        this.#electionRows = new KeyedRows(electionTable, () => this.#makeElection());
        this.#elections = section("elections-title", "Elections", electionTable);
        const groupTable = table("Groups", ["Group", "Records"]);
        this.#groupRows = new KeyedRows(groupTable, () => this.#makeGroup());
        this.#groups = section("groups-title", "Groups", groupTable, this.#more);
        this.#empty.hidden = true;
        replaceChildren(this.body, this.#empty, this.#none, this.#elections, this.#groups);
    }

    async load() {
        const { found, hasMore } = await groups(this.api, this.prefix, this.#pages);
        const { led: candidates, others } = split(found);
        const led = await elections(this.api, candidates);
        const opened = others.filter(({ group }) => this.#opened.has(group));
        const contents = await Promise.all(opened.map(({ group }) => records(this.api, group)));
        this.#shown = new Map(opened.map(({ group }, place) => [group, contents[place]]));
        const isEmpty = found.length === 0;
        this.#empty.hidden = !isEmpty || this.prefix !== "";
        this.#none.hidden = !isEmpty || this.prefix === "";
        this.#elections.hidden = led.length === 0;
        this.#groups.hidden = others.length === 0 && !hasMore;
        this.#more.hidden = !hasMore;
        this.#electionRows.show(led, ({ group }) => group);
        this.#groupRows.show(others, ({ group }) => group);
        const services = others.filter(({ group }) => group.startsWith(servicePrefix));
        const instances = services.reduce((sum, service) => sum + service.records, 0);
        const leaders = led.filter(({ lease }) => lease !== null).length;
        replaceChildren(this.hero, isEmpty ? "Nothing is registered, and nobody leads." : [
            element("strong", {}, counted(leaders, "leader")), ` of ${counted(led.length, "election")}, `,
            element("strong", {}, counted(instances, "instance")), ` of ${counted(services.length, "service")}, and `,
            `${counted(others.length - services.length, "other group")}.`,
        ]);
    }

    #showMore() {
        this.#pages += 1;
        this.refresh();
    }

    #makeElection() {
        let election = null;
        const open = element("button", {
            type: "button", class: "open", on: { click: () => { location.hash = lockAddress(election.name); } },
        });
        const leader = element("span", {});
        const metadata = element("span", { class: "metadata" });
        const term = element("span", {});
        const age = element("span", {});
        const end = element("button", {
            type: "button", class: "danger quiet",
            on: {
                click: () => askToBreak({
                    api: this.api, lock: election.lease,
                    onBroken: () => this.#ended(`The leadership of ${election.name} was ended.`),
                }),
            },
        }, "Break…");
        let shown = null;
        return {
            element: element("tbody", { class: "entry election" }, element("tr", {},
                element("th", { scope: "row" }, open),
                element("td", { "data-label": "Leader" }, leader, metadata),
                element("td", { "data-label": "Term" }, term),
                element("td", { "data-label": "Led for" }, age),
                element("td", {}, end))),
            update: (item) => {
                if (election === null) {
                    replaceChildren(open, nameElement(item.name, { split: true }));
                    setAttribute(open, "aria-label", `${item.name}: its lease`);
                    setAttribute(end, "aria-label", `Break the leadership of ${item.name}…`);
                }
                election = item;
                const { lease } = item;
                const key = JSON.stringify([lease?.owner ?? null, item.metadata, item.isKnown]);
                if (key !== shown) {
                    shown = key;
                    replaceChildren(leader, lease === null
                        ? element("span", { class: "nobody" }, item.isKnown ? "nobody" : "unknown") : nameElement(candidateName(lease.owner)));
                    replaceChildren(metadata, item.metadata === null ? null : nameElement(item.metadata));
                }
                setText(term, lease === null ? "" : String(lease.token));
                setText(age, lease === null ? ""
                    : `${formatDuration(lease.age_ms)}, ${formatDuration(lease.remaining_ms)} left`);
                end.hidden = lease === null;
                this.#allow(end, "admin");
            },
        };
    }

    #makeGroup() {
        let group = null;
        const id = `group-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
        const count = element("span", {});
        const list = element("ul", { class: "members" });
        const detail = element("tr", { class: "detail", id, hidden: true },
            element("td", { colspan: "2" }, list));
        const open = element("button", {
            type: "button", class: "open", "aria-expanded": "false", "aria-controls": id,
            on: { click: () => toggle() },
        });
        const rows = new KeyedRows(list, () => this.#makeRecord(() => group.group));
        const toggle = () => {
            detail.hidden = !detail.hidden;
            setAttribute(open, "aria-expanded", String(!detail.hidden));
            if (detail.hidden) this.#opened.delete(group.group);
            else this.#opened.add(group.group);
            this.refresh();
        };
        return {
            element: element("tbody", { class: "entry group" }, element("tr", {},
                element("th", { scope: "row" }, open), element("td", { "data-label": "Records" }, count)), detail),
            update: (item) => {
                if (group === null) replaceChildren(open, nameElement(item.group, { split: true }));
                group = item;
                setText(count, formatCount(item.records));
                const present = this.#shown.get(item.group);
                if (present !== undefined) rows.show(present, ({ key }) => key);
            },
        };
    }

    #makeRecord(group) {
        let record = null;
        const name = element("span", { class: "member-name" });
        const text = element("span", { class: "member-facts" });
        const value = element("span", { class: "member-value" });
        const remove = element("button", {
            type: "button", class: "danger quiet",
            on: {
                click: () => askToRemove({
                    api: this.api, group: group(), record,
                    onDone: () => this.#ended(`The record ${record.key} was removed.`),
                }),
            },
        }, "Remove…");
        return {
            element: element("li", {}, name, text, remove, value),
            update: (item) => {
                if (record === null) {
                    replaceChildren(name, nameElement(item.key));
                    setAttribute(remove, "aria-label", `Remove the record ${item.key}…`);
                }
                if (record?.version !== item.version) {
                    replaceChildren(value, valueContent(item, group().startsWith(servicePrefix)));
                }
                record = item;
                setText(text, recordFacts(item));
                this.#allow(remove, "write");
            },
        };
    }

    #allow(button, scope) {
        const refusal = this.access.refusal(scope);
        button.disabled = refusal !== null;
        setAttribute(button, "title", refusal);
    }

    #ended(sentence) {
        announce(sentence);
        this.refresh();
    }
}

function lockAddress(name) {
    return `#/locks?${new URLSearchParams({ prefix: name })}`;
}

function table(label, columns) {
    return element("table", { class: "tags", "aria-label": label }, element("thead", {}, element("tr", {},
        columns.map((column) => column === "" ? element("td", {}) : element("th", { scope: "col" }, column)))));
}

function section(id, title, ...content) {
    return element("section", { class: "tag-list", "aria-labelledby": id, hidden: true },
        element("h2", { id }, title), content);
}

function recordFacts({ version, owner, remaining_ms: remaining }) {
    const end = owner === undefined ? "permanent"
        : remaining === undefined ? "ephemeral" : `${formatDuration(remaining)} left`;
    return `${end} · version ${version}`;
}

/** What a record says: of an instance its address and state, of others the text. */
function valueContent(record, isInstance) {
    const instance = isInstance ? parsed(record) : null;
    if (instance !== null && typeof instance.address === "string") {
        const facts = [
            `${instance.address}${instance.port > 0 ? `:${instance.port}` : ""}`, instance.health ?? "healthy",
            instance.weight === undefined || instance.weight === 1 ? null : `weight ${instance.weight}`,
            instance.zone === undefined ? null : `zone ${instance.zone}`,
            ...Object.entries(instance.metadata ?? {}).map(([name, value]) => `${name}: ${value}`),
        ];
        return facts.filter((fact) => fact !== null).map((fact, place) => [place === 0 ? "" : " · ", nameElement(String(fact))]);
    }
    if (record.value === undefined) return "Bytes that are no text.";
    if (record.value === "") return "Empty.";
    return element("code", {}, spelledOut(record.value.slice(0, longestValue)),
        record.value.length > longestValue ? "…" : "");
}
