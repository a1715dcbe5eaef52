import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Catalogue } from "../js/catalogue.js";
import * as view from "../js/view.js";

const catalogue = new Catalogue(JSON.parse(readFileSync(new URL("../../data/catalogue.json", import.meta.url), "utf8")));
const state = { current: null, playing: false };

test("the start page shows every playlist and every song", () => {
  const page = String(
    view.homePage({ playlists: catalogue.playlists, catalogue, greeting: "Hello", lasting: true, state }),
  );
  for (const { id } of catalogue.playlists) assert.ok(page.includes(`#/playlist/${id}"`), id);
  for (const { id } of catalogue.tracks) assert.ok(page.includes(`data-track="${id}"`), id);
});

test("a playlist's page shows its head and its songs", () => {
  const playlist = catalogue.playlists[0];
  const page = String(view.playlistPage({ playlist, tracks: catalogue.tracksOf(playlist), state }));
  assert.match(page, /<h1>Morning Train<\/h1>/);
  assert.match(page, /5 songs · 12 min/);
  assert.match(page, /data-action="play-all"/);
});

test("the song that plays is marked", () => {
  const [track, other] = catalogue.tracks;
  assert.match(String(view.trackRow(track, 0, { current: track, playing: true })), /class="track current playing"/);
  assert.doesNotMatch(String(view.trackRow(other, 1, { current: track, playing: true })), /current/);
});

test("words of others are escaped", () => {
  const playlist = { ...catalogue.playlists[0], title: "<img src=x onerror=alert(1)>" };
  const page = String(view.playlistPage({ playlist, tracks: catalogue.tracks.slice(0, 1), state }));
  assert.ok(!page.includes("<img"));
  assert.ok(page.includes("&lt;img src=x onerror=alert(1)&gt;"));
});

test("a search without results says so", () => {
  assert.match(String(view.searchResults({ query: "polka", tracks: [], state })), /No songs found/);
});

test("every icon that is used is in the page", () => {
  const index = readFileSync(new URL("../index.html", import.meta.url), "utf8");
  const source = readFileSync(new URL("../js/view.js", import.meta.url), "utf8");
  const used = [...source.matchAll(/icon\("(\w+)"\)|picture: "(\w+)"|picture = "(\w+)"/g)].map((m) => m[1] ?? m[2] ?? m[3]);
  assert.ok(used.length > 10);
  for (const name of [...used, "play", "pause"]) assert.ok(index.includes(`id="icon-${name}"`), name);
});
