// The music itself: every track is composed from a tempo, a key and four chords, and played with Web
// Audio. So the app needs no media files.

const MODES = {
  major: [0, 2, 4, 5, 7, 9, 11],
  minor: [0, 2, 3, 5, 7, 8, 10],
  dorian: [0, 2, 3, 5, 7, 9, 10],
};
const STEPS_IN_BAR = 8;
const ARPEGGIO = [0, 2, 4, 6, 4, 2, 4, 2];

// MIDI number of a degree of the mode; degrees beyond the seventh go on an octave higher.
function pitch({ root, mode }, degree) {
  const scale = MODES[mode];
  const octave = Math.floor(degree / scale.length);
  return root + 12 * octave + scale[degree - octave * scale.length];
}

// Seconds of one step (an eighth note).
export function stepSeconds(sound) {
  return 30 / sound.bpm;
}

// The notes that begin at the step: [{ voice, pitch, steps, gain }]. Always the same for the same step.
export function notesAt(sound, step) {
  const beat = step % STEPS_IN_BAR;
  const bar = Math.floor(step / STEPS_IN_BAR);
  const chord = sound.chords[bar % sound.chords.length];
  const notes = [];
  if (beat === 0) {
    for (const third of [0, 2, 4]) {
      notes.push({ voice: "pad", pitch: pitch(sound, chord + third), steps: STEPS_IN_BAR, gain: 0.1 });
    }
    notes.push({ voice: "bass", pitch: pitch(sound, chord) - 24, steps: 3, gain: 0.32 });
  }
  notes.push(...PATTERNS[sound.pattern](sound, chord, beat, bar));
  return notes;
}

const PATTERNS = {
  arpeggio(sound, chord, beat, bar) {
    const notes = [{ voice: "pluck", pitch: pitch(sound, chord + ARPEGGIO[beat]) + 12, steps: 2, gain: 0.16 }];
    if (bar > 1 && beat === 4) notes.push({ voice: "bass", pitch: pitch(sound, chord) - 24, steps: 2, gain: 0.24 });
    return notes;
  },
  drift(sound, chord, beat, bar) {
    const melody = [4, null, null, 2, null, 6, null, null];
    const degree = melody[(beat + 3 * (bar % 2)) % melody.length];
    return degree === null ? [] : [{ voice: "bell", pitch: pitch(sound, chord + degree) + 12, steps: 5, gain: 0.14 }];
  },
  pulse(sound, chord, beat, bar) {
    const notes = [];
    if (beat % 2 === 0) notes.push({ voice: "kick", pitch: 36, steps: 1, gain: 0.5 });
    if (beat % 2 === 1) notes.push({ voice: "hat", pitch: 0, steps: 1, gain: 0.05 });
    if ([1, 3, 4, 6].includes(beat)) {
      const degree = chord + [2, 4, 0, 5][(beat + bar) % 4];
      notes.push({ voice: "pluck", pitch: pitch(sound, degree) + 12, steps: 1, gain: 0.13 });
    }
    return notes;
  },
};

const VOICES = {
  pad: { type: "triangle", attack: 0.6, release: 1.2, cutoff: 900 },
  bass: { type: "sine", attack: 0.02, release: 0.2, cutoff: 600 },
  pluck: { type: "triangle", attack: 0.005, release: 0.25, cutoff: 3200 },
  bell: { type: "sine", attack: 0.01, release: 1.4, cutoff: 5000 },
};
const AHEAD = 1.5;

// Plays one track at a time. The clock of the audio hardware is the only clock.
export class Synth {
  constructor(makeContext = () => new (globalThis.AudioContext ?? globalThis.webkitAudioContext)()) {
    this.makeContext = makeContext;
    this.context = null;
    this.bus = null;
  }

  // Starts the sound at a position in seconds. Must follow a touch or a click the first time.
  start(sound, position) {
    this.context ??= this.makeContext();
    this.context.resume();
    this.stop();
    this.bus = this.openBus();
    this.sound = sound;
    this.nextStep = Math.ceil(position / stepSeconds(sound));
    this.origin = this.context.currentTime + 0.05 - position;
    this.timer = setInterval(() => this.schedule(), 400);
    this.schedule();
  }

  stop() {
    clearInterval(this.timer);
    if (!this.bus) return;
    const { gain } = this.bus;
    gain.setTargetAtTime(0, this.context.currentTime, 0.03);
    const silent = this.bus;
    setTimeout(() => silent.disconnect(), 300);
    this.bus = null;
  }

  // Seconds into the track.
  get position() {
    return this.context ? Math.max(0, this.context.currentTime - this.origin) : 0;
  }

  openBus() {
    const bus = this.context.createGain();
    bus.gain.value = 0.8;
    const echo = this.context.createDelay(1);
    const feedback = this.context.createGain();
    echo.delayTime.value = 0.31;
    feedback.gain.value = 0.26;
    bus.connect(this.context.destination);
    bus.connect(echo).connect(feedback).connect(echo);
    feedback.connect(this.context.destination);
    return bus;
  }

  schedule() {
    const length = stepSeconds(this.sound);
    const horizon = this.context.currentTime + AHEAD;
    for (; this.origin + this.nextStep * length < horizon; this.nextStep += 1) {
      const at = this.origin + this.nextStep * length;
      if (at < this.context.currentTime) continue;
      for (const note of notesAt(this.sound, this.nextStep)) this.play(note, at, note.steps * length);
    }
  }

  play(note, at, seconds) {
    if (note.voice === "hat") this.playHat(note, at);
    else if (note.voice === "kick") this.playKick(note, at);
    else this.playTone(note, at, seconds, VOICES[note.voice]);
  }

  playTone(note, at, seconds, { type, attack, release, cutoff }) {
    const tone = this.context.createOscillator();
    const filter = this.context.createBiquadFilter();
    const gain = this.context.createGain();
    tone.type = type;
    tone.frequency.value = 440 * 2 ** ((note.pitch - 69) / 12);
    filter.frequency.value = cutoff;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(note.gain, at + attack);
    gain.gain.setTargetAtTime(0, at + Math.max(attack, seconds * 0.6), release / 3);
    tone.connect(filter).connect(gain).connect(this.bus);
    tone.start(at);
    tone.stop(at + seconds + release);
  }

  playKick(note, at) {
    const tone = this.context.createOscillator();
    const gain = this.context.createGain();
    tone.frequency.setValueAtTime(120, at);
    tone.frequency.exponentialRampToValueAtTime(42, at + 0.12);
    gain.gain.setValueAtTime(note.gain, at);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.22);
    tone.connect(gain).connect(this.bus);
    tone.start(at);
    tone.stop(at + 0.25);
  }

  playHat(note, at) {
    this.noise ??= noise(this.context);
    const source = this.context.createBufferSource();
    const filter = this.context.createBiquadFilter();
    const gain = this.context.createGain();
    source.buffer = this.noise;
    filter.type = "highpass";
    filter.frequency.value = 7000;
    gain.gain.setValueAtTime(note.gain, at);
    gain.gain.exponentialRampToValueAtTime(0.001, at + 0.06);
    source.connect(filter).connect(gain).connect(this.bus);
    source.start(at);
    source.stop(at + 0.08);
  }
}

function noise(context) {
  const buffer = context.createBuffer(1, context.sampleRate * 0.1, context.sampleRate);
  const samples = buffer.getChannelData(0);
  for (let i = 0; i < samples.length; i += 1) samples[i] = Math.random() * 2 - 1;
  return buffer;
}
