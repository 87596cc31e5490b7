// The queue: what is said aloud when the list changes by itself, and keys that move through it.
const said = document.getElementById("said");
const state = document.getElementById("live-state");
const facts = () => document.getElementById("facts").dataset;

function tell(how) {
  if (!state) return;
  state.textContent = state.dataset[how];
  state.classList.toggle("on", how === "live");
}

let summary = facts().summary;
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.elt.id !== "list") return;
  document.title = facts().title;
  document.getElementById("as-of").textContent = facts().at;
  if (facts().summary !== summary) said.textContent = facts().summary;
  summary = facts().summary;
});
// What changed before the stream began, or while it was away, it tells as missed: it knows what the page showed.
document.addEventListener("htmx:sseOpen", () => tell("live"));
document.addEventListener("htmx:sseError", () => tell("lost"));
document.addEventListener("htmx:sseClose", () => tell("lost"));
tell(document.querySelector("[sse-connect]") ? "lost" : "slow");

// Keys of one character disturb people who dictate: they can be turned off, and this browser remembers it.
const dialog = document.getElementById("keys");
const switched = document.getElementById("keys-on");
switched.checked = localStorage.getItem("keys") !== "off";
switched.addEventListener("change", () => localStorage.setItem("keys", switched.checked ? "on" : "off"));
document.querySelector("[data-opens=keys]").addEventListener("click", () => dialog.showModal());

function move(by) {
  const links = [...document.querySelectorAll(".queue h2 a")];
  const at = links.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by;
  links[Math.max(0, Math.min(next, links.length - 1))]?.focus();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => document.querySelector(".filters select").focus(),
  "?": () => dialog.showModal(),
};
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || dialog.open || !switched.checked || event.ctrlKey || event.altKey || event.metaKey) return;
  if (!KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});
