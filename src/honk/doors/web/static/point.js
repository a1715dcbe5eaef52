// Stands at the end of framed previews: lets a person point at an element, and describes it to the page around.
// It does nothing unless that page asks, and says nothing but what the page in the frame shows anyway.
"use strict";
(() => {
const me = document.currentScript;
const prefix = me ? me.dataset.prefix || "" : "";
if (me) me.remove();
if (window.parent === window || window.__honkPoints) return;
Object.defineProperty(window, "__honkPoints", { value: true });

const above = window.parent;
const send = said => above.postMessage(said, "*");
const ROLES = { A: "link", BUTTON: "button", IMG: "image", INPUT: "field", TEXTAREA: "field", SELECT: "choice", NAV: "navigation",
  H1: "heading", H2: "heading", H3: "heading", H4: "heading", LI: "list item", TABLE: "table", TD: "cell", TH: "cell", P: "paragraph",
  VIDEO: "video", AUDIO: "audio", CANVAS: "drawing", SVG: "drawing", LABEL: "label", FORM: "form" };
const ALONE = "a,button,input,select,textarea,img,svg,canvas,video,audio,h1,h2,h3,h4,p,li,td,th,label,[role]";
const MOST = 2000;
let on = false;
let current = null;
const box = document.createElement("div");
box.setAttribute("aria-hidden", "true");

function draw(element) {
  current = element;
  if (!element) return box.remove();
  const r = element.getBoundingClientRect();
  box.style.cssText = "all:initial;position:fixed;z-index:2147483647;pointer-events:none;box-sizing:border-box;" +
    `left:${r.left - 3}px;top:${r.top - 3}px;width:${r.width + 6}px;height:${r.height + 6}px;` +
    "border:3px solid #e0115f;border-radius:4px;box-shadow:0 0 0 2px #fff;background:rgba(224,17,95,.12)";
  document.documentElement.append(box);
}

function path(element) {
  const parts = [];
  for (let one = element; one && one.nodeType === 1 && one !== document.documentElement; one = one.parentElement) {
    if (one.id && document.querySelectorAll(`#${CSS.escape(one.id)}`).length === 1) {
      parts.unshift(`#${CSS.escape(one.id)}`);
      break;
    }
    const name = one.localName;
    const same = one.parentElement ? [...one.parentElement.children].filter(other => other.localName === name) : [];
    parts.unshift(same.length > 1 ? `${CSS.escape(name)}:nth-of-type(${same.indexOf(one) + 1})` : CSS.escape(name));
  }
  while (parts.join(" > ").length > 400) parts.shift();
  return parts.join(" > ");
}

function text(element) {
  if (element.matches("input,textarea,select")) return element.getAttribute("aria-label") || element.placeholder || element.name || "";
  return element.getAttribute("aria-label") || element.alt || element.innerText || element.textContent || "";
}

function take(element) {
  const r = element.getBoundingClientRect();
  const way = location.pathname.startsWith(prefix) ? location.pathname.slice(prefix.length) : location.pathname;
  stop();
  send({ honk: "pointed", page: ((way || "/") + location.search + location.hash).slice(0, 500), element: path(element),
    shown: text(element).slice(0, 300), role: (element.getAttribute("role") || ROLES[element.tagName.toUpperCase()] || "").slice(0, 40),
    width: innerWidth, height: innerHeight, at: [r.left, r.top, r.width, r.height].map(Math.round) });
}

const under = event => {
  const found = document.elementsFromPoint(event.clientX, event.clientY).find(one => one !== box);
  return found && found !== document.documentElement ? found : document.body;
};

function candidates() {
  return [...document.querySelectorAll(ALONE)].slice(0, MOST).filter(one => {
    const r = one.getBoundingClientRect();
    return r.width > 3 && r.height > 3 && getComputedStyle(one).visibility !== "hidden";
  });
}

function step(by) {
  const all = candidates();
  if (!all.length) return;
  const at = all.indexOf(current);
  const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length];
  next.scrollIntoView({ block: "nearest", inline: "nearest" });
  draw(next);
}

function quiet(event) {
  if (!on) return;
  event.stopImmediatePropagation();
  if (event.cancelable && event.type !== "touchstart" && event.type !== "touchend") event.preventDefault();
}

for (const kind of ["pointerdown", "pointerup", "mousedown", "mouseup", "dblclick", "auxclick", "contextmenu", "submit", "touchstart", "touchend"]) {
  addEventListener(kind, quiet, { capture: true, passive: false });
}
addEventListener("click", event => {
  if (!on || !event.isTrusted) return;
  quiet(event);
  take(under(event));
}, true);
addEventListener("pointermove", event => { if (on) draw(under(event)); }, true);
addEventListener("scroll", () => { if (on && current) draw(current); }, true);
addEventListener("keydown", event => {
  if (!on) return;
  if (event.key === "Escape") { stop(); send({ honk: "cancelled" }); }
  else if (event.key === "Tab") step(event.shiftKey ? -1 : 1);
  else if (event.key === "Enter" && current) take(current);
  else return;
  quiet(event);
}, true);

function stop() {
  on = false;
  draw(null);
  document.documentElement.style.cursor = "";
}

addEventListener("message", event => {
  if (event.source !== above || typeof event.data !== "object" || event.data === null) return;
  if (event.data.honk === "hello") send({ honk: "here" });
  if (event.data.honk !== "point") return;
  if (!event.data.on) return stop();
  on = true;
  window.focus();
  document.documentElement.style.cursor = "crosshair";
  send({ honk: "listening" });
});
send({ honk: "here" });
})();
