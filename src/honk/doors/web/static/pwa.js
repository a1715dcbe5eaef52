// Registers the service worker; switches notices on and off for this device; says on the offline page what is kept.
"use strict";
{ // names of its own: pages have other scripts
const AGAIN = 24 * 3600 * 1000;
const SEEN = "honk-device-seen";

const nonce = () => document.querySelector("form[action='/sign-out'] input[name=nonce]")?.value;
const able = () => "serviceWorker" in navigator && isSecureContext;

async function tell(subscription) {
  const { endpoint, keys } = subscription.toJSON();
  const said = { nonce: nonce(), endpoint, p256dh: keys.p256dh, auth: keys.auth, sender: text(subscription) };
  const body = new URLSearchParams(said);
  const answer = await fetch("/notices/devices", { method: "POST", body });
  const { said: words } = await answer.json();
  try { localStorage.setItem(SEEN, answer.ok ? String(Date.now()) : "0"); } catch { /* a private window */ }
  if (!answer.ok) await subscription.unsubscribe();
  return { ok: answer.ok, said: words };
}

// The key with which the browser subscribed: that of a Honk before a restore is worth nothing.
function text(subscription) {
  const key = new Uint8Array(subscription.options?.applicationServerKey || []);
  return btoa(String.fromCharCode(...key)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, one => one.charCodeAt(0));
}

async function subscribe(registration, key) {
  const wanted = { userVisibleOnly: true, applicationServerKey: bytes(key) };
  try {
    return await registration.pushManager.subscribe(wanted);
  } catch (error) {
    const old = await registration.pushManager.getSubscription();
    if (error.name !== "InvalidStateError" || !old) throw error;
    await old.unsubscribe(); // one of another Honk at this address
    return registration.pushManager.subscribe(wanted);
  }
}

async function offer(place) {
  const button = place.querySelector("button");
  const says = place.querySelector("[data-push-says]");
  if (!able()) return;
  if (!("PushManager" in window) || !("Notification" in window)) {
    says.textContent = "This browser shows no notices. On an iPhone: Share, Add to Home Screen, then open Honk there.";
    return;
  }
  const registration = await navigator.serviceWorker.ready;
  const subscribed = await registration.pushManager.getSubscription();
  const on = subscribed && document.querySelector(".device .badge");
  button.hidden = false;
  button.disabled = Boolean(on);
  says.textContent = on ? "This device shows notices." : "The browser asks you whether Honk may.";
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      if (await Notification.requestPermission() !== "granted") throw new Error("the browser does not let Honk show any");
      const { ok, said } = await tell(await subscribe(registration, place.dataset.push));
      says.textContent = said;
      if (ok) location.reload();
      else button.disabled = false;
    } catch (error) {
      says.textContent = `No notices are shown here: ${error.message}.`;
      button.disabled = false;
    }
  });
}

// A device that is still looked at goes on showing notices.
async function again() {
  const registration = await navigator.serviceWorker.ready;
  let seen = 0;
  try {
    seen = Number(localStorage.getItem(SEEN));
    if (seen && !nonce()) localStorage.setItem(SEEN, "1"); // nobody is signed in: whoever is next tells of it at once
  } catch { return; }
  if (!nonce() || !seen || Date.now() - seen < AGAIN || !registration.pushManager) return;
  const subscription = await registration.pushManager.getSubscription();
  if (subscription && Notification.permission === "granted") await tell(subscription);
}

function offline(main) {
  const network = main.querySelector("[data-network]");
  if (navigator.onLine) network.textContent = "This device has a network, and Honk does not answer. It may be starting anew.";
  else network.textContent = "This device has no network. The page is tried again by itself when there is one.";
  addEventListener("online", () => location.reload());
  const words = [];
  try {
    for (const name of Object.keys(localStorage)) {
      if (name.startsWith("honk:")) words.push(JSON.parse(localStorage.getItem(name)).said.text);
    }
  } catch { /* nothing is kept here */ }
  const list = main.querySelector("[data-words]");
  for (const one of words.filter(Boolean)) {
    const item = document.createElement("li");
    item.textContent = one.length > 120 ? `${one.slice(0, 119)}…` : one;
    list.append(item);
  }
  list.hidden = !list.children.length;
  if (list.hidden) main.querySelector("[data-kept]").textContent = "Nothing waits to be sent from this device.";
}

const gone = document.querySelector("[data-offline]");
if (gone) offline(gone);
if (able()) {
  navigator.serviceWorker.register("/sw.js").catch(() => { /* a private window: Honk works without */ });
  again().catch(() => { /* the next page tries again */ });
}
const place = document.querySelector("[data-push]");
if (place) offer(place).catch(() => { /* what stands there says what is needed */ });
}
