// What plays now and what plays next.

export class Queue {
  constructor() {
    this.tracks = [];
    this.position = -1;
    this.repeat = false;
  }

  get current() {
    return this.tracks[this.position] ?? null;
  }

  get upNext() {
    return this.tracks.slice(this.position + 1);
  }

  // Replaces the queue and begins at the given place.
  start(tracks, position = 0) {
    this.tracks = [...tracks];
    this.position = tracks.length === 0 ? -1 : position;
    return this.current;
  }

  // The next track, or null at the end.
  next() {
    if (this.position + 1 < this.tracks.length) this.position += 1;
    else if (this.repeat && this.tracks.length > 0) this.position = 0;
    else return null;
    return this.current;
  }

  // The track before; the first one stays the first.
  previous() {
    if (this.position > 0) this.position -= 1;
    return this.current;
  }

  playNext(track) {
    this.tracks.splice(this.position + 1, 0, track);
  }

  append(track) {
    this.tracks.push(track);
  }

  // Goes to the n-th of the tracks that are up next.
  skipTo(n) {
    const target = this.position + 1 + n;
    if (target < this.tracks.length) this.position = target;
    return this.current;
  }

  // Mixes what is up next; what plays now goes on.
  shuffle(random = Math.random) {
    for (let i = this.tracks.length - 1; i > this.position + 1; i -= 1) {
      const from = this.position + 1;
      const j = from + Math.floor(random() * (i - from + 1));
      [this.tracks[i], this.tracks[j]] = [this.tracks[j], this.tracks[i]];
    }
  }
}
