/** When a page asks the daemon: when it is told to, after a word of a change, and by itself while somebody looks at it. */

export class Inquiry {
    #load;
    #onLoaded;
    #onFailed;
    #changePause;
    #lookPause;
    #loading = null;
    #isWanted = false;
    #again = null;
    #timer = null;
    #lastLoad = 0;
    #isStopped = false;

    /**
     * @param {object} parts
     * @param {() => Promise<void>} parts.load Asks, and shows the answer.
     * @param {() => void} parts.onLoaded
     * @param {(error: unknown) => void} parts.onFailed
     * @param {number} [parts.changePause] The least milliseconds between a word of a change and the question. A busy daemon announces ten
     *     changes a second; more than two looks a second nobody reads.
     * @param {() => number} [parts.lookPause] The least milliseconds to the next look of its own. What other programs do with the store, and
     *     what becomes due, is announced by nobody.
     */
    constructor({ load, onLoaded, onFailed, changePause = 500, lookPause = () => 2_000 }) {
        this.#load = load;
        this.#onLoaded = onLoaded;
        this.#onFailed = onFailed;
        this.#changePause = changePause;
        this.#lookPause = lookPause;
    }

    get isStopped() { return this.#isStopped; }

    /** The page is left: it asks no more, and says nothing of what it still learns. */
    stop() {
        this.#isStopped = true;
        clearTimeout(this.#timer);
        clearTimeout(this.#again);
    }

    /** The daemon says that something changed. Many such words close together lead to one question. */
    changed() {
        if (this.#timer !== null || this.#isStopped) return;
        // A big store takes longer to answer and to draw, so it is asked less often.
        const pause = Math.max(this.#changePause, Math.min(5_000, 5 * this.#lastLoad));
        this.#timer = setTimeout(() => this.refresh(), document.hidden ? 5_000 : pause);
    }

    /** Asks the daemon now, or right after the answer that is under way. */
    async refresh() {
        if (this.#isStopped) return;
        if (this.#loading !== null) {
            this.#isWanted = true;
            return;
        }
        clearTimeout(this.#again);
        clearTimeout(this.#timer);
        this.#timer = null;
        this.#isWanted = false;
        const began = performance.now();
        this.#loading = this.#load();
        try {
            await this.#loading;
            if (!this.#isStopped) this.#onLoaded();
        } catch (error) {
            if (!this.#isStopped) this.#onFailed(error);
        } finally {
            this.#loading = null;
            this.#lastLoad = performance.now() - began;
            if (!this.#isStopped) {
                if (this.#isWanted) this.refresh();
                else this.#lookAgain();
            }
        }
    }

    #lookAgain() {
        clearTimeout(this.#again);
        if (document.hidden) return;
        // A daemon that took long is asked less often, but one that hung is not given up.
        const pause = Math.max(this.#lookPause(), Math.min(10_000, 20 * this.#lastLoad));
        this.#again = setTimeout(() => this.refresh(), pause);
    }
}
