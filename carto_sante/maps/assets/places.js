// One marker by place, gathered in clusters; only the professions that are ticked.
(function (cs) {
    const LON = 0, LAT = 1, ZONE = 2, SITE = 3, ADDRESS = 4;
    const PLACE = 0, PROFESSION = 1;

    // The drawing is built when a marker comes into view, not for the 60,000 that may never do.
    const PlaceIcon = L.Icon.extend({
        options: { iconSize: [22, 22] },
        initialize: function (app, marker) { this.app = app; this.marker = marker; L.setOptions(this, {}); },
        createIcon: function () {
            const { app, marker } = this;
            const people = cs.visiblePeople(app, marker.csPlace);
            const kinds = [...new Set(people.map((person) => person[PROFESSION]))];
            const label = placeSentence(app, marker.csPlace, people);
            const node = cs.el("div", { class: "cs-place leaflet-marker-icon", "aria-label": label, title: label });
            if (app.data.places[marker.csPlace][ZONE] < 0) node.classList.add("cs-outside");
            if (people.length <= 1) {
                node.append(cs.symbol(app.data.professions[kinds[0]], 22));
                return sized(node, 22, 22);
            }
            const shown = kinds.slice(0, 3);
            node.classList.add("cs-group");
            node.append(...shown.map((kind) => cs.symbol(app.data.professions[kind], 15)),
                cs.el("span", {}, cs.number(people.length)));
            return sized(node, 15 * shown.length + 12 + 8 * String(people.length).length, 22);
        },
        createShadow: () => null,
    });
    function sized(node, width, height) {
        Object.assign(node.style, { width: width + "px", height: height + "px",
            marginLeft: -width / 2 + "px", marginTop: -height / 2 + "px" });
        return node;
    }

    cs.preparePlaces = function (app) {
        const { places, people } = app.data;
        app.peopleOf = places.map(() => []);
        people.forEach((person) => app.peopleOf[person[PLACE]].push(person));
        app.markers = places.map(function (place, index) {
            const marker = L.marker([place[LAT], place[LON]], { keyboard: true });
            marker.csPlace = index;
            marker.options.icon = new PlaceIcon(app, marker);
            return marker;
        });
        app.cluster = L.markerClusterGroup({
            maxClusterRadius: 38, disableClusteringAtZoom: 17, showCoverageOnHover: false, spiderfyOnMaxZoom: true,
            chunkedLoading: false, removeOutsideVisibleBounds: true, animate: places.length < 5000,
            iconCreateFunction: (cluster) => clusterIcon(app, cluster),
        }).addTo(app.map);
        const open = (event) => openPlace(app, event.layer || event.propagatedFrom);
        app.cluster.on("click", open);
        app.cluster.on("keypress", (event) => { if (event.originalEvent.key === "Enter") open(event); });
        app.cluster.on("clusterkeypress", (event) => {
            if (event.originalEvent.key === "Enter") (event.layer || event.propagatedFrom).zoomToBounds({ padding: [30, 30] });
        });
        prepareFacilities(app);
    };

    cs.visiblePeople = function (app, place) {
        return app.peopleOf[place].filter((person) => app.shown.has(person[PROFESSION]));
    };

    cs.drawPlaces = function (app) {
        const kept = app.markers.filter(function (marker) {
            const isInside = app.data.places[marker.csPlace][ZONE] >= 0;
            return (isInside || app.showsOutside) && cs.visiblePeople(app, marker.csPlace).length > 0;
        });
        app.cluster.clearLayers();
        for (const marker of kept) marker.csCount = cs.visiblePeople(app, marker.csPlace).length;
        app.cluster.addLayers(kept);
        app.shownPlaceCount = kept.length;
    };

    // Opens the popup of a place wherever it is, out of its cluster if need be.
    cs.showPlace = function (app, index) {
        const marker = app.markers[index];
        const turn = app.turn = (app.turn || 0) + 1;
        // Once, for the last place asked, and after the events of the move: opening a popup moves the map again.
        const open = () => setTimeout(() => {
            if (app.turn !== turn) return;
            app.turn += 1;
            openPlace(app, marker);
        }, 0);
        if (app.cluster.hasLayer(marker)) app.cluster.zoomToShowLayer(marker, open);
        else {
            app.map.setView(marker.getLatLng(), 17, { animate: false });
            open();
        }
    };

    function openPlace(app, marker) {
        if (marker.csPlace === undefined) return;
        cs.openPopup(app, marker.getLatLng(), cs.placePopup(app, marker.csPlace), -6);
    }

    function placeSentence(app, index, people) {
        const place = app.data.places[index];
        const where = app.data.texts[place[SITE]] || app.data.texts[place[ADDRESS]] || "Lieu d’exercice";
        const counts = new Map();
        for (const person of people) counts.set(person[PROFESSION], (counts.get(person[PROFESSION]) || 0) + 1);
        const parts = [...counts].map(([kind, count]) => {
            const record = app.data.professions[kind];
            return count + " " + (count > 1 ? record.plural : record.label).toLowerCase();
        });
        return where + " – " + parts.join(", ");
    }

    function clusterIcon(app, cluster) {
        let count = 0;
        const markers = cluster.getAllChildMarkers();
        for (const marker of markers) count += marker.csCount;
        const size = count < 10 ? 28 : count < 100 ? 32 : count < 1000 ? 38 : 44;
        const label = cs.plural(count, app.words.one, app.words.many) + " dans " +
            cs.plural(markers.length, "lieu", "lieux") + " : agrandir";
        const node = cs.el("span", { class: "cs-cluster-count", title: label }, cs.number(count));
        const icon = L.divIcon({ html: node, className: "cs-cluster", iconSize: [size, size] });
        const color = app.shown.size === 1 ? app.data.professions[[...app.shown][0]].color : "";
        const create = icon.createIcon;
        icon.createIcon = function (old) {
            const element = create.call(icon, old);
            element.setAttribute("aria-label", label);
            element.style.borderColor = color;
            return element;
        };
        return icon;
    }

    function prepareFacilities(app) {
        for (const kind of app.data.facilities) app.overlays["facilities-" + kind.key] = facilityLayer(kind);
    }
    function facilityLayer({ rows, path, color }) {
        const group = L.markerClusterGroup({ maxClusterRadius: 30, disableClusteringAtZoom: 16,
            showCoverageOnHover: false, iconCreateFunction: (cluster) => L.divIcon({ className: "cs-cluster cs-facilities",
                html: cs.el("span", {}, cs.number(cluster.getChildCount())), iconSize: [26, 26] }) });
        for (const [lon, lat, name, category, address] of rows) {
            const icon = L.divIcon({ className: "cs-place", html: cs.symbol({ path: path, color: color }, 18),
                iconSize: [18, 18] });
            const marker = L.marker([lat, lon], { icon: icon, title: name || category, keyboard: true });
            marker.bindPopup(() => cs.el("div", { class: "cs-popup" }, cs.el("h2", {}, name || category),
                name ? cs.el("p", {}, category) : null, address ? cs.el("p", {}, address) : null));
            group.addLayer(marker);
        }
        return group;
    }
})(CartoSante);
