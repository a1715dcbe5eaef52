import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { notesAt, stepSeconds } from "../js/synth.js";

const { tracks } = JSON.parse(readFileSync(new URL("../../data/catalogue.json", import.meta.url), "utf8"));

test("every track has audible notes in every bar", () => {
  for (const { id, sound } of tracks) {
    for (let bar = 0; bar < 8; bar += 1) {
      const notes = Array.from({ length: 8 }, (_, beat) => notesAt(sound, bar * 8 + beat)).flat();
      assert.ok(notes.length >= 4, `${id}, bar ${bar}`);
      for (const note of notes.filter((one) => !["kick", "hat"].includes(one.voice))) {
        assert.ok(note.pitch >= 24 && note.pitch <= 100, `${id}: pitch ${note.pitch}`);
      }
    }
  }
});

test("the same step always sounds the same", () => {
  for (const { sound } of tracks) assert.deepEqual(notesAt(sound, 21), notesAt(sound, 21));
});

test("a bar opens with its chord", () => {
  const sound = { bpm: 60, root: 60, mode: "major", chords: [0, 4], pattern: "drift" };
  const pads = (step) => notesAt(sound, step).filter((note) => note.voice === "pad").map((note) => note.pitch);
  assert.deepEqual(pads(0), [60, 64, 67]);
  assert.deepEqual(pads(8), [67, 71, 74]);
  assert.deepEqual(pads(3), []);
});

test("a step is an eighth note", () => {
  assert.equal(stepSeconds({ bpm: 120 }), 0.25);
});
