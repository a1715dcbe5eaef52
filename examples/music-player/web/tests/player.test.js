import assert from "node:assert/strict";
import test from "node:test";

import { Player } from "../js/player.js";
import { Queue } from "../js/queue.js";

class FakeSynth {
  position = 0;
  sounding = null;
  start(sound, position) {
    this.sounding = sound;
    this.position = position;
  }
  stop() {
    this.sounding = null;
  }
}

const songs = [
  { id: "a", seconds: 100, sound: "A" },
  { id: "b", seconds: 80, sound: "B" },
];

function playing(position) {
  const synth = new FakeSynth();
  const player = new Player(synth, new Queue());
  player.play(songs, position);
  return { player, synth };
}

test("pausing keeps the place", () => {
  const { player, synth } = playing();
  synth.position = 42;
  player.toggle();
  assert.equal(synth.sounding, null);
  assert.equal(player.position, 42);
  player.toggle();
  assert.deepEqual([synth.sounding, synth.position], ["A", 42]);
});

test("at the end of a song the next one begins, and after the last one it is quiet", () => {
  const { player, synth } = playing();
  synth.position = 100;
  player.tick();
  assert.equal(player.track.id, "b");
  assert.deepEqual([synth.sounding, synth.position], ["B", 0]);
  synth.position = 80;
  player.tick();
  assert.equal(player.playing, false);
  assert.equal(synth.sounding, null);
});

test("back goes to the start of the song first", () => {
  const { player, synth } = playing(1);
  synth.position = 30;
  player.previous();
  assert.equal(player.track.id, "b");
  synth.position = 1;
  player.previous();
  assert.equal(player.track.id, "a");
});

test("seeking works while it is paused too", () => {
  const { player, synth } = playing();
  player.pause();
  player.seek(70);
  assert.equal(player.position, 70);
  assert.equal(synth.sounding, null);
});

test("everybody hears of a change", () => {
  const { player } = playing();
  let changes = 0;
  player.addEventListener("change", () => (changes += 1));
  player.next();
  player.pause();
  assert.equal(changes, 2);
});

test("with nothing in the queue the buttons do nothing", () => {
  const player = new Player(new FakeSynth(), new Queue());
  player.toggle();
  player.seek(10);
  assert.equal(player.playing, false);
  assert.equal(player.position, 0);
});
