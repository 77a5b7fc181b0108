import { getLocale } from "$lib/paraglide/runtime.js";

const formats = new Map<string, Intl.DateTimeFormat>();

function format(at: number, options: Intl.DateTimeFormatOptions): string {
  // English with the day first and 24 hours would surprise Americans, so the region is left to the system.
  const locale = navigator.languages.find((tag) => tag.startsWith(getLocale())) ?? getLocale();
  const key = locale + JSON.stringify(options);
  let known = formats.get(key);
  if (!known) formats.set(key, (known = new Intl.DateTimeFormat(locale, options)));
  return known.format(at);
}

const startOfDay = (at: number): number => new Date(at).setHours(0, 0, 0, 0);

/** Whole days from one time to another, as people count them. */
export function daysBetween(from: number, to: number): number {
  return Math.round((startOfDay(to) - startOfDay(from)) / 86_400_000);
}

/** 14:05 */
export function clockTime(at: number): string {
  return format(at, { hour: "numeric", minute: "2-digit" });
}

/** A heading for a day: Today, Yesterday, Monday 3 March. */
export function dayWords(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days === 0 || days === 1) {
    const words = new Intl.RelativeTimeFormat(getLocale(), { numeric: "auto" }).format(-days, "day");
    return words.charAt(0).toLocaleUpperCase() + words.slice(1);
  }
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return format(at, { weekday: "long", day: "numeric", month: "long", ...(sameYear ? {} : { year: "numeric" }) });
}

/** For a list: the time today, the weekday within a week, the date before. */
export function listTime(at: number, now: number): string {
  const days = daysBetween(at, now);
  if (days <= 0) return clockTime(at);
  if (days < 7) return format(at, { weekday: "short" });
  return format(at, { day: "numeric", month: "short", ...(days > 300 ? { year: "numeric" } : {}) });
}

/** In full, for those who ask. */
export function fullTime(at: number): string {
  return format(at, { dateStyle: "full", timeStyle: "short" });
}

/** 3:07, or 1:02:45. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (part: number) => String(part).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 1.4 MB */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return new Intl.NumberFormat(getLocale(), {
    style: "unit",
    unit: units[unit] ?? "byte",
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: value < 10 && unit > 0 ? 1 : 0,
  }).format(value);
}

/** Bob, Carol and Dan */
export function listOf(names: readonly string[]): string {
  return new Intl.ListFormat(getLocale(), { type: "conjunction" }).format(names);
}

export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(getLocale(), { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}
