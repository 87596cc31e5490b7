// A map that can be moved, in place of the drawn one where WebGL is there. The drawing stays for print.
const figures = [...document.querySelectorAll("[data-map]")];
const DEGREE_KM = 111.195;
const SHADES = ["0", "1", "2", "3", "4", "none"];

function hasWebGl() {
  const context = document.createElement("canvas").getContext("webgl2");
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context);
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function ring([longitude, latitude, radiusKm]) {
  const north = radiusKm / DEGREE_KM;
  const east = north / Math.cos((latitude * Math.PI) / 180);
  const turns = [...Array(65).keys()].map((i) => (2 * Math.PI * i) / 64);
  return turns.map((turn) => [longitude + east * Math.cos(turn), latitude + north * Math.sin(turn)]);
}

function shaded(areas) {
  const codes = SHADES.map((shade) => areas.filter((area) => area[1] === shade).map((area) => area[0]));
  const pairs = SHADES.flatMap((shade, i) => (codes[i].length ? [codes[i], colour(`shade-${shade}`)] : []));
  return pairs.length ? ["match", ["get", "code"], ...pairs, colour("land")] : colour("land");
}

function lined(areas, inside, outside) {
  return areas.length ? ["match", ["get", "code"], areas.map((area) => area[0]), inside, outside] : outside;
}

function styleOf(drawn, address) {
  const circles = drawn.circles.map((circle) => ({
    type: "Feature",
    properties: {},
    geometry: { type: "LineString", coordinates: ring(circle) },
  }));
  return {
    version: 8,
    sources: {
      areas: { type: "geojson", data: address, tolerance: 0.2, buffer: 8 },
      outlines: { type: "geojson", buffer: 8, data: address.replace("areas.geojson", "outlines.geojson") },
      circles: { type: "geojson", data: { type: "FeatureCollection", features: circles } },
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colour("sea") } },
      {
        id: "areas",
        type: "fill",
        source: "areas",
        paint: { "fill-antialias": false, "fill-color": shaded(drawn.areas) }, // its edges are drawn below
      },
      {
        id: "edges",
        type: "line",
        source: "areas",
        paint: {
          "line-color": lined(drawn.areas, colour("unit"), colour("land-line")),
          "line-width": lined(drawn.areas, 1.2, 0.5),
        },
      },
      {
        id: "outlines",
        type: "line",
        source: "outlines",
        paint: { "line-color": colour("unit"), "line-width": 2 },
      },
      {
        id: "circles",
        type: "line",
        source: "circles",
        paint: { "line-color": colour("circle"), "line-width": 2.5, "line-dasharray": [3, 2] },
      },
    ],
  };
}

function addText(map, places, className, Marker) {
  for (const [longitude, latitude, text] of places) {
    const element = Object.assign(document.createElement("div"), { className });
    element.textContent = text;
    new Marker({ element }).setLngLat([longitude, latitude]).addTo(map);
    element.removeAttribute("role");
    element.removeAttribute("tabindex");
    element.removeAttribute("aria-label");
    element.setAttribute("aria-hidden", "true"); // the table of areas has them
  }
}

function addWords(map, drawn, Popup) {
  const words = new Map(drawn.areas.map(([code, , count, text]) => [code, [count, text]]));
  const popup = new Popup({ closeButton: false, closeOnClick: false });
  const show = (event) => {
    const { code, name } = event.features[0].properties;
    const [count, text] = words.get(code) ?? [0, `${name}: not in this alert`];
    const cases = words.has(code) ? `; ${count} ${count === 1 ? "case" : "cases"}` : "";
    popup.setLngLat(event.lngLat).setText(text + cases).addTo(map);
  };
  map.on("mousemove", "areas", show);
  map.on("click", "areas", show);
  map.on("mouseleave", "areas", () => popup.remove());
}

async function draw(figure, { Map: MapLibre, Marker, NavigationControl, Popup, ScaleControl }) {
  const drawn = JSON.parse(figure.dataset.map);
  const address = new URL(figure.dataset.areas, location.href).href;
  const canvas = Object.assign(document.createElement("div"), { className: "map-canvas" });
  figure.prepend(canvas);
  figure.classList.add("loading");
  const [west, south, east, north] = drawn.bounds;
  const map = new MapLibre({
    container: canvas,
    style: styleOf(drawn, address),
    bounds: [[west, south], [east, north]],
    attributionControl: false,
    cooperativeGestures: true,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    fadeDuration: 0,
    maxZoom: 15,
    locale: { "Map.Title": figure.querySelector("svg title").textContent },
  });
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new ScaleControl());
  addText(map, drawn.names, "map-name", Marker);
  addText(map, drawn.numbers, "map-number", Marker);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.setStyle(styleOf(drawn, address)));
  await map.once("idle");
  figure.classList.replace("loading", "drawn");
  figure.dataset.drawnMs = Math.round(performance.now());
  addWords(map, drawn, Popup);
}

if (figures.length && hasWebGl()) {
  const maplibre = await import("/static/vendor/maplibre-gl.mjs");
  maplibre.setWorkerUrl("/static/vendor/maplibre-gl-worker.mjs");
  for (const figure of figures) await draw(figure, maplibre);
}
