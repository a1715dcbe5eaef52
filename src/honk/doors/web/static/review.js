// Reading a change: lines come when they are wanted, files that were read fold, a line can be asked about.
// The page is complete without this.
"use strict";
{ // names of its own: pages have other scripts

const task = document.querySelector("main")?.dataset.task || "";
const cards = () => [...document.querySelectorAll("details.file")];

// ── lines on demand ─────────────────────────────────────────────────────────────────────────────
async function part(url) {
  const answer = await fetch(url + (url.includes("?") ? "&" : "?") + "part=1", { cache: "no-store" });
  if (answer.redirected) return location.reload();
  if (!answer.ok && answer.status !== 409) throw new Error("not now");
  return new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes;
}

async function load(into, url, keep) {
  if (into.dataset.busy) return;
  into.dataset.busy = "1";
  into.setAttribute("aria-busy", "true");
  try {
    const nodes = await part(url);
    if (!nodes) return;
    if (keep) keep.replaceWith(...nodes);
    else into.replaceChildren(...nodes);
    delete into.dataset.src;
  } catch {
    const said = document.createElement("p");
    said.className = "why";
    said.setAttribute("role", "alert");
    said.textContent = "It could not be loaded. Please try again.";
    into.querySelector(".why[role]")?.remove();
    into.prepend(said);
  } finally {
    delete into.dataset.busy;
    into.removeAttribute("aria-busy");
  }
}

document.addEventListener("toggle", event => {
  const body = event.target.matches?.("details.file") && event.target.open && event.target.querySelector(".body[data-src]");
  if (body) load(body, body.dataset.src);
}, true);

document.addEventListener("click", event => {
  const link = event.target.closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const body = link.closest(".body");
  if (body && ("into" in link.dataset || "next" in link.dataset)) {
    event.preventDefault();
    load(body, link.getAttribute("href"), "next" in link.dataset ? link.parentElement : null);
  } else if (link.closest(".file td") && document.getElementById("ask-form")) {
    event.preventDefault();
    ask(link);
  }
});

// ── a question about a line ─────────────────────────────────────────────────────────────────────
function ask(link) {
  const row = link.closest("tr");
  if (row.nextElementSibling?.classList.contains("asking")) return close(row.nextElementSibling);
  document.querySelectorAll("tr.asking").forEach(close);
  const query = new URLSearchParams(link.getAttribute("href").split("#")[0]);
  const form = document.getElementById("ask-form").content.firstElementChild.cloneNode(true);
  const name = link.closest(".file").dataset.path;
  const old = query.get("side") === "old";
  form.elements.file.value = name;
  form.elements.line.value = query.get("line");
  form.elements.to.value += `#${link.closest("[id]").id}`;
  form.elements.once.value = [...crypto.getRandomValues(new Uint8Array(16))].map(n => n.toString(16).padStart(2, "0")).join("");
  form.querySelector("label span").textContent = `About line ${query.get("line")}${old ? ", as it was before," : ""} of ${name}`;
  if (old) form.elements.text.value = `About line ${query.get("line")} as it was before: `;
  const asking = document.createElement("tr");
  asking.className = "asking";
  const cell = asking.insertCell();
  cell.colSpan = 3;
  cell.append(form);
  row.after(asking);
  link.setAttribute("aria-expanded", "true");
  form.elements.text.focus();
}

function close(asking) {
  const link = asking.previousElementSibling?.querySelector("a");
  link?.setAttribute("aria-expanded", "false");
  asking.remove();
  link?.focus();
}

// ── what was read ───────────────────────────────────────────────────────────────────────────────
const KEPT = 50;
const name = `honk.read.${task}`;

function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(name));
    return found && typeof found.files === "object" && found.files ? found.files : {};
  } catch {
    return {};
  }
}

function remember(files) {
  try {
    localStorage.setItem(name, JSON.stringify({ at: Date.now(), files }));
    const all = Object.keys(localStorage).filter(key => key.startsWith("honk.read."));
    const at = key => { try { return JSON.parse(localStorage.getItem(key)).at || 0; } catch { return 0; } };
    all.sort((a, b) => at(b) - at(a)).slice(KEPT).forEach(key => localStorage.removeItem(key));
  } catch {
    // Without room, or in a private window, it lasts as long as the page.
  }
}

let read = remembered();

function mark(card, yes) {
  if (yes) read[card.id] = card.dataset.key;
  else delete read[card.id];
  remember(read);
  show(card);
  card.open = !yes;
  count();
}

function show(card) {
  const done = read[card.id] === card.dataset.key;
  const button = card.querySelector("button.read");
  card.classList.toggle("done", done);
  button.hidden = false;
  button.setAttribute("aria-pressed", String(done));
  button.textContent = done ? "Read" : "Mark as read";
  card.querySelector(".news").hidden = done || !(card.id in read);
}

function count() {
  const progress = document.getElementById("progress");
  if (!progress) return;
  const all = cards();
  const more = document.querySelector("p.more") ? " on this page" : "";
  progress.textContent = `${all.filter(card => card.classList.contains("done")).length} of ${all.length} read${more}`;
  progress.hidden = !all.length;
}

document.addEventListener("click", event => {
  const button = event.target.closest("button.read");
  if (!button) return;
  const card = button.closest("details.file");
  const yes = !card.classList.contains("done");
  mark(card, yes);
  if (yes) card.querySelector("summary").focus({ preventScroll: true });
});

document.addEventListener("keydown", event => {
  if (event.key === "Escape") {
    const asking = event.target.closest?.("tr.asking");
    if (asking) close(asking);
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const all = cards();
  const at = all.findIndex(card => card.contains(document.activeElement));
  if (event.key === "j" || event.key === "k") {
    const to = all[event.key === "j" ? Math.min(at + 1, all.length - 1) : Math.max(at - 1, 0)];
    if (!to) return;
    to.querySelector("summary").focus({ preventScroll: true });
    to.scrollIntoView({ block: "start" });
  } else if (event.key === "r" && at >= 0) {
    mark(all[at], !all[at].classList.contains("done"));
    all[at].querySelector("summary").focus({ preventScroll: true });
  }
});

for (const card of cards()) {
  show(card);
  if (card.classList.contains("done")) card.open = false;
}
count();
}
