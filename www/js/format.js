// Numbers as people read them.

const units = ["B", "kB", "MB", "GB", "TB"];

/** 90868376 -> "91 MB". */
export function bytes(count) {
  let unit = 0;
  let value = count;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${trim(value.toFixed(digits))} ${units[unit]}`;
}

const whole = new Intl.NumberFormat("en");

/** 1234567 -> "1,234,567". */
export function count(number) {
  return whole.format(number);
}

/** count and noun: "1 passage", "2 passages". */
export function plural(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** 0.0423 -> "4.2 %". */
export function share(ratio) {
  return `${trim((ratio * 100).toFixed(ratio < 0.0995 ? 1 : 0))} %`;
}

/** 83 -> "83 ms", 2400 -> "2.4 s". */
export function duration(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trim((ms / 1000).toFixed(1))} s`;
  return `${Math.round(ms / 60_000)} min`;
}

/** Seconds to go: "a few seconds", "about 40 s", "about 3 min". */
export function left(seconds) {
  if (seconds < 5) return "a few seconds left";
  if (seconds < 55) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min left`;
  return `about ${trim((seconds / 3600).toFixed(1))} h left`;
}

/** 8.31 -> "8.3", 412.7 -> "413". */
export function rate(number) {
  return number < 10 ? trim(number.toFixed(1)) : count(Math.round(number));
}

function trim(decimal) {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}
