// What somebody typed is not lost: it is there again after the language was switched, and
// leaving a form that was changed asks first. Kept for the moment of the switch alone, in
// this tab; never a file, a password or a sealed field.
(() => {
  "use strict";
  const KEPT = "tw-typed";
  const FROM = "tw-from";
  const here = () => location.pathname + location.search;
  const read = (key) => {
    try { return JSON.parse(sessionStorage.getItem(key)); } catch { return null; }
  };
  const write = (key, value) => {
    try { sessionStorage.setItem(key, JSON.stringify(value)); } catch { /* full, or private */ }
  };
  const forget = (key) => {
    try { sessionStorage.removeItem(key); } catch { /* private window */ }
  };

  // Not by the form's own properties: an input may be called as one of them.
  const actionOf = (form) => form.getAttribute("action") || "";
  const posts = (form) => form?.getAttribute("method")?.toLowerCase() === "post";
  const forms = () => [...document.querySelectorAll("#main form")].filter(posts);
  const isBox = (input) => input.type === "checkbox" || input.type === "radio";
  // Those that people fill in, without what is nobody's to keep.
  const inputs = (form) => [...document.querySelectorAll("#main [name]")].filter((input) => input.form === form).filter((input) => input.matches("input, select, textarea")
    && !input.matches("[type=hidden], [type=password], [type=file], [type=submit], [data-sealed]"));
  const chosen = (select) => [...select.selectedOptions].map((option) => option.value).join("\n");
  const differs = (input) => {
    if (isBox(input)) return input.checked !== input.defaultChecked;
    if (input.tagName !== "SELECT") return input.value !== input.defaultValue;
    const given = [...input.options].filter((option) => option.defaultSelected);
    const first = given.length || input.multiple ? given : [...input.options].slice(0, 1);
    return chosen(input) !== first.map((option) => option.value).join("\n");
  };

  // Forms that somebody changed, and did not send.
  const touched = new Set();
  let leaving = false;
  const isChanged = (form) => touched.has(form) && form.isConnected && inputs(form).some(differs);
  const changed = () => !leaving && [...touched].some(isChanged);
  const ask = (event) => { if (changed()) event.preventDefault(); };
  const touch = (form) => {
    if (!touched.size) window.addEventListener("beforeunload", ask);
    touched.add(form);
  };
  for (const kind of ["input", "change", "paste"]) {
    document.addEventListener(kind, (event) => {
      const form = event.target.form || event.target.closest?.("form");
      if (posts(form) && form.closest("#main")) touch(form);
    });
  }
  // A page that came back without leaving this one is asked for anew.
  window.addEventListener("pageshow", () => { leaving = false; });

  // Parts of the page are taken over without leaving it; then the browser is to ask.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const { boosted, target, requestConfig, pathInfo } = event.detail;
    if (!boosted || target?.id !== "main" || requestConfig?.verb !== "get" || !changed()) return;
    event.preventDefault();
    location.href = pathInfo.finalRequestPath || pathInfo.requestPath;
  });

  const keep = (form, all) => {
    const fields = inputs(form).filter((input) => all || differs(input)).map((input) => (isBox(input)
      ? [input.name, input.value, input.checked]
      : [input.name, input.tagName === "SELECT" ? chosen(input) : input.value]));
    const action = actionOf(form);
    const same = forms().filter((one) => actionOf(one) === action);
    return { action, at: same.indexOf(form), fields, version: form.querySelector("[name=version]")?.value };
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !posts(form)) return;
    // A page that names mistakes is the answer to a form: its address shows another page.
    const answered = Boolean(document.querySelector("#main [data-wrong]"));
    const sent = read(FROM);
    const from = answered && sent?.to === location.pathname ? sent.from : here();
    if (actionOf(form) !== "/language") {
      touched.delete(form);
      if (form.closest("#main")) write(FROM, { to: new URL(actionOf(form), location.href).pathname, from });
      return;
    }
    leaving = true;
    const filled = forms().filter((one) => isChanged(one) || (answered && one.querySelector("[data-wrong]")));
    const file = forms().some((one) => one.querySelector("[type=file]")?.files.length);
    if (!filled.length && !file) return;
    const all = (one) => Boolean(one.querySelector("[data-wrong]"));
    write(KEPT, { path: from, when: Date.now(), file, forms: filled.map((one) => keep(one, all(one))) });
    if (from === here()) return;
    event.preventDefault();
    fetch("/language", { method: "POST", body: new URLSearchParams(new FormData(form, event.submitter)) })
      .then(() => location.assign(from), () => { leaving = false; });
  });

  // A line of a grid that the page has not come with.
  const line = (form, name) => {
    const at = /^r\.(\d+)\./.exec(name)?.[1];
    const grid = at && form.querySelector("[data-grid]");
    const row = grid?.querySelector("template")?.content.querySelector("tr")?.cloneNode(true);
    if (!row) return;
    for (const input of row.querySelectorAll("[name]")) input.name = input.name.replace("r.#.", `r.${at}.`);
    const body = grid.querySelector("tbody");
    body.append(row);
    const number = row.querySelector("[data-number]");
    if (number) number.textContent = body.rows.length;
  };

  const put = (form, [name, value, checked]) => {
    const find = () => inputs(form).filter((input) => input.name === name && (checked === undefined || input.value === value));
    if (!find().length) line(form, name);
    const input = find()[0];
    if (!input || input.readOnly || input.disabled) return;
    if (checked !== undefined) input.checked = checked;
    else if (input.tagName === "SELECT") {
      const wanted = value.split("\n");
      for (const option of input.options) option.selected = wanted.includes(option.value);
    } else input.value = value;
    for (let box = input.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
  };

  document.addEventListener("DOMContentLoaded", () => {
    const kept = read(KEPT);
    forget(KEPT);
    if (!kept || kept.path !== here() || Date.now() - kept.when > 60000) return;
    for (const { action, at, fields, version } of kept.forms) {
      const form = forms().filter((one) => actionOf(one) === action)[at];
      if (!form) continue;
      // What was changed is what was seen: another's change meanwhile is not overwritten.
      const seen = form.querySelector("[name=version]");
      if (seen && version !== undefined) seen.value = version;
      for (const field of fields) put(form, field);
      touch(form);
    }
    if (kept.file) document.dispatchEvent(new CustomEvent("tw-say", { detail: document.body.dataset.fileAgain }));
  });
})();
