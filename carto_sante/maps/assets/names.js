// Names of the zones, written where no marker hides them.
(function (cs) {
    const MOST_NAMES = 200, MOST_AT_ANY_COST = 30;

    cs.drawNames = function (app) {
        if (app.names) app.names.remove();
        app.names = null;
        const level = app.level;
        if (!level || level.ids.length > MOST_NAMES) return;
        app.names = L.layerGroup(level.labels.map(function (label, index) {
            const anchors = level.anchors[index];
            if (!anchors.length) return null;
            const node = cs.el("span", { "aria-hidden": "true" }, label);
            const icon = L.divIcon({ className: "cs-name", html: node, iconSize: [0, 0] });
            const marker = L.marker([anchors[0][1], anchors[0][0]],
                { pane: "cs-names", icon: icon, interactive: false, keyboard: false });
            marker.csAnchors = anchors;
            marker.csNode = node;
            marker.csIndex = index;
            return marker;
        }).filter(Boolean)).addTo(app.map);
        cs.placeNames(app);
    };

    // Each name takes the first of its places that covers neither a marker nor another name; the least bad otherwise.
    cs.placeNames = function (app) {
        if (!app.names || !app.map.hasLayer(app.names)) return;
        const origin = app.map.getContainer().getBoundingClientRect();
        const obstacles = [...app.map.getPane("markerPane").children].map((node) => node.getBoundingClientRect())
            .map((box) => rectangle((box.left + box.right) / 2 - origin.left, (box.top + box.bottom) / 2 - origin.top,
                box.width - 4, box.height - 4));
        const panel = app.panel && app.map.getSize().x > 640 ? app.panel.getBoundingClientRect() : null;
        const placed = [], isCrowded = app.level.ids.length > MOST_AT_ANY_COST;
        const paths = new Map(), room = new Map();
        app.zoneLayers[app.level.key].eachLayer(function (layer) {
            paths.set(layer.csIndex, layer.getElement());
            const box = layer.getElement().getBBox();
            room.set(layer.csIndex, box.width * box.height);
        });
        const scene = { app: app, placed: placed, obstacles: obstacles, panel: panel && frameOf(panel, origin), paths: paths,
            isCrowded: isCrowded };
        // The smallest zones choose first: they have the fewest places to choose from.
        const markers = app.names.getLayers().sort((a, b) => room.get(a.csIndex) - room.get(b.csIndex));
        for (const marker of markers) {
            marker.csNode.classList.remove("cs-small");
            let best = bestPlace(scene, marker);
            if (best.cost > 1) {
                marker.csNode.classList.add("cs-small");
                best = bestPlace(scene, marker);
            }
            marker.csNode.style.visibility = best.cost >= 1000 ? "hidden" : "visible";
            if (best.cost < 1000) placed.push(best.frame);
            marker.setLatLng([best.lat, best.lon]);
        }
    };

    function bestPlace(scene, marker) {
        const { app, placed, obstacles, panel, paths, isCrowded } = scene;
        const box = marker.csNode.getBoundingClientRect();
        let best = null;
        for (const [lon, lat] of marker.csAnchors) {
            const point = app.map.latLngToContainerPoint([lat, lon]);
            const frame = rectangle(point.x, point.y, box.width, box.height);
            let cost = placed.some((other) => overlaps(frame, other)) ? 1000 : 0;
            if (panel && overlaps(frame, panel)) cost += 100;
            const outside = cornersOutside(app, paths.get(marker.csIndex), frame);
            cost += isCrowded && outside > 1 ? 1000 : outside * 0.6;
            for (const obstacle of obstacles) cost += shared(frame, obstacle) / 60;
            if (!best || cost < best.cost) best = { cost: cost, lat: lat, lon: lon, frame: frame };
            if (cost === 0) break;
        }
        return best;
    }
    function frameOf(box, origin) {
        return { left: box.left - origin.left, right: box.right - origin.left, top: box.top - origin.top,
            bottom: box.bottom - origin.top };
    }
    function cornersOutside(app, path, frame) {
        if (!path || !path.isPointInFill) return 0;
        const root = path.ownerSVGElement;
        return [[frame.left, frame.top], [frame.right, frame.top], [frame.left, frame.bottom], [frame.right, frame.bottom]]
            .filter(function ([x, y]) {
                const at = app.map.containerPointToLayerPoint([x, y]), point = root.createSVGPoint();
                point.x = at.x;
                point.y = at.y;
                return !path.isPointInFill(point);
            }).length;
    }
    function rectangle(x, y, width, height) {
        return { left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 };
    }
    function overlaps(a, b) { return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom; }
    function shared(a, b) {
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        return width > 0 && height > 0 ? width * height : 0;
    }
})(CartoSante);
