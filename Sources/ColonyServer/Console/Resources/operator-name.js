/** The name under which somebody decides, remembered for this tab. */

const key = "colony-operator";

/** The name that was given last, or nothing. */
export function rememberedName() {
    try {
        return sessionStorage.getItem(key) ?? "";
    } catch {
        return "";
    }
}

/** Remembers a name until the tab closes. */
export function rememberName(name) {
    try {
        sessionStorage.setItem(key, name);
    } catch {
        // Without storage it is asked for again.
        return;
    }
}
