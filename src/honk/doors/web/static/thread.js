// The task's page goes on by itself: lines are added, parts are exchanged. The page is complete without this.
// What is being typed, unfolded or selected, and where one reads, stays.
"use strict";
{ // names of its own: pages have other scripts
const main = document.getElementById("thread");
//: ms: hidden so long, the stream ends; between two looks where no stream comes through; between two marks as read
const HIDDEN = 60000, EVERY = 3000, READ = 15000, SPOKEN = 5000;
//: ms after which what is on the screen counts as read
const GLANCE = 2000;
//: ms in which a stream must say something, which a proxy may keep to itself
const SILENT = 25000;
//: lines of a turn that stay on the page
const MOST = 400;

let seen = Number(main.dataset.seq); // the last event that is shown
let complete = String(seen); // up to here lines and parts are complete
let stream = null, timer = 0, silence = 0, failed = 0, polls = false;
let away = 0, hiddenAt = 0, shownAt = Date.now(), readAt = 0, readUpTo = 0, reading = 0;
const pending = new Map();
const loaded = new Set([...document.scripts].map(one => one.src));

document.documentElement.classList.add("lively");

// ── coming in ────────────────────────────────────────────────────────────────────────────────
function begin() {
  if (stream || document.hidden) return;
  clearTimeout(timer);
  stream = new EventSource(`${main.dataset.live}?after=${complete}`);
  stream.onmessage = event => {
    failed = 0;
    polls = false;
    connected(true);
    listen();
    take(event.data, event.lastEventId);
  };
  stream.onerror = () => {
    connected(false);
    // The browser comes back by itself where it can, with the number of the last event.
    if (stream?.readyState !== EventSource.CLOSED) return;
    polls = failed > 0; // refused again, although Honk answers
    again();
  };
  listen();
}

function listen() {
  clearTimeout(silence);
  silence = setTimeout(() => { if (failed === 0 && stream?.readyState === EventSource.OPEN) polls = true; again(); }, SILENT);
}

function end() {
  clearTimeout(silence);
  clearTimeout(timer);
  stream?.close();
  stream = null;
}

function again() {
  end();
  if (document.hidden) return;
  failed += 1;
  timer = setTimeout(() => look().catch(() => { connected(false); again(); }), Math.min(EVERY * failed, 30000));
}

// Asks once: for what is new where no stream comes through, and whether Honk and the visit are still there.
async function look() {
  const answer = await fetch(`${main.dataset.live}?once=1&after=${complete}`, { cache: "no-store" });
  if (answer.redirected) return typing() ? again() : location.reload();
  if (!answer.ok) throw new Error(String(answer.status));
  for (const message of (await answer.text()).split("\n\n")) {
    const lines = message.split("\n"), of = name => lines.filter(one => one.startsWith(name)).map(one => one.slice(name.length));
    take(of("data: ").join("\n"), of("id: ")[0] || "");
  }
  connected(true);
  if (!polls) return begin();
  failed = 0;
  timer = setTimeout(() => look().catch(() => { connected(false); again(); }), EVERY);
}

function connected(yes) {
  document.getElementById("offline").hidden = yes;
}

// ── what is shown ────────────────────────────────────────────────────────────────────────────
function take(html, id) {
  const at = anchor();
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  let last = seen;
  for (const one of [...fresh.content.children]) {
    const seq = Number(one.dataset.seq || 0);
    if (seq > last) last = seq;
    if (one.dataset.part !== undefined) part(one);
    else if (one.dataset.in && seq > seen || one.classList.contains("turn")) add(one, seq);
  }
  seen = Math.max(last, Number(id || 0), seen);
  if (id) complete = id;
  at();
  read();
}

function add(one, seq) {
  if (document.getElementById(one.id)) return;
  for (const spoken of one.dataset.aloud === undefined ? [] : [one.querySelector("span")]) say(spoken.textContent);
  if (one.dataset.clears) document.getElementById(one.dataset.clears)?.replaceChildren();
  const into = document.getElementById(one.dataset.in);
  if (!into) return;
  if (one.classList.contains("turn")) return into.prepend(one);
  if (away && seq > away && into.matches("ol")) {
    document.getElementById("new")?.remove();
    into.append(line(`new since ${new Date(hiddenAt).toISOString().slice(11, 16)} UTC`));
    away = 0;
  }
  into.append(one);
  into.closest("[hidden]")?.removeAttribute("hidden");
  while (into.matches("ol") && into.children.length > MOST) into.firstElementChild.remove();
}

function line(words) {
  const made = document.createElement("li"), text = document.createElement("span");
  made.className = "since";
  made.id = "new";
  text.textContent = words;
  made.append(text);
  return made;
}

function part(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || plain(old) === plain(fresh)) return pending.delete(fresh.id);
  if (fresh.id === "below" && held(old)) below(old, fresh);
  if (held(old)) return pending.set(fresh.id, fresh);
  pending.delete(fresh.id);
  for (const inner of fresh.querySelectorAll("details[id]")) {
    const before = document.getElementById(inner.id);
    if (before) inner.open = before.open;
  }
  const back = focused(old);
  for (const name of ["hidden", "class"]) {
    if (fresh.hasAttribute(name)) old.setAttribute(name, fresh.getAttribute(name));
    else old.removeAttribute(name);
  }
  old.replaceChildren(...fresh.childNodes);
  back(old);
  for (const script of old.querySelectorAll("script[src]")) run(script.src);
}

// While somebody writes at the thumb, the buttons beside it change all the same.
function below(old, fresh) {
  for (const inner of old.querySelectorAll("[data-fresh]")) {
    const now = fresh.querySelector(`#${inner.id}`);
    if (now && plain(inner) !== plain(now) && !inner.contains(document.activeElement)) inner.replaceWith(now.cloneNode(true));
  }
}

// A script that came along as HTML does not run by itself.
function run(src) {
  if (loaded.has(src)) return;
  loaded.add(src);
  const script = document.createElement("script");
  script.src = src;
  document.head.append(script);
}

// Whether somebody types in it, has chosen something in it, or has selected some of it.
function held(part) {
  const here = document.activeElement;
  if (part.contains(here) && here.matches("textarea, select, input:not([type=hidden])")) return true;
  for (const one of part.querySelectorAll("textarea, input:not([type=hidden])")) {
    if (one.type === "file" ? one.files.length : one.type === "radio" || one.type === "checkbox"
      ? one.checked !== one.defaultChecked : one.value !== one.defaultValue) return true;
  }
  const selection = getSelection();
  return !selection.isCollapsed && selection.rangeCount > 0 && selection.containsNode(part, true);
}

function settle() {
  if (!pending.size) return;
  const at = anchor();
  for (const fresh of [...pending.values()]) part(fresh);
  at();
}

// Every page names its forms anew, and remembers what is unfolded.
function plain(element) {
  const copy = element.cloneNode(true);
  for (const one of copy.querySelectorAll("[name=once], [name=nonce]")) one.removeAttribute("value");
  for (const one of copy.querySelectorAll("details")) one.removeAttribute("open");
  for (const one of copy.querySelectorAll("[data-say]")) one.remove();
  return (copy.hidden ? "hidden" : "") + copy.innerHTML;
}

// What had the keyboard is found again by its id, or as the same one of its kind.
function focused(part) {
  const here = document.activeElement;
  if (!here || here === part || !part.contains(here)) return () => {};
  const words = here.textContent, alike = here.id ? `#${CSS.escape(here.id)}` : here.tagName;
  return fresh => {
    const found = [...fresh.querySelectorAll(alike)];
    (found.find(one => one.textContent === words) || found[0])?.focus({ preventScroll: true });
  };
}

// Keeps what one reads where it is on the screen.
function anchor() {
  if (scrollY < 40) return () => {};
  const there = document.elementsFromPoint(innerWidth / 2, innerHeight / 3)
    .map(one => one.closest("li[id], [data-part], section")).find(one => one && main.contains(one));
  if (!there) return () => {};
  const before = there.getBoundingClientRect().top;
  return () => {
    const moved = there.isConnected ? there.getBoundingClientRect().top - before : 0;
    if (moved) scrollBy({ top: moved, behavior: "instant" });
  };
}

// One sentence in a while, and the latest of them: a screen reader is told, not flooded.
let spoken = 0, words = "";
function say(sentence) {
  words = sentence;
  if (spoken) return;
  const speak = () => {
    document.getElementById("aloud").textContent = words;
    words = "";
    spoken = setTimeout(() => { spoken = 0; if (words) say(words); }, SPOKEN);
  };
  speak();
}

function typing() {
  return [...document.querySelectorAll("main, #below")].some(held);
}

// ── what was read ────────────────────────────────────────────────────────────────────────────
function read() {
  if (document.hidden || reading || seen <= readUpTo) return;
  reading = setTimeout(() => { reading = 0; if (!document.hidden) mark(); }, Math.max(GLANCE, readAt + READ - Date.now()));
}

function mark() {
  if (seen <= readUpTo) return;
  readAt = Date.now();
  readUpTo = seen;
  const form = document.getElementById("seen");
  const said = new URLSearchParams({ nonce: form.elements.nonce.value, seq: String(seen), quiet: "1" });
  fetch(form.action, { method: "POST", body: said, keepalive: true }).catch(() => { readUpTo = 0; });
}

// Hidden for long, the page ends its stream; seen again, it catches up from where it was.
let sleep = 0;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    if (Date.now() - shownAt > GLANCE) mark();
    hiddenAt = Date.now();
    away = seen;
    sleep = setTimeout(end, HIDDEN);
  } else {
    clearTimeout(sleep);
    shownAt = Date.now();
    if (shownAt - hiddenAt < HIDDEN) away = 0;
    begin();
    read();
  }
});
document.addEventListener("focusout", () => setTimeout(settle));
document.addEventListener("selectionchange", () => { if (getSelection().isCollapsed) settle(); });
addEventListener("online", () => { if (!stream || stream.readyState !== EventSource.OPEN) { end(); begin(); } });
addEventListener("pagehide", end);
addEventListener("pageshow", event => { if (event.persisted) begin(); });
begin();
read();
}
