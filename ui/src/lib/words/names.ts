/** One or two letters that stand for somebody: first letters of words, whole characters of any script. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const segments = [...new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(words[0] ?? name)];
  const first = segments.find((part) => /[\p{L}\p{N}]/u.test(part.segment))?.segment ?? segments[0]?.segment ?? "?";
  const second = words.length > 1 ? (Array.from(words[words.length - 1] ?? "")[0] ?? "") : "";
  return (first + second).toLocaleUpperCase();
}

/** A hue for a name, always the same one, out of twelve that look well together. */
export function hueOf(name: string): number {
  let sum = 0;
  for (const character of name.toLocaleLowerCase("und")) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return (sum % 12) * 30 + 15;
}
