import assert from "node:assert/strict";
import test from "node:test";

import { Queue } from "../js/queue.js";

const [a, b, c, d] = ["a", "b", "c", "d"].map((id) => ({ id }));

function started(tracks, position) {
  const queue = new Queue();
  queue.start(tracks, position);
  return queue;
}

test("it plays in order and ends", () => {
  const queue = started([a, b]);
  assert.equal(queue.current, a);
  assert.equal(queue.next(), b);
  assert.equal(queue.next(), null);
  assert.equal(queue.current, b);
});

test("on repeat it begins again", () => {
  const queue = started([a, b], 1);
  queue.repeat = true;
  assert.equal(queue.next(), a);
});

test("the song before the first is the first", () => {
  const queue = started([a, b], 1);
  assert.equal(queue.previous(), a);
  assert.equal(queue.previous(), a);
});

test("a song can be put next or last", () => {
  const queue = started([a, b]);
  queue.playNext(c);
  queue.append(d);
  assert.deepEqual(queue.upNext, [c, b, d]);
});

test("skipping counts from what is up next", () => {
  const queue = started([a, b, c, d]);
  assert.equal(queue.skipTo(1), c);
  assert.deepEqual(queue.upNext, [d]);
});

test("shuffling leaves alone what has played and what plays", () => {
  const queue = started([a, b, c, d], 1);
  queue.shuffle(() => 0);
  assert.deepEqual(queue.tracks.slice(0, 2), [a, b]);
  assert.deepEqual(queue.upNext, [d, c]);
});

test("nothing to play is nothing that plays", () => {
  const queue = started([]);
  assert.equal(queue.current, null);
  assert.equal(queue.next(), null);
});
