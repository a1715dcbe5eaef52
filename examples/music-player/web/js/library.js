// The listener's own playlists and likes. They live in the browser's storage where there is one; a
// sandboxed page (a preview, for example) has none, and then they last as long as the page.

const KEY = "overtone";

// A Storage-like object, and whether what it holds outlives the page.
export function openStorage(scope = globalThis) {
  try {
    const storage = scope.localStorage;
    storage.setItem(`${KEY}.try`, "1");
    storage.removeItem(`${KEY}.try`);
    return { storage, lasting: true };
  } catch {
    const held = new Map();
    const storage = {
      getItem: (key) => held.get(key) ?? null,
      setItem: (key, value) => void held.set(key, value),
      removeItem: (key) => void held.delete(key),
    };
    return { storage, lasting: false };
  }
}

export class Library {
  constructor({ storage, lasting }) {
    this.storage = storage;
    this.lasting = lasting;
    const kept = read(storage);
    this.playlists = kept.playlists;
    this.liked = new Set(kept.liked);
  }

  create(title) {
    const words = title.trim() || "New playlist";
    const playlist = { id: this.freeId(words), title: words, description: "Made by you.", tracks: [], own: true };
    this.playlists.push(playlist);
    this.save();
    return playlist;
  }

  add(playlist, track) {
    if (!playlist.tracks.includes(track.id)) playlist.tracks.push(track.id);
    this.save();
  }

  toggleLike(track) {
    if (!this.liked.delete(track.id)) this.liked.add(track.id);
    this.save();
    return this.liked.has(track.id);
  }

  freeId(title) {
    const stem = `my-${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}`;
    let id = stem;
    for (let n = 2; this.playlists.some((playlist) => playlist.id === id); n += 1) id = `${stem}-${n}`;
    return id;
  }

  save() {
    const content = { playlists: this.playlists, liked: [...this.liked] };
    this.storage.setItem(KEY, JSON.stringify(content));
  }
}

function read(storage) {
  try {
    const { playlists = [], liked = [] } = JSON.parse(storage.getItem(KEY)) ?? {};
    return { playlists, liked };
  } catch {
    return { playlists: [], liked: [] };
  }
}
