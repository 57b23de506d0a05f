// Puts the parts together on a Leaflet map.
(function (cs) {
    cs.start = function (map, data) {
        const started = performance.now();
        const app = { map: map, data: data, id: map.getContainer().id, updates: [], showsOutside: false };
        cs.app = app;
        app.words = data.words || { people: "Praticiens", one: "praticien", many: "praticiens",
            columns: ["Secteur", "Mode", "Activité"] };
        app.baseKey = data.is_offline ? cs.noTiles(app) : data.base_map;
        const first = data.professions.findIndex((profession) => profession.key === data.first_profession);
        app.shown = new Set(first >= 0 && !data.focus ? [first] : data.professions.map((_, index) => index));
        const container = map.getContainer();
        container.classList.add("cs-map");
        container.setAttribute("role", "region");
        container.setAttribute("aria-label", "Carte : " + data.title + ". Les mêmes valeurs sont dans le tableau du panneau.");
        L.control.zoom({ position: "topright", zoomInTitle: "Agrandir", zoomOutTitle: "Réduire" }).addTo(map);
        L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
        map.attributionControl.setPrefix(false);
        map.attributionControl.addAttribution(corner(data, map.getSize().x <= 640));
        snap(app, app.baseKey);
        map.fitBounds(data.bounds, { animate: false });
        cs.prepareZones(app);
        cs.preparePlaces(app);
        cs.buildPanel(app);
        map.fitBounds(data.bounds, { ...cs.padding(app), animate: false });
        if (data.focus) cs.focusLayer(app).addTo(map);
        cs.showBase(app, app.baseKey);
        cs.showView(app);
        cs.refreshPlaces(app);
        // Once per frame, however many events a move makes.
        let isWaiting = false;
        const replace = function () {
            if (isWaiting) return;
            isWaiting = true;
            requestAnimationFrame(() => { isWaiting = false; cs.placeNames(app); });
        };
        app.cluster.on("animationend spiderfied unspiderfied", replace);
        map.on("zoomend moveend resize", replace);
        container.addEventListener("keydown", (event) => { if (event.key === "Escape") map.closePopup(); });
        printing(app);
        app.readyAt = performance.now();
        app.readyAfterMs = app.readyAt - started;
        container.setAttribute("data-ready", "true");
    };

    cs.showBase = function (app, key) {
        if (app.base) app.base.remove();
        app.base = null;
        cs.showContext(app, key === "light");
        snap(app, key);
        const base = app.data.base_maps.find((item) => item.key === key);
        app.baseKey = key;
        if (base && base.url) {
            app.base = L.tileLayer(base.url, { maxZoom: base.max_zoom, attribution: base.attribution }).addTo(app.map);
            fallBack(app, app.base);
        }
        if (app.level) cs.drawChoropleth(app, app.record);
        app.map.setMaxZoom(base ? base.max_zoom : 19);
    };

    // What is shown under the zones where there are no tiles.
    cs.noTiles = (app) => (app.data.base_maps.some((base) => base.key === "light") ? "light" : "none");

    // Tiles that do not come (no network, a proxy) leave their place to the light base, when not one has come.
    function fallBack(app, layer) {
        let hasOne = false;
        layer.on("tileload", () => { hasOne = true; });
        layer.on("tileerror", function () {
            if (hasOne || app.base !== layer || cs.noTiles(app) !== "light") return;
            cs.showBase(app, "light");
            if (app.baseInput) app.baseInput.value = "light";
        });
    }

    // Leaflet takes attributions as markup: what the study wrote is escaped by the browser itself.
    // Tiles blur between whole zooms; without them half zooms fill the screen better.
    function snap(app, key) {
        const isTiled = key !== "none" && key !== "light";
        app.map.options.zoomSnap = isTiled ? 1 : 0.5;
        if (isTiled && app.map._loaded && app.map.getZoom() % 1) app.map.setZoom(Math.round(app.map.getZoom()), { animate: false });
    }

    // On a phone the sources are in the panel only.
    function corner(data, isNarrow) {
        const node = document.createElement("span");
        node.textContent = [data.vintage_label, ...(isNarrow ? [] : data.credits)].join(" · ");
        return node.innerHTML;
    }

    function printing(app) {
        window.addEventListener("beforeprint", () => app.map.invalidateSize({ animate: false }));
        window.addEventListener("afterprint", () => app.map.invalidateSize({ animate: false }));
    }
})(CartoSante);
