// What opens on a place or a zone.
(function (cs) {
    // Opens a popup that fits beside the panel, or under it on a phone.
    cs.openPopup = function (app, latlng, content, offset) {
        const size = app.map.getSize(), padding = cs.padding(app);
        const [left, top] = padding.paddingTopLeft, [right, bottom] = padding.paddingBottomRight;
        const width = Math.min(380, size.x - left - right - 36);
        const height = Math.max(150, Math.min(420, size.y - top - bottom - 60));
        L.popup({ maxWidth: width, minWidth: Math.min(240, width), maxHeight: height, offset: [0, offset],
            autoPanPaddingTopLeft: [left, top], autoPanPaddingBottomRight: [right, bottom] })
            .setLatLng(latlng).setContent(content).openOn(app.map);
    };

    const SITE = 3, ADDRESS = 4, PRECISION = 5;
    const PROFESSION = 1, NAME = 2, CONVENTION = 3, MODE = 4, SECTOR = 5;

    cs.placePopup = function (app, index) {
        const { places, texts, professions } = app.data;
        const place = places[index];
        const site = texts[place[SITE]], address = texts[place[ADDRESS]], precision = texts[place[PRECISION]];
        const people = cs.visiblePeople(app, index);
        const hidden = app.peopleOf[index].length - people.length;
        const names = app.words.columns;
        const columns = [[names[0], CONVENTION], [names[1], MODE], [names[2], SECTOR]]
            .filter(([, column]) => people.some((person) => texts[person[column]]));
        const rows = people.map(function (person) {
            const record = professions[person[PROFESSION]];
            const who = rowHead(record, person[NAME] || record.label, person[NAME] ? record.label : "");
            return cs.el("tr", {}, who, columns.map(([, column]) => cs.el("td", {}, texts[person[column]] || "–")));
        });
        const head = cs.el("thead", {}, cs.el("tr", {}, cs.el("th", { scope: "col" }, "Praticien"),
            columns.map(([label]) => cs.el("th", { scope: "col" }, label))));
        const title = site || (people.length > 1 ? "Lieu d’exercice" : professions[people[0][PROFESSION]].label);
        return cs.el("div", { class: "cs-popup" },
            cs.el("h2", {}, title),
            address ? cs.el("p", { class: "cs-address" }, address) : null,
            people.length > 1 ? cs.el("p", {}, cs.plural(people.length, app.words.one, app.words.many) + " à cette adresse") : null,
            cs.el("table", {}, head, cs.el("tbody", {}, rows)),
            hidden > 0 ? cs.el("p", { class: "cs-fine" },
                "Et " + cs.plural(hidden, app.words.one, app.words.many) + " d’une catégorie non cochée") : null,
            precision ? cs.el("p", { class: "cs-fine" }, "Localisation : " + precision) : null);
    };

    cs.zonePopup = function (app, level, index) {
        const records = app.data.choropleths.filter((record) => record.level === level.key);
        const general = records.filter((record) => record.profession === "" || record.profession === "all");
        const rate = app.record && app.record.values ? app.record.indicator : (records[0] || {}).indicator;
        return cs.el("div", { class: "cs-popup" },
            cs.el("h2", {}, level.labels[index]),
            cs.el("p", { class: "cs-fine" }, level.label.charAt(0).toUpperCase() + level.label.slice(1) +
                (level.labels[index] === level.ids[index] ? "" : " " + level.ids[index])),
            general.length ? cs.el("dl", {}, general.map((record) => [cs.el("dt", {}, record.label + year(record)),
                cs.el("dd", {}, valueText(record, index, record.unit))])) : null,
            professionTable(app, level, index, records.filter((record) => record.indicator === rate)),
            level.notes[index].length ? cs.el("ul", { class: "cs-notes" },
                level.notes[index].map((line) => cs.el("li", {}, line))) : null);
    };

    function professionTable(app, level, index, rates) {
        const counts = level.headcounts[index];
        const references = app.data.choropleths.filter((record) => record.level === app.data.reference_level &&
            rates.length && record.indicator === rates[0].indicator);
        // Where the ticked categories are not professions (changes), the popup's notes say it all.
        if (!level.headcounts.length && !rates.some((record) => app.data.professions.some((p) => p.key === record.profession))) return null;
        const lines = app.data.professions.map(function (profession, number) {
            const record = latest(app, rates.filter((item) => item.profession === profession.key));
            const count = counts ? counts[number] : null;
            if (!record && !count) return null;
            return cs.el("tr", {}, rowHead(profession, profession.plural, ""),
                counts ? cs.el("td", {}, record && cs.isSuppressed(record, index) ? "–" : cs.number(count)) : null,
                rates.length ? cs.el("td", {}, record ? figure(record, index, digitsOf(rates, record.values[index])) : "–",
                    record ? cs.el("small", {}, interval(record, index, digitsOf(rates, record.values[index]))) : null) : null,
                references.length ? cs.el("td", {}, referenceText(app, references, profession.key, rates)) : null);
        }).filter(Boolean);
        lines.push(...placeLines(app, level, index, rates, references, Boolean(counts)));
        if (!lines.length) return null;
        const shown = latest(app, rates);
        const label = shown ? shortLabel(shown) + year(shown) : "";
        const hasInterval = rates.some((record) => record.lower[index] !== null);
        return cs.el("table", {},
            cs.el("thead", {}, cs.el("tr", {}, cs.el("th", { scope: "col" }, "Profession"),
                counts ? cs.el("th", { scope: "col" }, "Nombre") : null,
                label ? cs.el("th", { scope: "col" }, label,
                    hasInterval ? cs.el("small", {}, "et intervalle à 95\u00a0%") : null) : null,
                references.length ? cs.el("th", { scope: "col" }, "Ensemble") : null)),
            cs.el("tbody", {}, lines));
    }
    // Places of care, which have a rate as professions do; their number is an indicator of its own.
    function placeLines(app, level, index, rates, references, hasCounts) {
        return app.data.facilities.map(function (kind) {
            const record = latest(app, rates.filter((item) => item.profession === kind.key));
            if (!record) return null;
            const number = app.data.choropleths.find((item) => item.level === level.key &&
                item.indicator === "practitioner_count" && item.profession === kind.key);
            return cs.el("tr", {}, rowHead(kind, kind.label, ""),
                hasCounts ? cs.el("td", {}, number ? cs.zoneValue(number, index).text : "–") : null,
                cs.el("td", {}, figure(record, index, digitsOf(rates, record.values[index])),
                    cs.el("small", {}, interval(record, index, digitsOf(rates, record.values[index])))),
                references.length ? cs.el("td", {}, referenceText(app, references, kind.key, rates)) : null);
        }).filter(Boolean);
    }
    function referenceText(app, references, key, rates) {
        const record = latest(app, references.filter((item) => item.profession === key));
        if (!record) return "–";
        return figure(record, 0, digitsOf(rates, record.values[0]));
    }
    // Down a column of several professions: whole numbers from 100, one decimal below; two where all are small (APL).
    function digitsOf(rates, value) {
        const decimals = rates.map((record) => record.decimals);
        if (Math.max(...decimals) === 0) return 0;
        return Math.min(...decimals) === 2 ? 2 : Math.abs(value) >= 100 ? 0 : 1;
    }
    function figure(record, index, decimals) {
        const text = cs.zoneValue(record, index).text;
        return /\d/.test(text) ? cs.number(record.values[index], decimals, record.is_signed) : text;
    }
    function rowHead(profession, text, fine) {
        return cs.el("th", { scope: "row" }, cs.el("div", {}, cs.symbol(profession, 14),
            cs.el("span", {}, text, fine ? cs.el("small", {}, fine) : null)));
    }
    // Of several years and hypotheses, the one in view, or the first.
    function latest(app, records) {
        const view = app.record || {};
        return records.find((item) => item.year === view.year && item.hypothesis === view.hypothesis) ||
            records.find((item) => item.is_main) || records[0];
    }
    function shortLabel(record) { return record.label.replace(/^(Densité|Praticiens) pour/, "Pour"); }
    function year(record) { return record.year ? " (" + record.year + ")" : ""; }
    function valueText(record, index, unit) {
        const text = cs.zoneValue(record, index).text;
        return unit && /\d/.test(text) ? text + " " + unit : text;
    }
    function interval(record, index, decimals) {
        if (record.lower[index] === null || record.upper[index] === null) return null;
        const [low, high] = [record.lower[index], record.upper[index]].map((bound) => cs.number(bound, decimals));
        return low + " à " + high;
    }
})(CartoSante);
