// Elements, French numbers and symbols. Text only ever enters the page through textContent.
"use strict";
var CartoSante = window.CartoSante || {};
window.CartoSante = CartoSante;

(function (cs) {
    const SVG = "http://www.w3.org/2000/svg";

    // el("p", {class: "a"}, "text", child): attributes are set as attributes, "on…" as listeners, strings as text.
    cs.el = function (tag, attributes, ...children) {
        const node = document.createElement(tag);
        fill(node, attributes, children);
        return node;
    };
    cs.svg = function (tag, attributes, ...children) {
        const node = document.createElementNS(SVG, tag);
        fill(node, attributes, children);
        return node;
    };
    function fill(node, attributes, children) {
        for (const [name, value] of Object.entries(attributes || {})) {
            if (value === null || value === undefined || value === false) continue;
            if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
            else node.setAttribute(name, value === true ? "" : value);
        }
        for (const child of children.flat(Infinity)) {
            if (child === null || child === undefined || child === false) continue;
            node.append(child instanceof Node ? child : document.createTextNode(String(child)));
        }
    }

    const formats = new Map();
    cs.number = function (value, decimals, isSigned) {
        if (value === null || value === undefined) return "non disponible";
        const digits = decimals || 0;
        const key = digits + (isSigned ? "+" : "");
        if (!formats.has(key)) {
            const options = { minimumFractionDigits: digits, maximumFractionDigits: digits,
                signDisplay: isSigned ? "exceptZero" : "auto" };
            formats.set(key, new Intl.NumberFormat("fr-FR", options));
        }
        return formats.get(key).format(value).replace("-", "\u2212");
    };
    cs.plural = function (count, one, many) {
        return cs.number(count) + "\u00a0" + (count < 2 ? one : many);
    };
    // Comparison of names: without accents, case or punctuation.
    cs.plain = function (text) {
        return text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase().replace(/[^a-z0-9]+/g, " ").trim();
    };
    cs.symbol = function (shape, size) {
        const path = cs.svg("path", { d: shape.path, fill: shape.color, stroke: "#fff", "stroke-width": 2.4,
            "paint-order": "stroke", "stroke-linejoin": "round" });
        return cs.svg("svg", { viewBox: "-1.5 -1.5 27 27", width: size, height: size, "aria-hidden": "true",
            class: "cs-symbol" }, path);
    };
})(CartoSante);
