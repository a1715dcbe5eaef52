// Plays the queue: one state, one "change" event whenever it is another.

export class Player extends EventTarget {
  constructor(synth, queue) {
    super();
    this.synth = synth;
    this.queue = queue;
    this.playing = false;
    this.held = 0;
  }

  get track() {
    return this.queue.current;
  }

  // Seconds into the track.
  get position() {
    if (!this.track) return 0;
    return Math.min(this.playing ? this.synth.position : this.held, this.track.seconds);
  }

  play(tracks, position = 0) {
    this.queue.start(tracks, position);
    this.begin(0);
  }

  toggle() {
    if (!this.track) return;
    if (this.playing) this.pause();
    else this.begin(this.held);
  }

  pause() {
    this.held = this.position;
    this.playing = false;
    this.synth.stop();
    this.changed();
  }

  seek(seconds) {
    if (!this.track) return;
    if (this.playing) this.begin(seconds);
    else {
      this.held = seconds;
      this.changed();
    }
  }

  next() {
    if (this.queue.next()) this.begin(0);
    else this.end();
  }

  // The song before, or this one again when it has played for a while.
  previous() {
    if (this.position < 3) this.queue.previous();
    this.begin(0);
  }

  skipTo(n) {
    this.queue.skipTo(n);
    this.begin(0);
  }

  // Called a few times a second: goes on to the next song when this one is over.
  tick() {
    if (this.playing && this.position >= this.track.seconds) this.next();
  }

  begin(seconds) {
    if (!this.track) return;
    this.playing = true;
    this.held = seconds;
    this.synth.start(this.track.sound, seconds);
    this.changed();
  }

  end() {
    this.playing = false;
    this.held = 0;
    this.synth.stop();
    this.changed();
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}
