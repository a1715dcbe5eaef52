import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { Catalogue } from "../js/catalogue.js";

const content = JSON.parse(readFileSync(new URL("../../data/catalogue.json", import.meta.url), "utf8"));
const catalogue = new Catalogue(content);

test("tracks come in playing order", () => {
  const playlist = catalogue.playlists.find((one) => one.id === "low-tide");
  assert.deepEqual(
    catalogue.tracksOf(playlist).map((track) => track.title),
    ["Seventh Wave", "Salt on the Dial", "The Lighthouse Keeper's Day Off"],
  );
});

test("a track that is no longer there is left out", () => {
  assert.deepEqual(catalogue.tracksOf({ tracks: ["gone", "marzipan"] }).map((track) => track.id), ["marzipan"]);
});

test("search wants every word, in title, artist or album", () => {
  assert.deepEqual(catalogue.search("coast SALT").map((track) => track.id), ["salt-on-the-dial"]);
  assert.deepEqual(catalogue.search("kitchen").map((track) => track.artist), Array(3).fill("The Small Hours"));
  assert.deepEqual(catalogue.search("coast sugar"), []);
  assert.deepEqual(catalogue.search("   "), []);
});
