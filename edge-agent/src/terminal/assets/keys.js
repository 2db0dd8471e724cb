// A scanner that acts as a keyboard is read by physical keys, so that neither a
// Hindi layout nor Caps Lock can change what was scanned.

export const GS = "\u001d";
const MOST = 4096;

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

// Reads keys and pastes wherever no field has the focus; `typing` is told what
// stands there so far, `whole` what was ended by Enter or Tab.
export function listen(typing, whole) {
  let typed = "";
  const now = (text) => { typed = text.slice(0, MOST); typing(typed); };
  const inField = (event) => event.target instanceof HTMLInputElement;

  document.addEventListener("keydown", (event) => {
    if (inField(event)) return;
    const onButton = document.activeElement instanceof HTMLButtonElement;
    if (event.code === "Enter" || event.code === "NumpadEnter" || event.code === "Tab" && typed) {
      if (!typed && onButton) return;
      event.preventDefault();
      const text = typed;
      now("");
      if (text) whole(text);
      return;
    }
    if (event.code === "Escape") { now(""); return; }
    if (event.code === "Backspace") { now(typed.slice(0, -1)); event.preventDefault(); return; }
    const c = character(event);
    if (c === null) return;
    if (c === " " && !typed && onButton) return;
    event.preventDefault();
    now(typed + c);
  });

  document.addEventListener("paste", (event) => {
    if (inField(event)) return;
    now(typed + event.clipboardData.getData("text").trim());
    event.preventDefault();
  });
}
