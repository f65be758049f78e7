/** The page of the cluster: who is there, as this daemon sees it. */

import { ClusterElectionPart } from "./cluster-election.js";
import { CoordinationPage } from "./coordination-page.js";
import { element, nameElement, replaceChildren, setText } from "./dom.js";
import { emptyCluster } from "./empty-state.js";
import { KeyedRows } from "./keyed-rows.js";
import { counted, formatCount, formatPercent } from "./text.js";

const stateWords = { alive: "Alive", suspected: "Suspected", failed: "Failed", left: "Left" };
const standingWords = {
    joining: "This daemon asks for the cluster, and nobody has answered yet.",
    out: "This daemon has left its cluster.",
};

export class ClusterPage extends CoordinationPage {
    #empty = emptyCluster();
    #none = element("p", { class: "no-match", hidden: true }, "No member begins like this.");
    #facts = element("p", { class: "cluster-facts" });
    #table = element("table", { class: "tags cluster", "aria-label": "Members" },
        element("thead", {}, element("tr", {}, ["Member", "State", "Address", "Serves at", "Keys", "Incarnation"].map((label) =>
            element("th", { scope: "col" }, label)))));
    #list = element("section", { class: "tag-list" }, this.#facts, this.#table);
    #rows = new KeyedRows(this.#table, () => makeMember());
    #election;

    constructor(context) {
        super(context, { title: "Cluster", filterLabel: "Filter by the start of the node", absence: "" });
        this.#empty.hidden = true;
        this.#election = new ClusterElectionPart({ api: this.api, access: () => this.access });
        replaceChildren(this.body, this.#empty, this.#none, this.#list, this.#election.element);
    }

    async load() {
        const cluster = await this.#read();
        this.#empty.hidden = cluster !== null;
        this.#list.hidden = cluster === null;
        this.#election.show(cluster);
        if (cluster === null) {
            this.#none.hidden = true;
            replaceChildren(this.hero, "This daemon is in no cluster.");
            return;
        }
        const found = cluster.members.filter(({ node }) => node.startsWith(this.prefix));
        this.#none.hidden = found.length > 0;
        this.#table.hidden = found.length === 0;
        this.#rows.show(found.map((member) => ({ ...member, isItself: member.node === cluster.node })), ({ node }) => node);
        replaceChildren(this.hero, sentence(cluster));
        setText(this.#facts, facts(cluster));
    }

    /** The cluster, or `null` if there is none. */
    async #read() {
        try {
            return await this.api.ask("GET", "/v1/cluster");
        } catch (error) {
            if (error.code === "not_offered") return null;
            throw error;
        }
    }
}

/** What the top of the page says. */
function sentence(cluster) {
    if (cluster.standing === "displaced") {
        return ["This daemon is no member: ", element("strong", {}, cluster.displaced_by), ` is called ${cluster.node}, too.`];
    }
    if (cluster.standing !== "member") return standingWords[cluster.standing] ?? cluster.standing;
    const count = (state) => cluster.members.filter((member) => member.state === state).length;
    const suspected = count("suspected");
    const failed = count("failed");
    return [
        element("strong", {}, counted(count("alive") + suspected, "member")), ` of ${cluster.cluster}, `,
        suspected === 0 && failed === 0 ? "all well."
            : element("strong", {}, [
                suspected > 0 ? `${formatCount(suspected)} suspected` : null,
                failed > 0 ? `${formatCount(failed)} failed` : null,
            ].filter((part) => part !== null).join(", ") + "."),
    ];
}

function facts(cluster) {
    return [
        cluster.sealed ? "what members send is sealed" : "what members send is not sealed",
        cluster.health_score === 0 ? null : `this daemon is slow itself, and more patient by ${formatCount(cluster.health_score)}`,
        cluster.ignored === 0 ? null : `${formatCount(cluster.ignored)} ignored`,
    ].filter((part) => part !== null).join(" · ");
}

function makeMember() {
    const name = element("th", { scope: "row" });
    const cells = Object.fromEntries([
        ["state", "State"], ["address", "Address"], ["url", "Serves at"], ["share", "Keys"],
        ["incarnation", "Incarnation"],
    ].map(([key, label]) => [key, element("td", { "data-label": label })]));
    const state = element("span", { class: "member-state" });
    cells.state.append(state);
    let shown = null;
    return {
        element: element("tbody", { class: "entry" }, element("tr", {}, name, ...Object.values(cells))),
        update: (member) => {
            if (shown === null) replaceChildren(name, nameElement(member.node), member.isItself ? " (this daemon)" : null);
            shown = member.node;
            setText(state, stateWords[member.state] ?? member.state);
            state.classList.toggle("troubled", member.state === "suspected" || member.state === "failed");
            setText(cells.address, member.address);
            setText(cells.url, member.url ?? "–");
            setText(cells.share, member.share === undefined ? "–" : formatPercent(member.share));
            setText(cells.incarnation, formatCount(member.incarnation));
        },
    };
}
