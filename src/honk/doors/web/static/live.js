// Shows a busy task as it goes on, without a reload. The page is complete without this.
"use strict";
const every = 2000;
let etag = "";

async function look() {
  if (!document.hidden) {
    const answer = await fetch(location.href, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
    if (answer.redirected) return location.reload();
    if (answer.status === 200) {
      etag = answer.headers.get("ETag") || "";
      show(new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main"));
    }
  }
  if (document.querySelector("main[data-live]")) setTimeout(() => look().catch(later), every);
}

function later() {
  setTimeout(() => look().catch(later), 5 * every);
}

function show(fresh) {
  const old = document.querySelector("main");
  if (!fresh || fresh.innerHTML === old.innerHTML) return;
  for (const part of fresh.querySelectorAll("details[id]")) {
    const before = document.getElementById(part.id);
    if (before) part.open = before.open;
  }
  old.replaceWith(fresh);
}

if (document.querySelector("main[data-live]")) setTimeout(() => look().catch(later), every);
