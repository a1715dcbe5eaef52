// The bar below a framed preview. What the frame says is untrusted: bounded words, shown as words; only the person's
// own press of Send sends them.
"use strict";
{ // names of its own

const frame = document.getElementById("shown");
const place = frame.parentElement;
const point = document.getElementById("point");
const cancel = document.getElementById("cancel");
const hint = document.getElementById("hint");
const form = document.getElementById("about");
const saying = document.getElementById("saying");
const LIMITS = { page: 500, element: 400, shown: 300, role: 40 };
let pointing = false;
let here = false; // whether the page in the frame can be pointed at

const say = words => { hint.textContent = words; hint.hidden = !words; };
const hello = () => { there(false); frame.contentWindow.postMessage({ honk: "hello" }, "*"); };
const tell = on => frame.contentWindow.postMessage({ honk: "point", on }, "*");
const words = (value, limit) =>
  typeof value === "string" ? value.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]+/gu, " ").trim().slice(0, limit) : "";
const number = value => (Number.isFinite(value) ? String(Math.max(-99999, Math.min(99999, Math.round(value)))) : "0");

function show(on, said = "") {
  pointing = on;
  place.classList.toggle("pointing", on);
  place.classList.remove("listening");
  cancel.hidden = !on;
  point.hidden = on;
  say(said);
}

function there(yes) {
  here = yes;
  place.classList.toggle("here", yes);
}

function begin() {
  if (!here) return say("What is in the frame cannot be pointed at now: say it in words, or wait until it is there.");
  saying.open = false;
  show(true, "Tap what is wrong. By keyboard: Tab to it, Enter takes it, Escape cancels.");
  frame.focus();
  tell(true);
}

function stop(said = "") {
  tell(false);
  show(false, said);
  point.focus();
}

function take(said) {
  const at = Array.isArray(said.at) ? said.at : [];
  const found = { width: number(said.width), height: number(said.height) };
  ["left", "top", "wide", "tall"].forEach((name, i) => { found[name] = number(at[i]); });
  for (const [name, limit] of Object.entries(LIMITS)) found[name] = words(said[name], limit);
  for (const [name, value] of Object.entries(found)) form.elements[name].value = value;
  seen();
  show(false);
  point.textContent = "Point at something else";
  point.classList.remove("main"); // Send is the next thing to press
  saying.open = true;
  form.elements.text.focus();
}

function seen() {
  const list = document.getElementById("seen");
  list.hidden = !form.elements.element.value;
  for (const one of list.querySelectorAll("[data-of]")) one.textContent = form.elements[one.dataset.of].value || "(none)";
}

addEventListener("message", event => {
  const said = event.data;
  if (event.source !== frame.contentWindow || typeof said !== "object" || said === null) return;
  if (said.honk === "here") {
    there(true);
    if (pointing) tell(true); // the page in the frame is another one now
  } else if (pointing && said.honk === "listening") place.classList.add("listening");
  else if (pointing && said.honk === "pointed") take(said);
  else if (pointing && said.honk === "cancelled") stop();
});

point.addEventListener("click", begin);
cancel.addEventListener("click", () => stop());
addEventListener("keydown", event => { if (pointing && event.key === "Escape") stop(); });
form.addEventListener("submit", () => {
  document.getElementById("sending").hidden = false;
  setTimeout(() => { form.querySelector("button").disabled = true; });
});
addEventListener("pageshow", () => {
  document.getElementById("sending").hidden = true;
  form.querySelector("button").disabled = false;
});
frame.addEventListener("load", hello);
point.hidden = false;
seen();
hello(); // it may have come before this script
}
