// The panel: title, search, layers, legend, table, sources, print.
(function (cs) {
    cs.buildPanel = function (app) {
        const { data } = app;
        const body = cs.el("div", { class: "cs-body", id: app.id + "-body" },
            cs.searchBox(app), focusPart(app), indicatorPart(app), cs.el("div", { class: "cs-legend", "aria-live": "polite" }),
            professionPart(app), overlayPart(app), basePart(app), tablePart(app), sourcePart(app));
        const links = (data.links || []).filter(([, address]) => !/^\s*[a-z]+:/i.test(address) || /^https?:/i.test(address))
            .map(([label, address]) => cs.el("a", { href: address }, label));
        const toggle = cs.el("button", { type: "button", class: "cs-toggle", "aria-controls": app.id + "-body",
            "aria-expanded": "true", onclick: () => setOpen(app, !app.isOpen) }, "Replier");
        app.panel = cs.el("section", { class: "cs-panel", "aria-label": "Titre, calques et légende" },
            cs.el("header", {}, cs.el("h1", {}, data.title),
                data.subtitle ? cs.el("p", { class: "cs-subtitle" }, data.subtitle) : null, cs.el("div", { class: "cs-under" },
                cs.el("p", { class: "cs-vintage" }, data.vintage_label), toggle),
                links.length ? cs.el("nav", { "aria-label": "Autres cartes" }, links) : null),
            body);
        L.DomEvent.disableClickPropagation(app.panel);
        L.DomEvent.disableScrollPropagation(app.panel);
        // Keys typed in the panel must not move the map.
        app.panel.addEventListener("keydown", (event) => event.stopPropagation());
        app.map.getContainer().append(app.panel);
        setOpen(app, app.map.getSize().x > 640);
    };

    cs.foldOnPhone = (app) => { if (app.map.getSize().x <= 640) setOpen(app, false); };
    // The figures of the zone that the page is about.
    function focusPart(app) {
        const focus = app.data.focus;
        if (!focus) return null;
        const level = [...app.data.levels, app.data.qpv].filter(Boolean).find((item) => item.key === focus.level);
        app.record = app.data.choropleths[app.data.first];
        return cs.el("div", { class: "cs-card" }, cs.zonePopup(app, level, level.ids.indexOf(focus.id)));
    }
    function setOpen(app, isOpen) {
        app.isOpen = isOpen;
        app.panel.classList.toggle("cs-closed", !isOpen);
        const button = app.panel.querySelector(".cs-toggle");
        button.textContent = isOpen ? "Replier" : "Calques et légende";
        button.setAttribute("aria-expanded", isOpen ? "true" : "false");
    }

    cs.padding = function (app) {
        const size = app.map.getSize();
        const panel = app.panel.getBoundingClientRect();
        if (size.x <= 640) return { paddingTopLeft: [12, panel.height + 16], paddingBottomRight: [12, 24] };
        return { paddingTopLeft: [panel.width + 32, 20], paddingBottomRight: [24, 30] };
    };

    // ---- indicator shown by the choropleth
    function indicatorPart(app) {
        const { data } = app;
        if (!data.choropleths.length) return null;
        const drawn = new Set(data.levels.map((level) => level.key));
        app.views = [...data.choropleths, ...data.bivariate].filter((view) => drawn.has(view.level));
        const levels = data.levels.filter((level) => app.views.some((view) => view.level === level.key));
        app.select = {
            level: choice(app, "Maille", "level"), view: choice(app, "Indicateur", "view"),
            profession: choice(app, "Profession", "profession"),
        };
        app.select.level.input.replaceChildren(...levels.map((level) => option(level.key, capital(level.plural))));
        const states = statePart(app);
        fillChoices(app, data.choropleths[data.first] || data.choropleths[0]);
        return cs.el("fieldset", { class: "cs-indicator" }, cs.el("legend", {}, "Carte"), states,
            levels.length > 1 ? app.select.level.row : null, app.select.view.row, app.select.profession.row);
    }
    // Before, after and change, where the map compares two states.
    function statePart(app) {
        if (!app.data.states) return null;
        app.state = app.data.states[1][0];
        const buttons = app.data.states.map(([key, label]) => cs.el("label", {}, cs.el("input", { type: "radio",
            name: app.id + "-state", value: key, checked: key === app.state, onchange: () => {
                app.state = key;
                cs.showView(app);
            } }), cs.el("span", {}, label)));
        return cs.el("div", { class: "cs-states", role: "radiogroup", "aria-label": "État" }, buttons);
    }
    function choice(app, label, name) {
        const id = app.id + "-" + name;
        const input = cs.el("select", { id: id, onchange: () => changed(app, name) });
        return { input: input, row: cs.el("div", { class: "cs-choice" }, cs.el("label", { for: id }, label), input) };
    }
    function viewKey(view) { return [view.indicator, view.year || "", view.hypothesis || ""].join("|"); }
    function viewLabel(app, view) {
        const same = app.views.filter((other) => other.level === view.level && other.label === view.label);
        const years = new Set(same.map((other) => other.year)), hypotheses = new Set(same.map((other) => other.hypothesis));
        return view.label + (years.size > 1 ? " – " + view.year : "") +
            (hypotheses.size > 1 && view.hypothesis ? " – " + view.hypothesis : "");
    }
    function fillChoices(app, wanted) {
        app.select.level.input.value = wanted.level;
        const here = app.views.filter((view) => view.level === wanted.level);
        const labels = new Map(here.map((view) => [viewKey(view), viewLabel(app, view)]));
        const input = app.select.view.input;
        input.replaceChildren(...[...labels].map(([key, label]) => option(key, label)), option("", "Aucun (contours seuls)"));
        input.value = labels.has(viewKey(wanted)) ? viewKey(wanted) : labels.keys().next().value;
        fillProfessions(app, wanted.profession);
    }
    function fillProfessions(app, wanted) {
        const here = matching(app);
        const names = new Map(app.data.professions.map((item) => [item.key, item.plural]));
        Object.entries(app.data.further_labels).forEach(([key, label]) => names.set(key, label));
        const keys = here.map((view) => view.profession).filter((key) => key && key !== "all");
        const order = [...names.keys()];
        keys.sort((a, b) => order.indexOf(a) - order.indexOf(b));
        const { input, row } = app.select.profession;
        input.replaceChildren(...keys.map((key) => option(key, names.get(key) || key)));
        row.hidden = !keys.length;
        if (keys.includes(wanted)) input.value = wanted;
    }
    function matching(app) {
        const level = app.select.level.input.value, key = app.select.view.input.value;
        return app.views.filter((view) => view.level === level && viewKey(view) === key &&
            (!view.state || view.state === app.state));
    }
    function changed(app, name) {
        const profession = app.select.profession.input.value;
        if (name === "level") {
            const level = app.select.level.input.value;
            const here = app.views.filter((view) => view.level === level);
            const key = app.select.view.input.value;
            const same = here.filter((view) => viewKey(view) === key);
            const pool = same.length ? same : here;
            fillChoices(app, pool.find((view) => view.profession === profession) || pool[0]);
        } else if (name === "view") fillProfessions(app, profession);
        cs.showView(app);
    }
    cs.showView = function (app) {
        let view = null;
        if (app.select) {
            const here = matching(app);
            view = here.find((item) => item.profession === app.select.profession.input.value) || here[0] || null;
        }
        cs.drawChoropleth(app, view);
        cs.drawNames(app);
        drawLegend(app, view);
        drawTable(app, view);
    };

    // ---- legend
    function drawLegend(app, view) {
        const box = app.panel.querySelector(".cs-legend");
        if (!view) { box.replaceChildren(); return; }
        const level = app.level;
        const profession = app.data.professions.find((item) => item.key === view.profession);
        const title = profession ? profession.plural : app.data.further_labels[view.profession] || view.label;
        const fine = [cs.plural(view.n, level.label, level.plural)];
        if (profession) fine.push(cs.plural(profession.inside_count, "praticien", "praticiens"));
        const year = view.data_year === undefined ? view.year : view.data_year;
        if (year) fine.push("données " + year);
        box.replaceChildren(cs.el("h2", {}, title), view.unit ? cs.el("p", { class: "cs-unit" }, view.unit) : "",
            view.second_label ? squareKey(view) : classKey(view),
            view.hypothesis && hasSeveral(app, view) ? cs.el("p", { class: "cs-fine" }, view.hypothesis) : "", cs.el("p", { class: "cs-fine" }, fine.join(" · ")));
    }
    function hasSeveral(app, view) {
        return new Set(app.views.filter((other) => other.indicator === view.indicator).map((other) => other.hypothesis)).size > 1;
    }
    function classKey(view) {
        const lines = view.colors.map((color, index) => keyLine(swatch(color), view.labels[index], view.counts[index]));
        if (view.zero_count) lines.unshift(keyLine(swatch("#FFFFFF"), "0 (aucun)", view.zero_count));
        if (view.missing_count) lines.push(keyLine(swatch("url(#cs-missing)"), "non disponible", view.missing_count));
        if (view.suppressed_count) {
            lines.push(keyLine(swatch("url(#cs-suppressed)"), "secret statistique", view.suppressed_count));
        }
        return cs.el("ul", { class: "cs-key" }, lines);
    }
    function keyLine(mark, label, count) {
        return cs.el("li", {}, mark, cs.el("span", {}, label),
            count === undefined ? null : cs.el("small", {}, cs.number(count)));
    }
    function swatch(color, opacity) {
        return cs.svg("svg", { width: 26, height: 15, "aria-hidden": "true" }, cs.svg("defs", {}, cs.patterns()),
            cs.svg("rect", { x: 0.5, y: 0.5, width: 25, height: 14, fill: color, "fill-opacity": opacity, stroke: "#40566B" }));
    }
    function squareKey(view) {
        const cells = view.colors.map((color, index) => cs.svg("rect", { x: 22 + (index % 3) * 30,
            y: 60 - Math.floor(index / 3) * 30, width: 30, height: 30, fill: color, stroke: "#fff" }));
        const counts = view.counts.map((count, index) => cs.svg("text", { x: 37 + (index % 3) * 30,
            y: 80 - Math.floor(index / 3) * 30, "text-anchor": "middle", "font-size": 11,
            fill: index % 3 === 2 || index > 6 ? "#fff" : "#1D2A33" }, count || ""));
        const up = cs.svg("text", { transform: "translate(14 90) rotate(-90)", "font-size": 11 }, view.first_label_short || "offre →");
        const right = cs.svg("text", { x: 22, y: 104, "font-size": 11 }, "→ " + view.second_label);
        const label = "Légende croisée : " + view.first_label + " et " + view.second_label;
        const square = cs.svg("svg", { width: 250, height: 112, role: "img", "aria-label": label }, cells, counts, up, right);
        const missing = view.missing_count
            ? cs.el("ul", { class: "cs-key" }, keyLine(swatch("url(#cs-missing)"), "non disponible", view.missing_count)) : null;
        return cs.el("div", {}, square, missing);
    }

    // ---- practitioners by recourse and profession
    function professionPart(app) {
        const groups = new Map();
        app.data.professions.forEach(function (profession, index) {
            if (!groups.has(profession.recourse)) groups.set(profession.recourse, []);
            groups.get(profession.recourse).push([profession, index]);
        });
        app.boxes = [];
        const parts = [...groups].map(function ([recourse, items]) {
            const all = cs.el("input", { type: "checkbox" });
            const lines = items.map(([profession, index]) => cs.el("li", {}, cs.el("label", {}, professionBox(app, index),
                cs.symbol(profession, 16), cs.el("span", {}, profession.plural),
                cs.el("small", {}, cs.number(profession.inside_count)))));
            const update = function () {
                const ticked = items.filter(([, index]) => app.shown.has(index)).length;
                all.checked = ticked === items.length;
                all.indeterminate = ticked > 0 && ticked < items.length;
            };
            all.addEventListener("change", function () {
                items.forEach(([, index]) => (all.checked ? app.shown.add(index) : app.shown.delete(index)));
                cs.refreshPlaces(app);
            });
            app.updates.push(update);
            return cs.el("div", { class: "cs-recourse" }, cs.el("label", { class: "cs-all" }, all,
                cs.el("span", {}, recourse)), cs.el("ul", {}, lines));
        });
        if (!parts.length) return null;
        return cs.el("fieldset", {}, cs.el("legend", {}, app.words.people), parts, outsideBox(app), notLocated(app));
    }
    function professionBox(app, index) {
        const box = cs.el("input", { type: "checkbox", "data-profession": app.data.professions[index].key });
        box.addEventListener("change", function () {
            if (box.checked) app.shown.add(index);
            else app.shown.delete(index);
            cs.refreshPlaces(app);
        });
        app.updates.push(() => { box.checked = app.shown.has(index); });
        return box;
    }
    function outsideBox(app) {
        const count = app.data.professions.reduce((sum, item) => sum + item.outside_count, 0);
        if (!count) return null;
        const box = cs.el("input", { type: "checkbox", class: "cs-outside-box", onchange: () => {
            app.showsOutside = box.checked;
            cs.refreshPlaces(app);
        } });
        app.updates.push(() => { box.checked = app.showsOutside; });
        return cs.el("label", { class: "cs-line" }, box, cs.el("span", {}, "Communes voisines"),
            cs.el("small", {}, "+\u00a0" + cs.number(count)));
    }
    function notLocated(app) {
        const count = app.data.not_located_count;
        return count ? cs.el("p", { class: "cs-fine" }, cs.plural(count, "praticien non localisé", "praticiens non localisés") +
            ", absent" + (count > 1 ? "s" : "") + " de la carte") : null;
    }
    cs.refreshPlaces = function (app) {
        app.updates.forEach((update) => update());
        cs.drawPlaces(app);
        cs.placeNames(app);
    };
    cs.showProfession = function (app, index, isOutside) {
        if (app.shown.has(index) && (!isOutside || app.showsOutside)) return;
        app.shown.add(index);
        app.showsOutside = app.showsOutside || isOutside;
        cs.refreshPlaces(app);
    };

    // ---- overlays, base maps, table, sources
    function overlayPart(app) {
        const { data } = app;
        const items = [];
        if (app.overlays.qpv) items.push(overlayBox(app, "qpv", lineKey("#B0005A", "6 4"), "Quartiers prioritaires (QPV)", true));
        if (app.overlays.rings) items.push(overlayBox(app, "rings", lineKey("#B0005A", "2 4"),
            "Couronnes des QPV (" + data.rings.map((ring) => ring.label).reverse().join(", ") + ")", false));
        if (app.overlays.isochrones) items.push(overlayBox(app, "isochrones", null, "Temps d’accès", false),
            cs.el("ul", { class: "cs-key cs-reach" }, data.isochrones.map((band, index) => keyLine(
                swatch(cs.reachColor(index, data.isochrones.length), 0.5), band.label)).reverse()));
        for (const kind of data.facilities) items.push(overlayBox(app, "facilities-" + kind.key, cs.symbol(kind, 16),
            kind.label, kind.key === data.first_profession, kind.rows.length));
        return items.length ? cs.el("fieldset", { class: "cs-overlays" }, cs.el("legend", {}, "Repères"), items) : null;
    }
    function overlayBox(app, name, mark, label, isShown, count) {
        const box = cs.el("input", { type: "checkbox", "data-overlay": name, onchange: () => {
            if (box.checked) app.overlays[name].addTo(app.map);
            else app.overlays[name].remove();
            if (name === "isochrones") cs.drawChoropleth(app, app.record);
        } });
        if (isShown) { box.checked = true; app.overlays[name].addTo(app.map); }
        return cs.el("label", { class: "cs-line" }, box, mark, cs.el("span", {}, label),
            count ? cs.el("small", {}, cs.number(count)) : null);
    }
    function lineKey(color, dash) {
        return cs.svg("svg", { width: 22, height: 10, "aria-hidden": "true" }, cs.svg("line", { x1: 0, y1: 5, x2: 22, y2: 5,
            stroke: color, "stroke-width": 2.4, "stroke-dasharray": dash }));
    }
    function basePart(app) {
        const id = app.id + "-base";
        const input = cs.el("select", { id: id, onchange: () => cs.showBase(app, input.value) },
            app.data.base_maps.map((base) => option(base.key, base.label)));
        input.value = app.baseKey;
        app.baseInput = input;
        return cs.el("div", { class: "cs-choice cs-base" }, cs.el("label", { for: id }, "Fond de carte"), input);
    }
    function tablePart(app) {
        return app.views ? cs.el("details", { class: "cs-table" }, cs.el("summary", {}, "Données de la carte (tableau)"),
            cs.el("div", {})) : null;
    }
    function drawTable(app, view) {
        const box = app.panel.querySelector(".cs-table > div");
        if (!box) return;
        if (!view || !view.values) { box.replaceChildren(cs.el("p", { class: "cs-fine" }, "Choisir un indicateur simple.")); return; }
        const rows = app.level.labels.map((label, index) => cs.el("tr", {}, cs.el("th", { scope: "row" }, label),
            cs.el("td", {}, cs.zoneValue(view, index).text)));
        box.replaceChildren(cs.el("table", {}, cs.el("caption", {}, view.label + (view.unit ? " (" + view.unit + ")" : "")),
            cs.el("thead", {}, cs.el("tr", {}, cs.el("th", { scope: "col" }, capital(app.level.label)),
                cs.el("th", { scope: "col" }, "Valeur"))), cs.el("tbody", {}, rows)));
    }
    function sourcePart(app) {
        const print = cs.el("button", { type: "button", class: "cs-print", onclick: () => window.print() }, "Imprimer");
        return cs.el("footer", {}, app.data.credits.length ? cs.el("p", {}, "Sources : " + app.data.credits.join(" ; ")) : null,
            print);
    }
    function option(value, label) { return cs.el("option", { value: value }, label); }
    function capital(text) { return text.charAt(0).toUpperCase() + text.slice(1); }
})(CartoSante);
