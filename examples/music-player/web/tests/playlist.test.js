import assert from "node:assert/strict";
import test from "node:test";

import { clock, duration, songs, summarise } from "../js/playlist.js";

const track = (id, artist, seconds) => ({ id, title: id, artist, seconds, art: { shape: "sun" } });

test("a summary counts, adds up and names what it opens with", () => {
  const facts = summarise([track("one", "A", 90), track("two", "B", 121)]);
  assert.equal(facts.songs, 2);
  assert.equal(facts.seconds, 211);
  assert.equal(facts.opensWith, "one");
  assert.deepEqual(facts.cover, { shape: "sun" });
});

test("every artist is named once, and three at most", () => {
  const artists = ["A", "B", "A", "C", "D"];
  const facts = summarise(artists.map((artist, i) => track(`t${i}`, artist, 60)));
  assert.deepEqual(facts.artists, ["A", "B", "C"]);
});

test("words for times", () => {
  assert.equal(clock(0), "0:00");
  assert.equal(clock(187.9), "3:07");
  assert.equal(duration(20), "1 min");
  assert.equal(duration(65 * 60), "1 h 5 min");
  assert.equal(songs(1), "1 song");
  assert.equal(songs(4), "4 songs");
});
