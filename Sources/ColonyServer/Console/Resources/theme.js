// Runs before the first paint, as a classic script, so that a chosen theme never flashes in the other one.
(() => {
    const key = "colony.theme";
    const root = document.documentElement;
    const stored = () => {
        try {
            const value = localStorage.getItem(key);
            return value === "light" || value === "dark" ? value : "system";
        } catch {
            return "system";
        }
    };
    const apply = (theme) => {
        if (theme === "system") root.removeAttribute("data-theme");
        else root.setAttribute("data-theme", theme);
    };
    apply(stored());
    window.colonyTheme = {
        get current() { return root.getAttribute("data-theme") ?? "system"; },
        set current(theme) {
            apply(theme);
            // Without storage (a private window, for one) the choice lasts as long as the page.
            try { localStorage.setItem(key, theme); } catch { return; }
        },
    };
})();
