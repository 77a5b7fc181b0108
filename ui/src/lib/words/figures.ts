import type { StatsSample } from "$lib/backend/types";

/** What is plotted of one second. */
export interface Figures {
  at: number;
  rating: number | null;
  roundTrip: number | null;
  /** Percent of the packets of that second. */
  lost: number | null;
  buffer: number | null;
}

/** Figures for each second out of counts since the start of the call. */
export function figuresOf(samples: readonly StatsSample[]): Figures[] {
  return samples.map((sample, index) => {
    const before = samples[index - 1];
    let lost: number | null = null;
    if (before) {
      const gone = Math.max(0, sample.lost - before.lost);
      const all = gone + Math.max(0, sample.received - before.received);
      lost = all > 0 ? (100 * gone) / all : null;
    }
    return { at: sample.at, rating: sample.rating, roundTrip: sample.roundTripMs, lost, buffer: sample.bufferMs };
  });
}

/** Points of a line in a box of 100 by 100, in runs: where nothing is known there is no line. */
export function linesOf(values: readonly (number | null)[], most: number): string[] {
  const lines: string[] = [];
  let points: string[] = [];
  const step = values.length > 1 ? 100 / (values.length - 1) : 0;
  const end = () => {
    const only = points[0];
    if (only !== undefined) lines.push(points.length === 1 ? `${only} ${only}` : points.join(" "));
    points = [];
  };
  values.forEach((value, index) => {
    if (value === null || !Number.isFinite(value)) return end();
    const y = 100 - (100 * Math.min(Math.max(value, 0), most)) / most;
    points.push(`${round(index * step)},${round(y)}`);
  });
  end();
  return lines;
}

const round = (value: number): number => Math.round(value * 100) / 100;
