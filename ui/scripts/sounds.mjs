// Usage: node scripts/sounds.mjs [FOLDER]
// Makes the app's sounds, from nothing but arithmetic: sounds/*.wav, 48 kHz, mono, 16 bits. The same every time.
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const RATE = 48_000;
const folder = process.argv[2] ?? fileURLToPath(new URL("../sounds", import.meta.url));

/** Hertz of a note of the equal temperament; 69 is A4. */
const pitch = (note) => 440 * 2 ** ((note - 69) / 12);

/**
 * A struck bar of wood: a fundamental and the two overtones that makers of marimbas tune, each dying away faster than
 * the one below. `glide` is where the pitch comes from, in semitones, as in the call "coo-ee".
 */
function strike(samples, { at, note, volume = 1, length = 0.6, glide = 0, bright = 1 }) {
  const partials = [
    [1, 1, 1],
    [3.98, 0.22 * bright, 0.35],
    [9.2, 0.06 * bright, 0.16],
  ];
  const start = Math.round(at * RATE);
  const phases = partials.map(() => 0);
  for (let i = 0; start + i < samples.length; i += 1) {
    const time = i / RATE;
    if (time > length * 6) break;
    const bend = glide === 0 ? 1 : 2 ** ((glide * Math.exp(-time / 0.045)) / 12);
    const attack = 1 - Math.exp(-time / 0.004);
    let value = 0;
    partials.forEach(([ratio, strength, decay], index) => {
      phases[index] += (2 * Math.PI * pitch(note) * ratio * bend) / RATE;
      value += strength * Math.sin(phases[index]) * Math.exp(-time / (length * decay));
    });
    samples[start + i] += volume * attack * value;
  }
}

/** A breath of a tone, for what must not startle: soft at both ends. */
function hum(samples, { at, note, volume, length }) {
  const start = Math.round(at * RATE);
  const count = Math.round(length * RATE);
  for (let i = 0; i < count && start + i < samples.length; i += 1) {
    const edge = 0.5 - 0.5 * Math.cos(2 * Math.PI * Math.min(i, count - i, RATE * 0.12) / (RATE * 0.24));
    const time = i / RATE;
    samples[start + i] += volume * edge * (Math.sin(2 * Math.PI * pitch(note) * time) + 0.25 * Math.sin(4 * Math.PI * pitch(note) * time));
  }
}

function wav(samples) {
  const peak = samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = peak > 0.7 ? 0.7 / peak : 1;
  const fade = Math.round(0.02 * RATE);
  const data = Buffer.alloc(44 + samples.length * 2);
  data.write("RIFF", 0, "latin1");
  data.writeUInt32LE(36 + samples.length * 2, 4);
  data.write("WAVEfmt ", 8, "latin1");
  data.writeUInt32LE(16, 16);
  data.writeUInt16LE(1, 20);
  data.writeUInt16LE(1, 22);
  data.writeUInt32LE(RATE, 24);
  data.writeUInt32LE(RATE * 2, 28);
  data.writeUInt16LE(2, 32);
  data.writeUInt16LE(16, 34);
  data.write("data", 36, "latin1");
  data.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((value, index) => {
    const end = Math.min(1, (samples.length - 1 - index) / fade);
    data.writeInt16LE(Math.round(value * scale * end * 32_767), 44 + index * 2);
  });
  return data;
}

const sound = (seconds, make) => {
  const samples = new Float64Array(Math.round(seconds * RATE));
  make(samples);
  return wav(samples);
};

const sounds = {
  // Coo-ee, coo-ee: low, then up an octave with a glide. Played every 3.2 seconds while it rings.
  ring: sound(2.2, (s) => {
    for (const at of [0, 0.95]) {
      strike(s, { at, note: 67, volume: 0.8, length: 0.42 });
      strike(s, { at: at + 0.26, note: 79, volume: 0.62, length: 0.5, glide: -7 });
      strike(s, { at: at + 0.26, note: 76, volume: 0.22, length: 0.4 });
    }
  }),
  // What the caller hears: the same two notes, from far away. Played every 4 seconds.
  ringback: sound(1.3, (s) => {
    hum(s, { at: 0, note: 55, volume: 0.2, length: 0.5 });
    hum(s, { at: 0.48, note: 67, volume: 0.15, length: 0.75 });
  }),
  connect: sound(0.55, (s) => {
    strike(s, { at: 0, note: 72, volume: 0.4, length: 0.2 });
    strike(s, { at: 0.1, note: 79, volume: 0.4, length: 0.28 });
  }),
  drop: sound(0.6, (s) => {
    strike(s, { at: 0, note: 74, volume: 0.36, length: 0.22, bright: 0.5 });
    strike(s, { at: 0.12, note: 67, volume: 0.4, length: 0.3, bright: 0.5 });
  }),
  mute: sound(0.16, (s) => strike(s, { at: 0, note: 65, volume: 0.3, length: 0.07, bright: 0.4 })),
  unmute: sound(0.16, (s) => strike(s, { at: 0, note: 72, volume: 0.3, length: 0.07, bright: 0.4 })),
  message: sound(0.5, (s) => {
    strike(s, { at: 0, note: 79, volume: 0.34, length: 0.18, bright: 0.7 });
    strike(s, { at: 0.07, note: 84, volume: 0.24, length: 0.22, bright: 0.7 });
  }),
};

mkdirSync(folder, { recursive: true });
for (const [name, bytes] of Object.entries(sounds)) writeFileSync(`${folder}/${name}.wav`, bytes);
