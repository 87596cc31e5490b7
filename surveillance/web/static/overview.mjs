// The overview's map and time line. The page reads without them: every picture has its table.
const drawing = JSON.parse(document.getElementById("drawing").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const seconds = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;
const STANDINGS = ["far-higher", "higher", "within", "lower", "far-lower", "unknown"];
const DAY = 86400;

// --- over time -------------------------------------------------------------------------------------------

const middle = ([low, high]) => (low + high) / 2;

function shade(plot) {
  if (!drawing.incomplete_from) return;
  const from = Math.max(plot.valToPos(seconds(drawing.incomplete_from), "x", true), plot.bbox.left);
  plot.ctx.save();
  plot.ctx.fillStyle = colour("incomplete");
  plot.ctx.fillRect(from, plot.bbox.top, plot.bbox.left + plot.bbox.width - from, plot.bbox.height);
  plot.ctx.restore();
}

const drawBounds = (periods) => (plot) => {
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = colour("ink");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  for (const [at, { cases: [low, high] }] of periods.entries()) {
    if (low === high) continue;
    const x = plot.valToPos(plot.data[0][at], "x", true);
    ctx.beginPath();
    ctx.moveTo(x, plot.valToPos(low, "y", true));
    ctx.lineTo(x, plot.valToPos(high, "y", true));
    ctx.stroke();
  }
  ctx.restore();
};

function centre(period) {
  return (seconds(period.first) + seconds(period.last) + DAY) / 2;
}

function drawPeriods(box, periods, label) {
  const most = Math.max(...periods.map((period) => period.cases[1]), 3);
  const axis = { stroke: colour("ink"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line") }, font: "14px system-ui" };
  const bars = {
    label,
    fill: colour("member"),
    stroke: colour("member"),
    paths: uPlot.paths.bars({ size: [0.82, 140, 1] }),
    points: { show: false },
    value: (_, __, ___, at) => (at === null ? "" : periods[at].words),
  };
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: 280,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: { x: { range: [seconds(periods[0].first), seconds(periods.at(-1).last) + DAY] }, y: { range: [0, most * 1.08] } },
      axes: [axis, { ...axis, size: 52, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] }],
      series: [{}, bars],
      cursor: { drag: { x: false, y: false } },
      hooks: { drawClear: [shade], draw: [drawBounds(periods)] },
    },
    [periods.map(centre), periods.map((period) => middle(period.cases))],
    box,
  );
  plot.root.setAttribute("aria-hidden", "true"); // the table beside it has every number
  return plot;
}

function showTimeLine(figure, periods, label) {
  if (!periods.length) return;
  const box = document.createElement("div");
  box.className = "plot";
  figure.insertBefore(box, figure.querySelector("figcaption"));
  let plot = drawPeriods(box, periods, label);
  new ResizeObserver(() => plot.setSize({ width: box.clientWidth, height: 280 })).observe(box);
  dark.addEventListener("change", () => {
    plot.destroy();
    plot = drawPeriods(box, periods, label);
  });
}

function showTimeLines() {
  const figure = document.getElementById("time-line");
  if (!figure || typeof uPlot === "undefined") return;
  showTimeLine(figure, drawing.periods, "All areas");
  showTimeLine(figure, drawing.of_unit, drawing.unit_name);
}

// --- map -------------------------------------------------------------------------------------------------

const units = new Map(drawing.units.map(([code, ...rest]) => [code, rest]));
const unitOfArea = drawing.unit_of_area ? new Map(drawing.unit_of_area.map(([unit, area]) => [area, unit])) : null;
const unitOf = (area) => (unitOfArea ? unitOfArea.get(area) : area);

function byStanding(areas, valueOf, otherwise) {
  const groups = STANDINGS.map((standing) => areas.filter((area) => units.get(unitOf(area))?.[0] === standing));
  const pairs = STANDINGS.flatMap((standing, at) => (groups[at].length ? [groups[at], valueOf(standing)] : []));
  return pairs.length ? ["match", ["get", "code"], ...pairs, otherwise] : otherwise;
}

function addressesOf({ scope, level }) {
  const areas = `/api/scopes/${scope}/areas.geojson`;
  return unitOfArea ? [areas, `/api/scopes/${scope}/outlines/${level}.geojson`] : [areas];
}

// Lines are thin: what lies further beyond a tile's edge is drawn by its neighbour, and twice would be once too often.
const DRAWN = { type: "geojson", tolerance: 0.3, buffer: 8 };

function styleOf([boundaries, outlines]) {
  const codes = unitOfArea ? [...unitOfArea.keys()] : [...units.keys()];
  const chosen = codes.filter((area) => drawing.chosen && unitOf(area) === drawing.chosen);
  const isUnit = unitOfArea !== null;
  const chosenUnit = ["==", ["get", "code"], drawing.chosen ?? ""];
  const outside = drawing.units.filter((unit) => ["far-higher", "far-lower"].includes(unit[1])).map((unit) => unit[0]);
  const far = outside.length ? ["match", ["get", "code"], outside, true, false] : false;
  const edges = isUnit ? "outlines" : "areas";
  return {
    version: 8,
    sources: {
      areas: { ...DRAWN, data: boundaries },
      ...(isUnit ? { outlines: { ...DRAWN, data: outlines } } : {}),
    },
    layers: [
      { id: "sea", type: "background", paint: { "background-color": colour("sea") } },
      {
        id: "areas",
        type: "fill",
        source: "areas",
        paint: { "fill-antialias": false, "fill-color": byStanding(codes, (standing) => colour(`s-${standing}`), colour("land")) },
      },
      { id: "edges", type: "line", source: edges, paint: { "line-color": colour("s-edge"), "line-width": isUnit ? 1 : 0.35 } },
      // A second sign beside the colour: far from what is expected has a strong edge.
      { id: "far", type: "line", source: edges, filter: ["all", far], paint: { "line-color": colour("ink"), "line-width": 2 } },
      { id: "chosen", type: "line", source: edges, filter: ["all", chosen.length > 0, chosenUnit], paint: { "line-color": colour("ink"), "line-width": 3.5 } },
    ],
  };
}

function wordsOf(area) {
  const [standing, name, cases, rate] = units.get(unitOf(area)) ?? [];
  if (!name) return "";
  const rated = rate && rate !== "–" ? `; ${rate} per 100,000 people and year` : "";
  return `${name}: ${cases} cases${rated}. ${drawing.standings[standing]}.`;
}

function addWords(map, Popup) {
  const popup = new Popup({ closeButton: false, closeOnClick: false, maxWidth: "20rem" });
  map.on("mousemove", "areas", (event) => {
    const words = wordsOf(event.features[0].properties.code);
    if (words) popup.setLngLat(event.lngLat).setText(words).addTo(map);
  });
  map.on("mouseleave", "areas", () => popup.remove());
  map.on("click", "areas", (event) => {
    const address = new URL(location.href);
    address.searchParams.set("unit", unitOf(event.features[0].properties.code));
    location.assign(address);
  });
}

// Null where there is no WebGL: to ask for it first would cost as much as half the map.
function makeMap(MapLibre, container, style) {
  try {
    return new MapLibre({
      container,
      style,
      bounds: drawing.bounds,
      fitBoundsOptions: { padding: 16 },
      attributionControl: false,
      cooperativeGestures: true,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      fadeDuration: 0,
      maxZoom: 14,
      locale: { "Map.Title": "Map of the areas; the table below has the same" },
    });
  } catch {
    return null;
  }
}

async function showMap() {
  const figure = document.getElementById("map");
  if (!figure) return;
  // As the head asks for it: it arrives while the code of the map is read.
  const asked = Promise.all(addressesOf(figure.dataset).map((path) => fetch(path).then((answer) => answer.json())));
  const maplibre = await import("/static/vendor/maplibre-gl.mjs");
  maplibre.setWorkerUrl("/static/vendor/maplibre-gl-worker.mjs");
  const canvas = Object.assign(document.createElement("div"), { className: "map-canvas" });
  figure.prepend(canvas);
  const lines = await asked;
  const map = makeMap(maplibre.Map, canvas, styleOf(lines));
  if (map === null) return void figure.classList.add("failed");
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibre.ScaleControl());
  dark.addEventListener("change", () => map.setStyle(styleOf(lines)));
  await map.once("idle");
  figure.dataset.drawnMs = Math.round(performance.now());
  addWords(map, maplibre.Popup);
}

const shown = showMap(); // what it needs is on its way while the time line is drawn
showTimeLines();
await shown;
