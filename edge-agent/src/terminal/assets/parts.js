// The parts of the page that are made of the station's view.

import { say, clock } from "/assets/words.js";

const $ = (id) => document.getElementById(id);

export function lamp(id, level, text) {
  const element = $(id);
  element.hidden = !text;
  element.className = `lamp ${level}`;
  element.querySelector(".text").textContent = text;
}

// As on a telephone.
const KEYPAD = ["1", "2", "3", "4", "5", "6", "7", "8", "9", ".", "0", "ENTER"];

export function buttonText({ verb, text }) {
  return text || (verb.length === 1 ? verb : say(`ui.button.${verb.toLowerCase()}`));
}

let shownButtons = "";
export function buttons(offers, language, send) {
  const now = language + JSON.stringify(offers);
  if (now === shownButtons) return;
  shownButtons = now;
  const made = offers.map((offered) => {
    const { verb, code } = offered;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = buttonText(offered);
    button.dataset.verb = verb;
    if (["DONE", "PASS", "ENTER", "LOGIN"].includes(verb)) button.className = "done";
    if (["CANCEL", "FAIL", "LOGOUT", "HOLD"].includes(verb)) button.className = "stop";
    button.onclick = () => { button.blur(); send(code); };
    return button;
  });
  const place = (button) => KEYPAD.indexOf(button.dataset.verb);
  $("buttons").replaceChildren(...made.filter((button) => place(button) < 0));
  $("keypad").replaceChildren(...made.filter((button) => place(button) >= 0).sort((a, b) => place(a) - place(b)));
}

// What a scanner reads while a field has the focus is a scan all the same.
const CODE = /^(UID|TWC|TWB)-/i;
const IDLE_MS = 20000;

function field({ name, kind }, send) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const caption = document.createElement("span");
  label.append(caption, input);
  label.dataset.field = name;
  input.type = kind === "date" ? "date" : "text";
  if (kind === "number") input.inputMode = "decimal";
  input.maxLength = 120;
  input.autocomplete = "off";
  input.spellcheck = false;
  // A finger need not find the small calendar.
  input.onclick = (event) => { if (kind === "date" && event.pointerType === "touch") input.showPicker?.(); };
  let idle = 0;
  const leave = () => { clearTimeout(idle); idle = setTimeout(() => input.blur(), IDLE_MS); };
  input.onfocus = leave;
  input.oninput = leave;
  input.onblur = () => clearTimeout(idle);
  input.onkeydown = (event) => {
    if (event.key === "Enter") { event.preventDefault(); input.blur(); }
    if (event.key === "Escape") { input.value = input.dataset.known; input.blur(); }
  };
  input.onchange = () => {
    const value = input.value.trim();
    // A year is whole only with its fourth digit.
    if (kind === "date" && value && value < "1990") return;
    if (CODE.test(value)) {
      input.value = input.dataset.known;
      send(value);
    } else if (value !== input.dataset.known) {
      send(`${name}=${value}`);
    }
    input.blur();
  };
  return label;
}

let shownFields = "";
export function fields(entries, send) {
  const now = JSON.stringify(entries.map(({ name, kind }) => [name, kind]));
  if (now !== shownFields) {
    shownFields = now;
    $("fields").replaceChildren(...entries.map((entry) => field(entry, send)));
  }
  $("details").hidden = !entries.length;
  for (const { name, value } of entries) {
    const label = $("fields").querySelector(`[data-field=${name}]`);
    label.firstChild.textContent = say(`ui.field.${name}`);
    const input = label.lastChild;
    input.dataset.known = value;
    // What is being typed stays.
    if (document.activeElement !== input && input.value !== value) input.value = value;
  }
}

export function list(id, entries) {
  const signs = { green: "✓", red: "✕", amber: "!" };
  $(id).replaceChildren(...entries.map((entry) => {
    const item = document.createElement("li");
    if (entry.at) {
      const time = document.createElement("time");
      time.textContent = clock(entry.at);
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

export function question(asks, answer) {
  $("question").hidden = !asks;
  if (!asks) return;
  $("question-text").textContent = say("ui.did-it-print", { uid: asks.uid });
  $("question-hint").textContent = say("ui.no-prints-again", { copy: asks.again });
  $("question-yes").textContent = say("ui.yes");
  $("question-no").textContent = say("ui.no");
  $("question-yes").onclick = () => answer(asks.id, true);
  $("question-no").onclick = () => answer(asks.id, false);
}

export function preview(label, station) {
  $("label").hidden = !label;
  if (!label) return;
  const { uid, copy, state } = label;
  $("label-title").textContent = say("ui.label");
  $("label-state").textContent = say(`ui.label.${state}`);
  $("label-state").className = state === "asked" ? "amber" : "";
  const source = `/s/${encodeURIComponent(station)}/label/${encodeURIComponent(uid)}.svg?copy=${copy}`;
  const picture = $("label-picture");
  picture.alt = copy > 1 ? `${uid} R${copy}` : uid;
  if (picture.getAttribute("src") !== source) picture.src = source;
}
