import assert from "node:assert/strict";
import test from "node:test";

import { Library, openStorage } from "../js/library.js";

function browser() {
  const held = new Map();
  return {
    localStorage: {
      getItem: (key) => held.get(key) ?? null,
      setItem: (key, value) => void held.set(key, String(value)),
      removeItem: (key) => void held.delete(key),
    },
  };
}

const sandboxed = {
  get localStorage() {
    throw new DOMException("The document is sandboxed.", "SecurityError");
  },
};

test("playlists and likes outlive the page", () => {
  const scope = browser();
  const before = new Library(openStorage(scope));
  before.add(before.create("Road Trip"), { id: "marzipan" });
  assert.equal(before.toggleLike({ id: "telemetry" }), true);

  const after = new Library(openStorage(scope));
  assert.equal(after.lasting, true);
  assert.deepEqual(after.playlists.map((one) => [one.id, one.tracks]), [["my-road-trip", ["marzipan"]]]);
  assert.deepEqual([...after.liked], ["telemetry"]);
});

test("a sandboxed page works without storage", () => {
  const library = new Library(openStorage(sandboxed));
  assert.equal(library.lasting, false);
  library.create("Here and now");
  assert.equal(library.playlists.length, 1);
});

test("a song is in a playlist once", () => {
  const library = new Library(openStorage(sandboxed));
  const playlist = library.create("Once");
  library.add(playlist, { id: "marzipan" });
  library.add(playlist, { id: "marzipan" });
  assert.deepEqual(playlist.tracks, ["marzipan"]);
});

test("playlists of the same name are told apart", () => {
  const library = new Library(openStorage(sandboxed));
  assert.deepEqual(["Mix", "mix!", ""].map((title) => library.create(title).id), ["my-mix", "my-mix-2", "my-new-playlist"]);
});

test("what another version left in the storage does no harm", () => {
  const scope = browser();
  scope.localStorage.setItem("overtone", "{not json");
  assert.deepEqual(new Library(openStorage(scope)).playlists, []);
});
