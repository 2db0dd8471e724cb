// The station page. A scanner that acts as a keyboard is read by physical keys,
// so that neither a Hindi layout nor Caps Lock can change what was scanned.
"use strict";

const station = document.documentElement.dataset.station;
const $ = (id) => document.getElementById(id);
const GS = "\u001d";
let texts = {};
let language = "en";
let view = null;
let typed = "";
let audio = null;

const PLAIN = {
  Minus: "-", Equal: "=", BracketLeft: "[", BracketRight: "]", Backslash: "\\", Semicolon: ";",
  Quote: "'", Backquote: "`", Comma: ",", Period: ".", Slash: "/", Space: " ",
  NumpadAdd: "+", NumpadSubtract: "-", NumpadMultiply: "*", NumpadDivide: "/", NumpadDecimal: ".",
};
const SHIFTED = {
  Minus: "_", Equal: "+", BracketLeft: "{", BracketRight: "}", Backslash: "|", Semicolon: ":",
  Quote: "\"", Backquote: "~", Comma: "<", Period: ">", Slash: "?", Space: " ",
};
const SHIFTED_DIGITS = ")!@#$%^&*(";

// What a physical key means on the layout that scanners emulate; null when it
// is no character of a code.
function character(event) {
  const code = event.code;
  if (event.ctrlKey) return code === "BracketRight" ? GS : null;
  if (event.altKey || event.metaKey) return null;
  if (code === "F8") return GS;
  if (/^Key[A-Z]$/.test(code)) return event.shiftKey ? code[3] : code[3].toLowerCase();
  if (/^Digit[0-9]$/.test(code)) return event.shiftKey ? SHIFTED_DIGITS[code[5]] : code[5];
  if (/^Numpad[0-9]$/.test(code)) return code[6];
  return (event.shiftKey && SHIFTED[code]) || PLAIN[code] || null;
}

function say(key, args = {}) {
  const text = (texts[language] || {})[key] || (texts.en || {})[key] || key;
  return text.replace(/\{(\w+)\}/g, (_, name) => args[name] ?? "");
}

function showTyped() { $("typed").textContent = typed.replaceAll(GS, "␝"); }

document.addEventListener("keydown", (event) => {
  if (event.code === "Enter" || event.code === "NumpadEnter" || event.code === "Tab" && typed) {
    if (!typed && document.activeElement instanceof HTMLButtonElement) return;
    event.preventDefault();
    const text = typed;
    typed = "";
    showTyped();
    if (text) send(text);
    return;
  }
  if (event.code === "Escape") { typed = ""; showTyped(); return; }
  if (event.code === "Backspace") { typed = typed.slice(0, -1); showTyped(); event.preventDefault(); return; }
  const c = character(event);
  if (c === null) return;
  if (c === " " && !typed && document.activeElement instanceof HTMLButtonElement) return;
  event.preventDefault();
  if (typed.length < 4096) typed += c;
  showTyped();
});

document.addEventListener("paste", (event) => {
  typed += event.clipboardData.getData("text").trim();
  showTyped();
  event.preventDefault();
});

// One scan at a time, in order; the same id when it must be sent again, so that
// an answer lost on the way makes no second record.
let sending = Promise.resolve();
function send(text) {
  const id = crypto.randomUUID ? crypto.randomUUID() : String(Date.now()) + Math.random();
  sending = sending.then(() => sendOnce(text, id));
}

async function sendOnce(text, id) {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      const response = await fetch(`/s/${encodeURIComponent(station)}/scan`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-terminal": "1" },
        body: JSON.stringify({ text, id, at: null }),
      });
      if (response.ok) { show(await response.json()); return; }
      if (response.status < 500) break;
    } catch (error) { /* The agent may be restarting; tried again below. */ }
    await new Promise((resolve) => setTimeout(resolve, 300 * (attempt + 1)));
  }
  show({ colour: "red", code: "ui.not-recorded", what: say("ui.not-recorded"), next: say("ui.scan-again"), language });
}

function show(answer) {
  if (answer.language) language = answer.language;
  const box = $("answer");
  box.className = `answer ${answer.colour}`;
  requestAnimationFrame(() => box.classList.add("new"));
  $("what").textContent = answer.what || "";
  $("next").textContent = answer.next || "";
  $("code").textContent = answer.code || "";
  tone(answer.colour);
  label();
}

// Green rises, amber repeats, red falls: told apart without seeing the screen.
function tone(colour) {
  try {
    audio ||= new AudioContext();
    const notes = { green: [660, 880], amber: [620, 620], red: [330, 196, 165] }[colour];
    if (!notes) return;
    notes.forEach((frequency, i) => {
      const at = audio.currentTime + i * 0.14;
      const tone = audio.createOscillator(), volume = audio.createGain();
      tone.type = colour === "red" ? "square" : "sine";
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.25, at + 0.01);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.12);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(at + 0.13);
    });
  } catch (error) { /* No sound device: colour and shape remain. */ }
}

function lamp(id, level, text) {
  const element = $(id);
  element.hidden = !text;
  element.className = `lamp ${level}`;
  element.querySelector(".text").textContent = text;
}

function age(seconds) {
  if (seconds == null) return "–";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

function label() {
  document.documentElement.lang = language;
  $("typed-label").textContent = say("ui.typed");
  $("draft-title").textContent = say("ui.draft");
  $("last-title").textContent = say("ui.last-scans");
  if (!view) return;
  $("station-name").textContent = (view.names && (view.names[language] || view.names.en)) || "";
  $("operator").textContent = view.operator ? view.operator : say("ui.nobody");
  lamp("lamp-uplink", view.uplink.connected ? "" : "warn", say(view.uplink.connected ? "ui.online" : "ui.offline"));
  lamp("lamp-queue", view.queue > 1000 ? "warn" : "", say("ui.queue", { count: view.queue }));
  const old = view.reference_age_s == null || view.reference_age_s > 8 * 3600;
  lamp("lamp-reference", old ? "warn" : "", say("ui.reference-age", { age: age(view.reference_age_s) }));
  lamp("lamp-numbers", "bad", view.numbers_low.length ? say("ui.numbers-low", { types: view.numbers_low.join(" ") }) : "");
  lamp("lamp-disk", "bad", view.disk_warning ? say("ui.disk") : "");
  buttons();
  list("draft", view.draft.map((entry) => ({ text: entry })));
  list("last", view.last.map((scan) => ({ at: scan.at, colour: scan.colour, text: `${scanned(scan.text)} — ${scan.what}` })));
  const asks = view.print_question;
  $("question").hidden = !asks;
  if (asks) {
    $("question-text").textContent = say("ui.did-it-print", { uid: asks.uid });
    $("question-yes").textContent = say("ui.yes");
    $("question-no").textContent = say("ui.no");
    $("question-yes").onclick = () => confirmPrint(asks.id, true);
    $("question-no").onclick = () => confirmPrint(asks.id, false);
  }
}

async function confirmPrint(id, printed) {
  await fetch(`/s/${encodeURIComponent(station)}/printed`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-terminal": "1" },
    body: JSON.stringify({ id, printed }),
  });
}

// As on a telephone.
const KEYPAD = ["1", "2", "3", "4", "5", "6", "7", "8", "9", ".", "0", "ENTER"];

function buttonText({ verb, text }) { return text || (verb.length === 1 ? verb : say(`ui.button.${verb.toLowerCase()}`)); }

let shownButtons = "";
function buttons() {
  const now = language + JSON.stringify(view.buttons);
  if (now === shownButtons) return;
  shownButtons = now;
  const made = view.buttons.map((offered) => {
    const { verb, code } = offered;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = buttonText(offered);
    button.dataset.verb = verb;
    if (["DONE", "PASS", "ENTER"].includes(verb)) button.className = "done";
    if (["CANCEL", "FAIL", "LOGOUT"].includes(verb)) button.className = "stop";
    button.onclick = () => { button.blur(); send(code); };
    return button;
  });
  const place = (button) => KEYPAD.indexOf(button.dataset.verb);
  $("buttons").replaceChildren(...made.filter((button) => place(button) < 0));
  $("keypad").replaceChildren(...made.filter((button) => place(button) >= 0).sort((a, b) => place(a) - place(b)));
}

// What was scanned, as a person calls it: a control card by its button's name.
function scanned(text) {
  const card = view.buttons.find((button) => button.code === text);
  return card ? buttonText(card) : text;
}

function list(id, entries) {
  const signs = { green: "✓", red: "✕", amber: "!" };
  $(id).replaceChildren(...entries.map((entry) => {
    const item = document.createElement("li");
    if (entry.at) {
      const time = document.createElement("time");
      // The digits are those of the keypad and the labels, whatever the language.
      time.textContent = new Date(entry.at).toLocaleTimeString(`${language}-u-nu-latn`, { hour12: false });
      item.append(time);
    }
    if (entry.colour) {
      const sign = document.createElement("span");
      sign.className = `sign ${entry.colour}`;
      sign.textContent = signs[entry.colour];
      item.append(sign);
    }
    const text = document.createElement("span");
    text.textContent = entry.text;
    item.append(text);
    return item;
  }));
}

async function start() {
  texts = await (await fetch("/assets/texts.json")).json();
  $("what").textContent = say("ui.ready");
  const events = new EventSource(`/s/${encodeURIComponent(station)}/events`);
  events.onmessage = (event) => {
    const first = !view;
    view = JSON.parse(event.data);
    if (view.language) language = view.language;
    if (first) { $("what").textContent = say("ui.ready"); $("next").textContent = view.next || ""; }
    label();
  };
  events.onerror = () => lamp("lamp-uplink", "bad", say("ui.agent-away"));
}
start();
