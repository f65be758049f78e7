/** What the token of this tab allows, so that a control that would be refused says so before it is pressed. */

const ranks = { "locks:read": 0, "locks:write": 1, admin: 2 };
const scopeNames = { read: "locks:read", write: "locks:write", admin: "admin" };

export class Access {
    #token;

    /** @param {{name: string, scopes: string[]}|null|undefined} token What the daemon tells; without one all is allowed. */
    constructor(token) {
        this.#token = token ?? null;
    }

    /** Under which name the daemon knows whoever asks; `null` if it asks for no token. */
    get name() {
        return this.#token?.name ?? null;
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
        const { name, scopes } = this.#token;
        return `The token “${name}” has the scopes ${scopes.join(", ")}, and this needs ${wanted}.`;
    }
}
