// The station page: what was scanned, by whichever scanner, what it was and what
// is next.

import { listen, GS } from "/assets/keys.js";
import { buttons, buttonText, fields, lamp, list, preview, question } from "/assets/parts.js";
import { agentClock, forgetClock, sender } from "/assets/scans.js";
import { age, language, load, say, speak } from "/assets/words.js";

const station = document.documentElement.dataset.station;
const $ = (id) => document.getElementById(id);
let view = null;
let audio = null;
// A PIN is asked for: nobody looks over a shoulder.
let secret = false;
// Id of the scan on its way whose answer is not shown yet.
let pending = null;

const hidden = (text) => (secret ? "•".repeat(text.length) : text.replaceAll(GS, "␝"));

function panel(colour, { code = "", what = "", next = "" }) {
  $("answer").className = `answer ${colour}`;
  $("what").textContent = what;
  $("next").textContent = next;
  $("code").textContent = code;
}

// An answer is shown once, whether the page asked for it or heard of it.
const seen = [];
const known = ({ input_id, code, colour }) => {
  const key = JSON.stringify([input_id, code, colour]);
  if (seen.includes(key)) return true;
  seen.push(key);
  seen.splice(0, seen.length - 50);
  return false;
};

const ASKS_PIN = ["login.pin", "override.pin", "pin.wrong"];

function show(answer) {
  speak(answer.language);
  secret = ASKS_PIN.includes(answer.code) || secret && answer.code === "digit";
  panel(answer.colour, answer);
  requestAnimationFrame(() => $("answer").classList.add("new"));
  tone(answer.colour);
  label();
}

// A browser is silent until the page was touched once; what it could not sound
// then is no news any more.
function tone(colour) {
  const asked = performance.now();
  try {
    audio ||= new AudioContext();
    if (audio.state === "running") return play(colour);
    audio.resume().then(() => { if (performance.now() - asked < 1000) play(colour); }, () => {});
  } catch (error) { /* No sound device: colour and shape remain. */ }
}

// Green rises, amber repeats, red falls: told apart without seeing the screen.
function play(colour) {
  try {
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

function unsent(count) {
  lamp("lamp-unsent", "warn", count > 0 ? say("ui.unsent", { count }) : "");
}

const send = sender(station, {
  sending({ text, id }, count) {
    pending = id;
    panel("sending", { what: scanned(hidden(text)), next: say("ui.sending") });
    unsent(count > 1 ? count : 0);
  },
  queued: unsent,
  retrying: unsent,
  // The view may have brought the answer that the request did not.
  heard: (id) => pending !== id,
  answered(answer, { id }) {
    known(answer);
    if (pending !== id) return;
    pending = null;
    show(answer);
  },
  lost({ text, id }, certain, dropped) {
    pending = null;
    // The agent has said itself why it does not take it.
    const said = view && view.answer;
    if (said && said.input_id === id && said.code.startsWith("input.")) return show(said);
    const told = { text: scanned(hidden(text)), count: dropped };
    const later = dropped > 0 ? say("ui.dropped", told) : "";
    panel("red", {
      code: certain ? "ui.not-recorded" : "ui.unknown",
      what: certain ? say("ui.not-recorded") : say("ui.unknown", told),
      next: `${say("ui.scan-again")} ${later}`,
    });
    tone("red");
  },
  idle() { unsent(0); },
});

function label() {
  $("typed-label").textContent = say("ui.typed");
  $("details-title").textContent = say("ui.details");
  $("draft-title").textContent = say("ui.draft");
  $("last-title").textContent = say("ui.last-scans");
  if (!view) return;
  $("station-name").textContent = (view.names && (view.names[language] || view.names.en)) || "";
  $("operator").textContent = view.operator ? view.operator : say("ui.nobody");
  $("operator").classList.toggle("nobody", !view.operator);
  lamp("lamp-uplink", view.uplink.connected ? "" : "warn", say(view.uplink.connected ? "ui.online" : "ui.offline"));
  lamp("lamp-queue", view.queue > 1000 ? "warn" : "", say("ui.queue", { count: view.queue }));
  const old = view.reference_age_s == null || view.reference_age_s > 8 * 3600;
  lamp("lamp-reference", old ? "warn" : "", say("ui.reference-age", { age: age(view.reference_age_s) }));
  lamp("lamp-numbers", "bad", view.numbers_low.length ? say("ui.numbers-low", { types: view.numbers_low.join(" ") }) : "");
  lamp("lamp-disk", "bad", view.disk_warning ? say("ui.disk") : "");
  const printer = view.printer;
  const away = printer && printer.away;
  lamp("lamp-printer", away ? "bad" : "",
    printer ? say(away ? "ui.printer-away" : "ui.printer", { count: printer.waiting }) : "");
  buttons(view.buttons, language, send);
  fields(view.fields, send);
  list("draft", view.draft.map((entry) => ({ text: entry })));
  list("last", view.last.map((scan) => ({ at: scan.at, colour: scan.colour, text: `${scanned(scan.text)} — ${scan.what}` })));
  question(view.print_question, confirmPrint);
  preview(view.label, station);
}

async function confirmPrint(id, printed) {
  try {
    await fetch(`/s/${encodeURIComponent(station)}/printed`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-terminal": "1" },
      body: JSON.stringify({ id, printed }),
      signal: AbortSignal.timeout(5000),
    });
  } catch (error) { /* The question stays until the agent has its answer. */ }
}

// What was scanned, as a person calls it: a control card by its button's name, a
// field by its own.
function scanned(text) {
  if (!view) return text;
  const card = view.buttons.find((button) => button.code === text);
  if (card) return buttonText(card);
  const field = view.fields.find(({ name }) => text.startsWith(`${name}=`));
  return field ? `${say(`ui.field.${field.name}`)}: ${text.slice(field.name.length + 1)}` : text;
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

// The station as the agent sees it now. What stood there when the page was
// opened is no news.
function look(now) {
  const before = view;
  view = now;
  secret = view.secret;
  const news = view.answer && !known(view.answer);
  if (!before) {
    speak(view.language);
    panel("idle", { what: say("ui.ready"), next: view.next });
  } else if (news) {
    // A scan that the agent did not take is still on its way.
    if (view.answer.input_id === pending && !view.answer.code.startsWith("input.")) pending = null;
    show(view.answer);
    secret = view.secret;
    return;
  } else if (before.operator && !view.operator && same(before.answer, view.answer)) {
    // Signed out by the clock.
    speak(view.language);
    panel("idle", { what: say("ui.nobody"), next: view.next });
  }
  speak(view.language);
  label();
}

async function start() {
  await load();
  label();
  listen((typed) => { $("typed").textContent = hidden(typed); }, send);
  $("what").textContent = say("ui.ready");
  const events = new EventSource(`/s/${encodeURIComponent(station)}/events`);
  events.onopen = forgetClock;
  events.onmessage = (event) => {
    const now = JSON.parse(event.data);
    agentClock(now.now);
    look(now);
  };
  events.onerror = () => lamp("lamp-uplink", "bad", say("ui.agent-away"));
}
start();
