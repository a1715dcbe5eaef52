// A playlist in a few facts, and the words for lengths of time.

// What the head of a playlist's page says about it.
export function summarise(tracks) {
  const seconds = tracks.reduce((sum, track) => sum + track.seconds, 0);
  const artists = [...new Set(tracks.map((track) => track.artist))];
  return {
    songs: tracks.length,
    seconds,
    artists: artists.slice(0, 3),
    cover: tracks[0].art,
    opensWith: tracks[0].title,
  };
}

// "3:07" for a position in a song.
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// "14 min" or "1 h 5 min" for the length of a playlist.
export function duration(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60));
  const hours = Math.floor(minutes / 60);
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}

// "1 song", "5 songs".
export function songs(count) {
  return count === 1 ? "1 song" : `${count} songs`;
}
