// Shows a busy task as it goes on, without a reload. The page is complete without this.
// What is being typed, and where the keyboard is, stays.
"use strict";
{ // names of its own: pages have other scripts
const every = 2000;
let etag = "";

async function look() {
  if (!document.hidden) {
    const address = document.querySelector("main").dataset.live || location.href;
    const answer = await fetch(address, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    if (answer.redirected) return [...document.querySelectorAll("form[data-keep]")].some(typed) ? later() : location.reload();
    if (answer.status === 200) {
      etag = answer.headers.get("ETag") || "";
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      show(fresh.querySelector("main"));
      thumb(document.getElementById("thumb"), fresh.getElementById("thumb"));
    }
  }
  if (document.querySelector("main[data-live]")) setTimeout(() => look().catch(later), every);
}

function later() {
  setTimeout(() => look().catch(later), 5 * every);
}

function show(fresh) {
  const old = document.querySelector("main");
  if (!fresh || same(old, fresh) || [...old.querySelectorAll("form[data-keep]")].some(typed)) return;
  if (old.contains(document.activeElement) && document.activeElement.matches("input, select")) {
    etag = ""; // what is new is shown once nobody types a search any more
    return;
  }
  for (const part of fresh.querySelectorAll("details[id]")) {
    const before = document.getElementById(part.id);
    if (before) part.open = before.open;
  }
  const at = focused(old);
  old.replaceWith(fresh);
  at?.(fresh)?.focus({ preventScroll: true });
}

// What is below the thumb comes and goes with the rest.
function thumb(old, fresh) {
  if (!old && fresh) document.querySelector("main").after(fresh);
  else if (old && !fresh) old.remove();
  else if (old && !same(old, fresh)) old.replaceWith(fresh);
}

function typed(form) {
  const files = [...form.querySelectorAll("input[type=file]")].some(one => one.files.length);
  return files || form.elements.text.value !== "" || form.contains(document.activeElement);
}

// Every page names its forms anew.
function same(one, other) {
  const plain = element => element.innerHTML.replace(/(name="(?:once|nonce)" value=")[0-9a-f]*/g, "$1");
  return plain(one) === plain(other);
}

// How the element that has the keyboard is found again in a fresh page.
function focused(main) {
  const here = document.activeElement;
  if (!here || !main.contains(here)) return null;
  const alike = `${here.tagName}${here.getAttribute("href") ? `[href="${CSS.escape(here.getAttribute("href"))}"]` : ""}`;
  const number = [...main.querySelectorAll(alike)].indexOf(here);
  const owner = here.closest("details[id]")?.id;
  return fresh => {
    if (here.id) return fresh.querySelector(`#${CSS.escape(here.id)}`);
    const within = owner ? fresh.querySelector(`#${CSS.escape(owner)}`) : null;
    return here.tagName === "SUMMARY" && within ? within.querySelector("summary") : fresh.querySelectorAll(alike)[number];
  };
}

if (document.querySelector("main[data-live]")) setTimeout(() => look().catch(later), every);
}
