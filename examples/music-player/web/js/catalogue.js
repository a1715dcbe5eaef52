// The catalogue in the browser: tracks and playlists, found by id or by words.

export class Catalogue {
  constructor({ tracks, playlists }) {
    this.tracks = tracks;
    this.playlists = playlists;
    this.byId = new Map(tracks.map((track) => [track.id, track]));
  }

  // The tracks of a playlist in playing order. Ids that are no longer there are left out.
  tracksOf(playlist) {
    return playlist.tracks.map((id) => this.byId.get(id)).filter(Boolean);
  }

  // Tracks whose title, artist or album contain every word of the query.
  search(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    return this.tracks.filter((track) => {
      const text = `${track.title} ${track.artist} ${track.album}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }
}

export async function fetchCatalogue() {
  const response = await fetch("catalogue.json");
  if (!response.ok) throw new Error(`The catalogue could not be loaded (${response.status}).`);
  return new Catalogue(await response.json());
}
