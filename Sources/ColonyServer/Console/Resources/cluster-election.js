/** Who leads the cluster, who votes, and who led before, as this daemon has heard. */

import { announce, explained } from "./dialogs.js";
import { element, nameElement, replaceChildren, setAttribute, setText } from "./dom.js";
import { KeyedRows } from "./keyed-rows.js";
import { counted, formatCount } from "./text.js";

const losses = {
    unanswered: "no majority answered", superseded: "there was a later term", handed_over: "it handed over",
    resigned: "it resigned",
};

export class ClusterElectionPart {
    #api;
    #access;
    #sentence = element("p", { class: "cluster-leader" });
    #note = element("p", { class: "cluster-facts" });
    #voters = table("Voters", ["Voter", "Part", "Priority", "Answers", ""]);
    #voterRows = new KeyedRows(this.#voters, () => this.#makeVoter());
    #terms = table("Terms", ["Term", "Leader", "Since", "Until", "Why it ended"]);
    #termRows = new KeyedRows(this.#terms, makeTerm);
    #leads = false;

    /** @param {{api: object, access: () => object}} page Whose part it is. */
    constructor({ api, access }) {
        this.#api = api;
        this.#access = access;
        this.element = element("section", { class: "tag-list cluster-election", hidden: true },
            element("h2", {}, "Leader"), this.#sentence, this.#note, this.#voters,
            element("h2", {}, "Terms"), this.#terms);
    }

    show(cluster) {
        const election = cluster?.election ?? null;
        this.element.hidden = election === null;
        if (election === null) return;
        this.#leads = election.leader === cluster.node;
        replaceChildren(this.#sentence, sentence(election, cluster.node));
        setText(this.#note, note(election));
        this.#voterRows.show(
            election.voters.map((voter) => ({ ...voter, isLeader: voter.node === election.leader, isItself: voter.node === cluster.node })),
            ({ node }) => node);
        this.#termRows.show(election.terms, ({ term }) => term);
    }

    #makeVoter() {
        let voter = null;
        let shown = null;
        const name = element("th", { scope: "row" });
        const part = element("td", { "data-label": "Part" });
        const priority = element("td", { "data-label": "Priority" });
        const answers = element("td", { "data-label": "Answers" });
        const lead = element("button", { type: "button", class: "quiet", on: { click: () => this.#handOver(voter.node) } },
            "Have it lead");
        return {
            element: element("tbody", { class: "entry voter" }, element("tr", {}, name, part, priority, answers, element("td", {}, lead))),
            update: (item) => {
                voter = item;
                const key = `${item.node} ${item.isLeader} ${item.isItself}`;
                if (key !== shown) {
                    shown = key;
                    replaceChildren(name, nameElement(item.node), item.isItself ? " (this daemon)" : null);
                    setAttribute(lead, "aria-label", `Have ${item.node} lead`);
                }
                setText(part, item.isLeader ? "Leads" : item.role === "observer" ? "Looks on" : "Votes");
                setText(priority, formatCount(item.priority));
                setText(answers, item.answers === undefined ? "–" : item.answers ? "Yes" : "No");
                answers.classList.toggle("troubled", item.answers === false);
                lead.hidden = !this.#leads || item.isLeader || item.role === "observer";
                const refusal = this.#access().refusal("admin");
                lead.disabled = refusal !== null;
                setAttribute(lead, "title", refusal);
            },
        };
    }

    async #handOver(node) {
        try {
            await this.#api.ask("POST", "/v1/cluster/leader", { body: JSON.stringify({ node }) });
            announce(`${node} was asked to lead.`);
        } catch (error) {
            announce(`${node} does not lead: ${explained(error)}`);
        }
    }
}

function table(label, heads) {
    return element("table", { class: "tags cluster", "aria-label": label },
        element("thead", {}, element("tr", {}, heads.map((head) => head === ""
            ? element("td", {}) : element("th", { scope: "col" }, head)))));
}

function sentence(election, itself) {
    if (election.leader === undefined) return ["Nobody leads, as far as this daemon has heard."];
    const who = election.leader === itself ? "This daemon leads" : [element("strong", {}, nameElement(election.leader)), " leads"];
    const voters = election.voters.filter(({ role }) => role === "voter").length;
    return [who, ` in term ${formatCount(election.term)}, by the votes of `, counted(voters, "daemon"), "."].flat();
}

function note(election) {
    return [
        election.position === "outsider" ? "this daemon has no part in it before the leader adds it" : null,
        election.settled === false ? "the last change of the voters is not with a majority yet" : null,
        election.schedules === "leader" ? "only the leader publishes for schedules" : null,
    ].filter((part) => part !== null).join(" · ");
}

function makeTerm() {
    const term = element("th", { scope: "row" });
    const cells = Object.fromEntries([
        ["leader", "Leader"], ["since", "Since"], ["until", "Until"], ["reason", "Why it ended"],
    ].map(([key, label]) => [key, element("td", { "data-label": label })]));
    return {
        element: element("tbody", { class: "entry term" }, element("tr", {}, term, ...Object.values(cells))),
        update: (item) => {
            setText(term, formatCount(item.term));
            setText(cells.leader, item.leader);
            setText(cells.since, moment(item.since));
            setText(cells.until, item.until === undefined ? "–" : moment(item.until));
            setText(cells.reason, item.reason === undefined ? "–" : losses[item.reason] ?? item.reason);
        },
    };
}

function moment(text) {
    return new Date(text).toLocaleString([], {
        month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
    });
}
