// What the page says: texts by language and key, numbers in the digits of the
// keypad and the labels, whatever the language.

let texts = {};
export let language = "en";

export async function load() {
  texts = await (await fetch("/assets/texts.json")).json();
}

export function speak(code) {
  if (code) language = code;
  document.documentElement.lang = language;
}

export function say(key, args = {}) {
  const text = (texts[language] || {})[key] || (texts.en || {})[key] || key;
  return text.replace(/\{(\w+)\}/g, (_, name) => args[name] ?? "");
}

const latin = () => `${language}-u-nu-latn`;

export function clock(at) {
  return new Date(at).toLocaleTimeString(latin(), { hour12: false });
}

// An age in the unit that a person would use.
export function age(seconds) {
  if (seconds == null) return "–";
  const [unit, size] = seconds < 90 ? ["second", 1] : seconds < 5400 ? ["minute", 60]
    : seconds < 172800 ? ["hour", 3600] : ["day", 86400];
  const format = new Intl.NumberFormat(latin(), { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 0 });
  return format.format(seconds / size);
}
