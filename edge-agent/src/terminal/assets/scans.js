// Scans on their way to the agent: one at a time, in order, each under one id
// until its answer is known, so that an answer lost on the way makes no second
// record.

const TIMEOUT_MS = 5000;
const ATTEMPTS = 6;

const waiting = [];
let busy = false;
// The scan of which nobody knows whether it was recorded.
let unknown = null;
// The agent's clock less this page's own, which never jumps.
let ahead = -Infinity;

function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The quickest message tells best how far the clocks are apart.
export function agentClock(now) { ahead = Math.max(ahead, Date.parse(now) - performance.now()); }
export function forgetClock() { ahead = -Infinity; }

// `on` is told of each step: sending(scan, unsent), queued(unsent),
// retrying(unsent), answered(answer, scan), lost(scan, certain, dropped), idle();
// and asked whether it has heard of the answer in another way: heard(id).
export function sender(station, on) {
  async function once(scan) {
    const response = await fetch(`/s/${encodeURIComponent(station)}/scan`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-terminal": "1" },
      body: JSON.stringify({ text: scan.text, id: scan.id, at: scan.at }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return { answer: await response.json() };
    // Only a refusal of the request itself is sure to have recorded nothing.
    return { refused: response.status < 500 };
  }

  async function one(scan) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) {
        on.retrying(waiting.length + 1);
        await new Promise((resolve) => setTimeout(resolve, 400 * attempt));
      }
      try {
        const { answer, refused } = await once(scan);
        if (answer) {
          unknown = null;
          on.answered(answer, scan);
          return;
        }
        if (refused) {
          unknown = null;
          on.lost(scan, true, drop());
          return;
        }
      } catch (error) { /* No answer in time, or the agent restarts: tried again. */ }
    }
    unknown = on.heard(scan.id) ? null : scan;
    if (unknown) on.lost(scan, false, drop());
  }

  // What came after a scan that was lost means something only after it.
  function drop() { return waiting.splice(0).length; }

  async function work() {
    if (busy) return;
    busy = true;
    while (waiting.length) {
      const scan = waiting.shift();
      on.sending(scan, waiting.length + 1);
      await one(scan);
    }
    busy = false;
    on.idle();
  }

  return (text) => {
    // The same code scanned again is the same scan as long as nobody knows what
    // became of it.
    const again = unknown && !busy && unknown.text === text ? unknown : null;
    const at = Number.isFinite(ahead) ? new Date(performance.now() + ahead).toISOString() : null;
    waiting.push(again || { text, id: newId(), at });
    if (busy) on.queued(waiting.length + 1);
    work();
  };
}
