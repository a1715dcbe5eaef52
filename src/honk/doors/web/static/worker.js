// Honk's service worker: shows notices, does what is pressed on them, and has a page for when there is no network.
// It keeps nothing but files that belong to the pages; a page of somebody's never. `HONK` stands above.
"use strict";
const KEPT = `honk-${HONK.version}`;
// Pages of Honk's own. What agents made (previews, live versions, attachments) is not touched: it is as if this
// worker were not there.
const OURS = /^\/(?:(?:ask|builds|deployments|costs|repositories|people|audit|settings|more|sign-in)(?:\/.*)?)?$/;
const TASK = /^\/tasks(?:\/[^/]+(?:\/(?:pull-request|build|merge|undo))?)?$/;

self.addEventListener("install", event => {
  const files = [...HONK.files, HONK.offline].map(path => new Request(path, { credentials: "omit" }));
  event.waitUntil(caches.open(KEPT).then(kept => kept.addAll(files)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", event => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("honk-") && name !== KEPT) await caches.delete(name);
    await self.clients.claim();
  })());
});

self.addEventListener("fetch", event => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    const page = request.destination === "document" && (OURS.test(url.pathname) || TASK.test(url.pathname));
    if (page) event.respondWith(fetched(request));
  } else if (HONK.files.includes(url.pathname)) {
    event.respondWith(caches.match(request, { cacheName: KEPT }).then(kept => kept || fetch(request)));
  }
});

async function fetched(request) {
  try {
    return await fetch(request);
  } catch {
    return (await caches.match(HONK.offline, { cacheName: KEPT })) || Response.error();
  }
}

self.addEventListener("push", event => {
  let said = {};
  try { said = event.data.json(); } catch { /* not Honk's: a notice has to be shown all the same */ }
  event.waitUntil(show(said));
});

function show({ title = "Honk has news", body = "", tag = "honk", page = "/", buttons = [] }) {
  return self.registration.showNotification(title, {
    body,
    tag,
    icon: HONK.icon,
    badge: HONK.badge,
    data: { title, body, tag, page, buttons },
    actions: buttons.map((one, number) => ({ action: String(number), title: one.title })),
  });
}

self.addEventListener("notificationclick", event => {
  const said = event.notification.data || {};
  event.notification.close();
  const button = event.action === "" ? undefined : said.buttons?.[Number(event.action)];
  event.waitUntil(button ? press(said, button) : open(said.page));
});

// What came of it is a notice in its place.
async function press(said, button) {
  let answer;
  try {
    const body = new URLSearchParams(button.sends);
    answer = await fetch("/notices/press", { method: "POST", body, redirect: "manual", credentials: "same-origin" });
  } catch {
    return show({ ...said, title: `Not done, there is no network: ${said.title}` });
  }
  if (answer.type === "opaqueredirect") return show({ ...said, title: "Not done: sign in first", buttons: [] });
  let came;
  try { came = await answer.json(); } catch { came = { said: "Honk did not answer", page: said.page }; }
  const title = answer.ok ? came.said : `Not done: ${came.said}`;
  return show({ title, body: said.title, tag: said.tag, page: came.page });
}

async function open(page) {
  const url = new URL(page || "/", self.location.origin);
  if (url.origin !== self.location.origin) return;
  const pages = await self.clients.matchAll({ type: "window" });
  for (const one of pages) {
    try {
      await one.focus();
      return await one.navigate(url.href);
    } catch { /* it went away, or another one has to do */ }
  }
  await self.clients.openWindow(url.href);
}
