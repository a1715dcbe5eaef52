// Keeps what is typed until Honk has accepted it, and sends it by itself, once, when the network comes back.
// The forms work without this.
"use strict";
{ // names of its own: pages have other scripts
const PREFIX = "honk:";
const AGAIN = 5000;
//: ms after which words that wait to be sent are only kept
const STALE = 24 * 3600 * 1000;
const waiting = new Map();

function place(form) {
  return `${PREFIX}${form.dataset.who}:${form.dataset.keep}`;
}

function kept(form) {
  try { return JSON.parse(localStorage.getItem(place(form))); } catch { return null; }
}

function keep(form, sending) {
  const said = {};
  for (const [name, value] of new FormData(form)) if (typeof value === "string" && name !== "nonce") said[name] = value;
  if (!sending) delete said.once;
  const files = [...form.querySelectorAll("input[type=file]")].some(one => one.files.length);
  try {
    if (said.text) localStorage.setItem(place(form), JSON.stringify({ said, sending, files, at: Date.now() }));
    else localStorage.removeItem(place(form));
  } catch { /* a private window keeps nothing */ }
}

function forget(form) {
  try { localStorage.removeItem(place(form)); } catch { /* nothing was kept */ }
}

function say(form, words) {
  const place = form.querySelector("[data-say]");
  place.textContent = words;
  place.hidden = !words;
}

async function send(form) {
  clearTimeout(waiting.get(form)?.timer);
  const mine = { timer: 0 };
  waiting.set(form, mine);
  keep(form, true);
  say(form, "Sending…");
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
  } catch {
    return later(form, mine, "No network. Your words are kept here and are sent by themselves, once.");
  }
  if (waiting.get(form) !== mine) return;
  if ([502, 503, 504].includes(answer.status)) return later(form, mine, "Honk does not answer now. It is tried again.");
  waiting.delete(form);
  const signedOut = new URL(answer.url).pathname === "/sign-in";
  if (answer.ok && !signedOut) {
    forget(form);
    form.reset();
    return arrive(new URL(answer.url));
  }
  keep(form, false);
  if (signedOut) return location.assign(answer.url);
  refused(form, new DOMParser().parseFromString(await answer.text(), "text/html"));
}

// The same address with another fragment would not be loaded anew.
function arrive(there) {
  if (there.pathname + there.search === location.pathname + location.search) location.reload();
  else location.replace(there);
}

function later(form, mine, words) {
  if (waiting.get(form) !== mine) return;
  say(form, words);
  mine.timer = setTimeout(() => send(form), AGAIN);
}

function refused(form, fresh) {
  const reason = fresh.querySelector("[data-refused]") || fresh.querySelector("main p");
  say(form, reason ? reason.textContent : "It was not accepted.");
  for (const name of ["nonce", "once"]) {
    const field = fresh.querySelector(`input[name=${name}]`);
    if (field && form.elements[name]) form.elements[name].value = field.value;
  }
}

function restore(form) {
  const found = kept(form);
  const text = form.elements.text;
  if (!found || text.value) return;
  for (const [name, value] of Object.entries(found.said)) {
    const field = form.elements[name];
    if (!field || name === "once") continue;
    if (field.type === "checkbox") field.checked = true;
    else field.value = value;
  }
  if (!found.sending) return;
  if (found.files) return say(form, "This was not sent. Choose its files again.");
  if (Date.now() - found.at > STALE) return say(form, "This was not sent.");
  form.elements.once.value = found.said.once;
  send(form);
}

document.addEventListener("submit", event => {
  const form = event.target;
  if (form.dataset.keep) {
    event.preventDefault();
    if (waiting.get(form)?.timer || !waiting.has(form)) send(form);
  } else if (/\/(sign-out|devices\/end-all)$/.test(form.action)) {
    for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX)) localStorage.removeItem(name);
  }
});

document.addEventListener("input", event => {
  const form = event.target.form;
  if (!form?.dataset.keep) return;
  const pending = waiting.get(form);
  if (pending?.timer) {
    clearTimeout(pending.timer);
    waiting.delete(form);
    say(form, "Changed: press the button to send it.");
  }
  if (!waiting.has(form)) keep(form, false);
});

addEventListener("online", () => {
  for (const [form, one] of waiting) if (one.timer) send(form);
});
// A page out of the browser's memory carries forms that were sent already.
addEventListener("pageshow", event => { if (event.persisted) location.reload(); });
document.querySelectorAll("form[data-keep]").forEach(restore);
}
