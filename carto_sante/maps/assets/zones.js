// Choropleths, bivariate maps, QPV outlines, rings and reach.
(function (cs) {
    const MISSING = -2, SUPPRESSED = -3, ZERO = -1;
    const REACH_COLORS = ["#3F007D", "#6A51A3", "#807DBA", "#9E9AC8", "#BCBDDC", "#DADAEB"];

    cs.prepareZones = function (app) {
        const panes = [["cs-context", 340], ["cs-zones", 350], ["cs-reach", 370], ["cs-outlines", 390], ["cs-names", 640]];
        app.renderers = {};
        for (const [name, order] of panes) {
            const pane = app.map.createPane(name);
            pane.style.zIndex = order;
            if (name === "cs-names") pane.style.pointerEvents = "none";
            else app.renderers[name] = L.svg({ pane: name, padding: 0.5 });
        }
        app.zoneLayers = {};
        for (const level of app.data.levels) app.zoneLayers[level.key] = zoneLayer(app, level, "cs-zones");
        app.overlays = {};
        const data = app.data;
        if (data.qpv) app.overlays.qpv = outlineLayer(app, data.qpv);
        if (data.isochrones.length) app.overlays.isochrones = reachLayer(app, data.isochrones, reachStyle);
        if (data.rings.length) app.overlays.rings = reachLayer(app, data.rings, ringStyle);
    };

    // The light base: lines travel as whole numbers, each vertex as a step from the one before.
    cs.showContext = function (app, isShown) {
        app.hasContext = isShown;
        if (!isShown) { app.context?.remove(); return; }
        app.context = app.context || contextLayer(app, app.data.context);
        app.context.addTo(app.map);
    };
    function contextLayer(app, records) {
        const base = { pane: "cs-context", renderer: app.renderers["cs-context"], interactive: false, smoothFactor: 1.5 };
        return L.layerGroup(records.map(function (record) {
            if (record.is_area) {
                return L.polygon(record.lines.map((rings) => rings.map(decoded)),
                    { ...base, stroke: false, fillColor: record.color, fillOpacity: 1 });
            }
            return L.polyline(record.lines.map(decoded),
                { ...base, color: record.color, weight: record.width, dashArray: record.dash, opacity: 1 });
        }));
    }
    function decoded(steps) {
        const points = [];
        let x = 0, y = 0;
        for (let i = 0; i < steps.length; i += 2) {
            x += steps[i];
            y += steps[i + 1];
            points.push([y / 1e5, x / 1e5]);
        }
        return points;
    }

    // What a zone shows for the choropleth in view: {color, text}.
    cs.zoneValue = function (record, index) {
        if (!record) return { color: "#F2EFE9", text: "" };
        const group = record.class_of[index];
        if (group === SUPPRESSED) return { color: "url(#cs-suppressed)", text: "secret statistique" };
        if (group === MISSING) return { color: "url(#cs-missing)", text: "non disponible" };
        const color = group === ZERO ? "#FFFFFF" : record.colors[group];
        if (!record.values) return { color: color, text: record.class_labels ? record.class_labels[group] : "" };
        return { color: color, text: cs.number(record.values[index], record.decimals, record.is_signed) };
    };

    cs.isSuppressed = (record, index) => record.class_of[index] === SUPPRESSED;
    // Paler over a base map, and under the bands of reach, which would otherwise change the colours of the legend.
    cs.fillOpacity = function (app) {
        const isUnderReach = app.overlays.isochrones && app.map.hasLayer(app.overlays.isochrones);
        return isUnderReach ? 0.12 : app.base ? 0.68 : app.hasContext ? 0.66 : 0.92;
    };

    cs.drawChoropleth = function (app, record) {
        const key = record ? record.level : app.data.levels[0].key;
        for (const [name, layer] of Object.entries(app.zoneLayers)) {
            if (name === key) layer.addTo(app.map);
            else layer.remove();
        }
        app.level = app.data.levels.find((level) => level.key === key);
        app.record = record;
        app.zoneLayers[key].eachLayer(function (layer) {
            const value = cs.zoneValue(record, layer.csIndex);
            layer.setStyle({ fillColor: value.color, fillOpacity: cs.fillOpacity(app) });
            const element = layer.getElement();
            if (element) element.setAttribute("aria-label", zoneSentence(app, layer.csIndex));
        });
        addPatterns(app);
    };

    cs.zonePopupAt = function (app, level, index, latlng) {
        app.zoneLayers[level.key]?.eachLayer((layer) => layer.closeTooltip());
        cs.openPopup(app, latlng, cs.zonePopup(app, level, index), 0);
    };

    function zoneLayer(app, level, pane) {
        const group = L.featureGroup();
        level.geometries.forEach(function (geometry, index) {
            if (!geometry) return;
            const layer = L.geoJSON(geometry, { pane: pane, renderer: app.renderers[pane] }).getLayers()[0];
            layer.csIndex = index;
            layer.setStyle({ color: "#40566B", weight: 1.2, opacity: 0.9 });
            layer.bindTooltip(() => zoneTooltip(app, level, index), { sticky: true, opacity: 1, className: "cs-tip" });
            layer.on("click", (event) => cs.zonePopupAt(app, level, index, event.latlng));
            layer.on("mouseover", () => layer.setStyle({ weight: 3 }));
            layer.on("mouseout", () => layer.setStyle({ weight: 1.2 }));
            layer.on("add", () => makeFocusable(app, level, layer, index));
            group.addLayer(layer);
        });
        return group;
    }

    function makeFocusable(app, level, layer, index) {
        const element = layer.getElement();
        // Beyond a few dozen zones the table and the search are quicker than the Tab key.
        element.setAttribute("tabindex", level.ids.length <= 60 ? "0" : "-1");
        element.setAttribute("role", "button");
        element.addEventListener("focus", () => layer.setStyle({ weight: 3 }));
        element.addEventListener("blur", () => layer.setStyle({ weight: 1.2 }));
        element.addEventListener("keydown", function (event) {
            if (event.key !== "Enter" && event.key !== " ") return;
            event.preventDefault();
            const anchor = level.anchors[index][0];
            cs.zonePopupAt(app, level, index, anchor ? [anchor[1], anchor[0]] : layer.getBounds().getCenter());
        });
    }

    function zoneSentence(app, index) {
        const name = app.level.labels[index];
        const value = cs.zoneValue(app.record, index).text;
        return value ? name + " : " + value : name;
    }
    function zoneTooltip(app, level, index) {
        const value = app.record && app.record.level === level.key ? cs.zoneValue(app.record, index).text : "";
        const unit = value && app.record.unit && /\d/.test(value) ? " " + app.record.unit : "";
        return cs.el("span", {}, cs.el("strong", {}, level.labels[index]), value ? " : " + value + unit : "");
    }

    function outlineLayer(app, level) {
        const group = L.featureGroup();
        level.geometries.forEach(function (geometry, index) {
            if (!geometry) return;
            const base = { pane: "cs-outlines", renderer: app.renderers["cs-outlines"] };
            const halo = L.geoJSON(geometry, { ...base, interactive: false });
            halo.setStyle({ color: "#FFFFFF", weight: 5, opacity: 0.9, fill: false });
            const line = L.geoJSON(geometry, base);
            line.setStyle({ color: "#B0005A", weight: 2.2, opacity: 1, dashArray: "6 4", fillOpacity: 0.04 });
            line.bindTooltip(() => cs.el("span", {}, cs.el("strong", {}, "QPV "), level.labels[index]),
                { sticky: true, opacity: 1, className: "cs-tip" });
            line.on("click", (event) => cs.zonePopupAt(app, level, index, event.latlng));
            group.addLayer(halo).addLayer(line);
        });
        return group;
    }

    function reachLayer(app, records, style) {
        const group = L.featureGroup();
        records.forEach(function (record, number) {
            if (!record.geometry) return;
            const layer = L.geoJSON(record.geometry,
                { pane: "cs-reach", renderer: app.renderers["cs-reach"], interactive: false });
            layer.setStyle(style(number, records.length));
            group.addLayer(layer);
        });
        return group;
    }
    // Widest first in the payload: the last one is the nearest, hence the strongest.
    function reachStyle(number, count) {
        const color = cs.reachColor(number, count);
        return { color: color, weight: 1.6, opacity: 1, fillColor: color, fillOpacity: 0.3 };
    }
    cs.reachColor = function (number, count) {
        const step = count - 1 - number;
        return REACH_COLORS[Math.min(REACH_COLORS.length - 1, Math.round(step * 5 / Math.max(3, count)))];
    };
    function ringStyle() {
        return { color: "#B0005A", weight: 1.2, dashArray: "2 4", opacity: 0.9, fillColor: "#B0005A", fillOpacity: 0.06 };
    }

    cs.focusLayer = function (app) {
        const focus = app.data.focus;
        const levels = [...app.data.levels, app.data.qpv].filter(Boolean);
        const level = levels.find((item) => item.key === focus.level);
        const geometry = level.geometries[level.ids.indexOf(focus.id)];
        const layer = L.geoJSON(geometry,
            { pane: "cs-outlines", renderer: app.renderers["cs-outlines"], interactive: false });
        layer.setStyle({ color: "#1D2A33", weight: 4, opacity: 1, fill: false });
        return layer;
    };

    function addPatterns(app) {
        for (const renderer of Object.values(app.renderers)) {
            const root = renderer._container;
            if (!root || root.querySelector("defs")) continue;
            root.prepend(cs.svg("defs", {}, cs.patterns()));
        }
    }
    cs.patterns = function () {
        const missing = cs.svg("pattern", { id: "cs-missing", width: 8, height: 8, patternUnits: "userSpaceOnUse",
            patternTransform: "rotate(45)" },
            cs.svg("rect", { width: 8, height: 8, fill: "#EDEDED" }),
            cs.svg("line", { x1: 0, y1: 0, x2: 0, y2: 8, stroke: "#8A8A8A", "stroke-width": 2.5 }));
        const suppressed = cs.svg("pattern", { id: "cs-suppressed", width: 9, height: 9, patternUnits: "userSpaceOnUse" },
            cs.svg("rect", { width: 9, height: 9, fill: "#F7F1E3" }),
            cs.svg("circle", { cx: 4.5, cy: 4.5, r: 1.7, fill: "#7A5C2E" }));
        return [missing, suppressed];
    };
})(CartoSante);
