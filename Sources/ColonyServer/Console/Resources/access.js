/** What the token of this tab allows, so that a control that would be refused says so before it is pressed. */

const ranks = { "locks:read": 0, "locks:write": 1, admin: 2 };
const scopeNames = { read: "locks:read", write: "locks:write", admin: "admin" };

export class Access {
    #token;

    /** @param {{name: string, scopes: string[]}|null|undefined} token As the daemon tells it; without one all is allowed. */
    constructor(token) {
        this.#token = token ?? null;
    }

    /**
     * Why what needs a scope would be refused, or `null` if it would not be.
     *
     * @param {"read"|"write"|"admin"} scope
     * @returns {string|null}
     */
    refusal(scope) {
        if (this.#token === null) return null;
        const wanted = scopeNames[scope];
        if (this.#token.scopes.some((held) => ranks[held] >= ranks[wanted])) return null;
        return `The token “${this.#token.name}” has the scopes ${this.#token.scopes.join(", ")}, and this needs ${wanted}.`;
    }
}
