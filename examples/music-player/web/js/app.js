// Puts everything together: addresses to pages, touches to actions, the player to the bar.

import { fetchCatalogue } from "./catalogue.js";
import { Library, openStorage } from "./library.js";
import { Player } from "./player.js";
import { clock } from "./playlist.js";
import { Queue } from "./queue.js";
import { Synth } from "./synth.js";
import * as view from "./view.js";

const page = document.querySelector("#page");
const bar = document.querySelector("#bar");
const sheet = document.querySelector("#sheet");
const menu = document.querySelector("#menu");
const says = document.querySelector("#says");

const library = new Library(openStorage());
const player = new Player(new Synth(), new Queue());
let catalogue;
let listed = [];

function playlists() {
  return [...catalogue.playlists, ...library.playlists];
}

function state() {
  return { current: player.track, playing: player.playing };
}

// ── pages ──────────────────────────────────────────────────────────────────────────────────────
function greeting(hour = new Date().getHours()) {
  if (hour < 5) return "Still up?";
  if (hour < 12) return "Good morning";
  return hour < 18 ? "Good afternoon" : "Good evening";
}

function home() {
  listed = catalogue.tracks;
  return view.homePage({
    playlists: playlists(),
    catalogue,
    greeting: greeting(),
    lasting: library.lasting,
    state: state(),
  });
}

function playlist(id) {
  const found = playlists().find((one) => one.id === id);
  if (!found) return view.missingPage();
  listed = catalogue.tracksOf(found);
  return view.playlistPage({ playlist: found, tracks: listed, state: state() });
}

function search() {
  return view.searchPage({ query: "" });
}

function showResults(query) {
  listed = catalogue.search(query);
  put(page.querySelector("#results"), view.searchResults({ query, tracks: listed, state: state() }));
}

const ROUTES = [
  [/^#\/playlist\/([\w-]+)$/, playlist],
  [/^#\/search$/, search],
  [/^(#\/?)?$/, home],
];

function put(element, markup) {
  element.innerHTML = String(markup);
}

function pageAt(address) {
  for (const [pattern, show] of ROUTES) {
    const match = address.match(pattern);
    if (match) return show(match[1]);
  }
  return view.missingPage();
}

function showPage() {
  try {
    put(page, pageAt(location.hash));
  } catch (error) {
    console.error(error);
    put(page, view.errorPage(error));
  }
  window.scrollTo(0, 0);
  const query = page.querySelector("#query");
  if (query) {
    showResults("");
    query.focus();
  }
}

// ── the player ─────────────────────────────────────────────────────────────────────────────────
function showPlayer() {
  const { track, playing } = player;
  bar.hidden = !track;
  if (!track) return;
  put(bar, view.nowPlayingBar({ track, playing }));
  if (sheet.open) showSheet();
  for (const row of page.querySelectorAll(".track")) {
    row.classList.toggle("current", row.dataset.track === track.id);
    row.classList.toggle("playing", playing && row.dataset.track === track.id);
  }
  announce(track, playing);
  showPosition();
}

function showSheet() {
  const { track, playing, queue } = player;
  const liked = library.liked.has(track.id);
  put(sheet, view.nowPlayingSheet({ track, playing, liked, repeat: queue.repeat, upNext: queue.upNext }));
  showPosition();
}

function showPosition() {
  if (!player.track) return;
  const { position, track } = player;
  const progress = bar.querySelector("#bar-progress");
  if (progress) progress.style.transform = `scaleX(${position / track.seconds})`;
  const seek = sheet.querySelector("#seek");
  if (!seek || seek.matches(":active")) return;
  seek.value = String(position);
  seek.style.setProperty("--done", `${(100 * position) / track.seconds}%`);
  sheet.querySelector("#elapsed").textContent = clock(position);
}

// The lock screen and the keys of headphones, where the browser offers them.
function announce(track, playing) {
  document.title = playing ? `${track.title} · ${track.artist}` : "Overtone";
  if (!("mediaSession" in navigator)) return;
  const { title, artist, album } = track;
  navigator.mediaSession.metadata = new MediaMetadata({ title, artist, album });
  navigator.mediaSession.playbackState = playing ? "playing" : "paused";
}

function say(text) {
  says.textContent = text;
  says.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => says.classList.remove("shown"), 2200);
}

// ── actions ────────────────────────────────────────────────────────────────────────────────────
function shuffled(tracks) {
  const order = [...tracks];
  for (let i = order.length - 1; i > 0; i -= 1) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function trackOf(button) {
  return catalogue.byId.get(button.dataset.id);
}

function done(text) {
  menu.close();
  say(text);
  if (sheet.open) showSheet();
}

const ACTIONS = {
  "play-from": (button) => player.play(listed, Number(button.dataset.position)),
  "play-all": () => player.play(listed),
  "shuffle-all": () => player.play(shuffled(listed)),
  toggle: () => player.toggle(),
  next: () => player.next(),
  previous: () => player.previous(),
  "skip-to": (button) => player.skipTo(Number(button.dataset.position)),
  "shuffle-queue": () => {
    player.queue.shuffle();
    done("Shuffled");
  },
  repeat: () => {
    player.queue.repeat = !player.queue.repeat;
    showSheet();
  },
  like: () => {
    library.toggleLike(player.track);
    showSheet();
  },
  "open-sheet": () => {
    sheet.showModal();
    showSheet();
    sheet.scrollTop = 0;
  },
  "close-sheet": () => sheet.close(),
  "track-menu": (button) => {
    put(menu, view.trackMenu({ track: trackOf(button), playlists: library.playlists }));
    menu.showModal();
  },
  "close-menu": () => menu.close(),
  "play-next": (button) => {
    player.queue.playNext(trackOf(button));
    done("Plays next");
  },
  "add-to-queue": (button) => {
    player.queue.append(trackOf(button));
    done("Added to the queue");
  },
  "add-to-playlist": (button) => {
    const target = library.playlists.find((one) => one.id === button.dataset.playlist);
    library.add(target, trackOf(button));
    done(`Added to ${target.title}`);
  },
  "new-playlist": () => {
    put(menu, view.newPlaylistForm());
    menu.showModal();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) ACTIONS[button.dataset.action](button);
  else if (event.target === menu) menu.close();
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const created = library.create(new FormData(event.target).get("title"));
  menu.close();
  location.hash = `#/playlist/${created.id}`;
});

document.addEventListener("input", (event) => {
  if (event.target.id === "query") showResults(event.target.value);
});

document.addEventListener("change", (event) => {
  if (event.target.id === "seek") player.seek(Number(event.target.value));
});

document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.target.closest("input, button, a")) return;
  event.preventDefault();
  player.toggle();
});

// ── start ──────────────────────────────────────────────────────────────────────────────────────
// A sandboxed page may not register a service worker, and throws at the mere question.
function installServiceWorker() {
  try {
    navigator.serviceWorker?.register("service-worker.js").catch(() => {});
  } catch {
    // It works without, only not offline.
  }
}

async function start() {
  try {
    catalogue = await fetchCatalogue();
  } catch (error) {
    put(page, view.errorPage(error));
    return;
  }
  player.addEventListener("change", showPlayer);
  if ("mediaSession" in navigator) {
    for (const [action, act] of [
      ["play", () => player.toggle()],
      ["pause", () => player.toggle()],
      ["nexttrack", () => player.next()],
      ["previoustrack", () => player.previous()],
    ]) navigator.mediaSession.setActionHandler(action, act);
  }
  setInterval(() => {
    player.tick();
    showPosition();
  }, 250);
  window.addEventListener("hashchange", showPage);
  showPage();
  installServiceWorker();
}

start();
