// Search of a practitioner, a zone or a street: a combobox that the keyboard and screen readers can use.
(function (cs) {
    const MOST = 8;

    cs.searchBox = function (app) {
        const id = app.id + "-search";
        const list = cs.el("ul", { id: id + "-list", role: "listbox", class: "cs-results", hidden: true,
            "aria-label": "Résultats" });
        const input = cs.el("input", { id: id, type: "search", autocomplete: "off", role: "combobox",
            "aria-expanded": "false", "aria-controls": id + "-list", "aria-autocomplete": "list",
            placeholder: "Praticien, rue, " + app.data.levels[0].label + "…" });
        const state = { found: [], active: -1 };
        const refresh = () => show(app, input, list, state);
        input.addEventListener("input", () => { state.active = -1; state.found = find(app, input.value); refresh(); });
        input.addEventListener("keydown", function (event) {
            if (event.key === "ArrowDown" || event.key === "ArrowUp") {
                event.preventDefault();
                const step = event.key === "ArrowDown" ? 1 : -1;
                const count = state.found.length;
                if (count) state.active = (state.active + step + count) % count;
                refresh();
            } else if (event.key === "Enter" && state.found.length) {
                event.preventDefault();
                choose(app, input, list, state, Math.max(0, state.active));
            } else if (event.key === "Escape") {
                state.found = [];
                refresh();
            }
        });
        return cs.el("div", { class: "cs-search" }, cs.el("label", { for: id }, "Rechercher"), input, list);
    };

    function show(app, input, list, state) {
        list.replaceChildren(...state.found.map(function (item, number) {
            const option = cs.el("li", { role: "option", id: input.id + "-" + number,
                "aria-selected": number === state.active ? "true" : "false",
                onmousedown: (event) => { event.preventDefault(); choose(app, input, list, state, number); } },
                cs.el("span", {}, item.label), cs.el("small", {}, item.kind));
            return option;
        }));
        const isEmpty = !state.found.length && input.value.trim().length > 1;
        if (isEmpty) list.append(cs.el("li", { class: "cs-none" }, "Aucun résultat"));
        list.hidden = !state.found.length && !isEmpty;
        input.setAttribute("aria-expanded", list.hidden ? "false" : "true");
        if (state.active >= 0) input.setAttribute("aria-activedescendant", input.id + "-" + state.active);
        else input.removeAttribute("aria-activedescendant");
    }

    function choose(app, input, list, state, number) {
        const item = state.found[number];
        input.value = item.label;
        state.found = [];
        state.active = -1;
        list.hidden = true;
        input.setAttribute("aria-expanded", "false");
        cs.foldOnPhone(app);
        item.go();
    }

    // The index is built at the first letter typed, not at loading.
    function index(app) {
        if (app.searchIndex) return app.searchIndex;
        const entries = [];
        for (const level of [...app.data.levels, app.data.qpv].filter(Boolean)) {
            level.labels.forEach((label, zone) => entries.push({ label: label, kind: level.label,
                plain: cs.plain(label), go: () => goToZone(app, level, zone) }));
        }
        app.data.people.forEach(function (person) {
            if (!person[2]) return;
            entries.push({ label: person[2], kind: app.data.professions[person[1]].label, plain: cs.plain(person[2]),
                go: () => goToPerson(app, person) });
        });
        for (const [label, west, south, east, north] of app.data.streets) {
            entries.push({ label: label, kind: "rue", plain: cs.plain(label),
                go: () => app.map.fitBounds([[south, west], [north, east]], { maxZoom: 17, padding: [60, 60] }) });
        }
        app.searchIndex = entries;
        return entries;
    }

    // Every word typed must start a word of the name; names that start with the text come first.
    function find(app, text) {
        const words = cs.plain(text).split(" ").filter(Boolean);
        if (!words.length) return [];
        const scored = [];
        for (const entry of index(app)) {
            const padded = " " + entry.plain;
            if (!words.every((word) => padded.includes(" " + word))) continue;
            scored.push([entry.plain.startsWith(words.join(" ")) ? 0 : 1, entry]);
        }
        scored.sort((a, b) => a[0] - b[0] || a[1].label.localeCompare(b[1].label, "fr"));
        return scored.slice(0, MOST).map((pair) => pair[1]);
    }

    function goToZone(app, level, zone) {
        const bounds = L.geoJSON(level.geometries[zone]).getBounds();
        app.map.fitBounds(bounds, { ...cs.padding(app), animate: false });
        const anchor = level.anchors[zone][0];
        cs.zonePopupAt(app, level, zone, anchor ? [anchor[1], anchor[0]] : bounds.getCenter());
    }
    function goToPerson(app, person) {
        cs.showProfession(app, person[1], app.data.places[person[0]][2] < 0);
        cs.showPlace(app, person[0]);
    }
})(CartoSante);
