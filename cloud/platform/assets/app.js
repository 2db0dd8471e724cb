// Small behaviours of the shell. Loaded before the page is painted, so that the
// colours are right at once; every page works without it.
(() => {
  "use strict";
  const root = document.documentElement;
  root.classList.add("js");

  // Light or dark: as the person has set it, else as chosen here, else as the system
  // says.
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    if (root.dataset.theme) return root.dataset.theme;
    try { return localStorage.getItem("tw-theme"); } catch { return null; }
  };
  const paint = () => { root.dataset.bsTheme = chosen() || (system.matches ? "dark" : "light"); };
  paint();
  system.addEventListener("change", paint);

  const byId = (id) => document.getElementById(id);
  // Keys of one letter act by themselves, unless the person has turned them off: who
  // speaks to the computer presses many.
  const lettersAct = () => document.body?.dataset.keys !== "off";
  const closeNav = () => {
    root.classList.remove("tw-nav-open");
    byId("nav-toggle")?.setAttribute("aria-expanded", "false");
  };

  let hiding;
  const toast = (text, href) => {
    const box = byId("toast");
    if (!box || !text) return;
    const line = box.querySelector("p");
    line.textContent = text;
    if (href) {
      const link = document.createElement("a");
      link.href = href;
      link.textContent = text;
      line.replaceChildren(link);
    }
    box.classList.toggle("is-info", Boolean(href));
    box.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { box.hidden = true; }, 12000);
  };

  document.addEventListener("tw-say", (event) => toast(event.detail));

  // The search: results under its box, walked through by keys.
  const found = () => byId("found");
  const options = () => [...(found()?.querySelectorAll("[role=option]") || [])];
  const closeFound = () => {
    const box = found();
    if (!box || box.hidden) return;
    box.hidden = true;
    byId("search").setAttribute("aria-expanded", "false");
    byId("search").removeAttribute("aria-activedescendant");
  };
  const openFound = () => {
    const box = found();
    if (!box || !box.childElementCount || document.activeElement?.id !== "search") return;
    box.hidden = false;
    byId("search").setAttribute("aria-expanded", "true");
  };
  const chosenOption = () => found()?.querySelector("[aria-selected=true]");
  const choose = (option) => {
    chosenOption()?.setAttribute("aria-selected", "false");
    if (!option) { byId("search").removeAttribute("aria-activedescendant"); return; }
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    byId("search").setAttribute("aria-activedescendant", option.id);
  };
  const seek = () => {
    const search = byId("search");
    if (!search) return;
    search.focus();
    search.select();
    search.dispatchEvent(new CustomEvent("tw-find"));
  };
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "search" || event.isComposing) return;
    const all = options();
    const at = all.indexOf(chosenOption());
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (found().hidden) { openFound(); return; }
      if (!all.length) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(all[(at + step + all.length + (at < 0 && step < 0 ? 1 : 0)) % all.length]);
    } else if (event.key === "Enter" && at >= 0 && !found().hidden) {
      event.preventDefault();
      all[at].click();
    } else if (event.key === "Escape" && !found().hidden) {
      event.preventDefault();
      closeFound();
    }
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "found") openFound();
  });
  document.addEventListener("focusin", (event) => {
    if (event.target.id === "search") openFound();
    else if (!event.target.closest?.(".tw-search")) closeFound();
  });

  document.addEventListener("click", (event) => {
    if (!event.target.closest(".tw-search") || event.target.closest("#found a")) closeFound();
    const at = event.target.closest("[data-tw]");
    switch (at?.dataset.tw) {
      case "theme": {
        const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
        try { localStorage.setItem("tw-theme", next); } catch { /* private window */ }
        root.dataset.bsTheme = next;
        if (at.dataset.keep) {
          root.dataset.theme = next;
          fetch(at.dataset.keep, { method: "POST", body: new URLSearchParams({ theme: next }) }).catch(() => {});
        }
        break;
      }
      case "nav": {
        const open = root.classList.toggle("tw-nav-open");
        at.setAttribute("aria-expanded", String(open));
        if (open) byId("sidebar")?.querySelector("a")?.focus();
        break;
      }
      case "print": window.print(); break;
      case "toast": byId("toast").hidden = true; break;
      case "copy": navigator.clipboard?.writeText(at.dataset.text || at.textContent.trim()); break;
      default:
    }
    // A menu closes when one clicks elsewhere.
    for (const menu of document.querySelectorAll("details.tw-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    if (root.classList.contains("tw-nav-open") && !event.target.closest("#sidebar, #nav-toggle")) closeNav();
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      closeNav();
      for (const menu of document.querySelectorAll("details.tw-menu[open]")) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && lettersAct() && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (byId("search")) { event.preventDefault(); seek(); }
    }
    if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey) {
      if (byId("search")) { event.preventDefault(); seek(); }
    }
  });

  // Rows by keyboard: j and k go on and back, the letter of a button or field of the row
  // that has the focus goes to it, where pressing stays with the reader; that of a box ticks
  // it, and that of a link opens it. Once the keyboard is in a row the arrows do the same,
  // Enter follows its first link, and Escape comes back to it from a field.
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Escape leaves a field that a letter led to: the row has the keyboard again.
    if (event.key === "Escape" && !event.isComposing) {
      const part = event.target.closest?.("[data-key]")?.closest("[data-row], .tw-below");
      const row = part?.matches(".tw-below") ? part.previousElementSibling : part;
      if (row && row !== event.target) {
        event.preventDefault();
        row.focus();
        return;
      }
    }
    if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]")) return;
    const rows = [...document.querySelectorAll("[data-row]")];
    if (!rows.length) return;
    // A row of a list has more of it in the one under it.
    const parts = (row) => [row, row?.nextElementSibling].filter((part, n) => part && (!n || part.matches(".tw-below")));
    const at = rows.findIndex((row) => parts(row).some((part) => part.contains(document.activeElement)));
    const arrow = at >= 0 && { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const step = arrow || (lettersAct() && { j: 1, k: -1 }[event.key]);
    if (step) {
      const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
      event.preventDefault();
      next.focus();
      next.scrollIntoView({ block: "nearest" });
      return;
    }
    if (event.key === "Enter" && event.target === rows[at]) {
      event.preventDefault();
      rows[at].querySelector("a[href]")?.click();
      return;
    }
    if (!lettersAct() || !/^[a-z]$/.test(event.key)) return;
    const found = parts(rows[at]).map((part) => part.querySelector(`[data-key="${event.key}"]`)).find(Boolean);
    if (!found) return;
    event.preventDefault();
    found.focus();
    if (found.type === "checkbox" || found.matches("a[href]")) found.click();
  });

  // What is wrong with a form that came back has the keyboard.
  const wrong = () => document.querySelector("#main [data-wrong]")?.focus();
  document.addEventListener("DOMContentLoaded", wrong);

  // A form that wants one click only.
  document.addEventListener("submit", (event) => {
    const button = event.target.querySelector("[data-once]");
    if (button) setTimeout(() => { button.disabled = true; }, 0);
  });

  // A call of the API, tried from its page with the session that is there.
  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-try]");
    if (!form) return;
    event.preventDefault();
    const query = new URLSearchParams();
    let path = form.dataset.try;
    for (const [name, value] of new FormData(form)) {
      if (path.includes(`{${name}}`)) path = path.replace(`{${name}}`, encodeURIComponent(value));
      else if (value) query.append(name, value);
    }
    const url = query.size ? `${path}?${query}` : path;
    const box = form.parentElement.querySelector("[data-tried]");
    const [line, body] = [box.querySelector("p"), box.querySelector("pre")];
    box.hidden = false;
    line.textContent = `GET ${url}`;
    body.textContent = "…";
    try {
      const answer = await fetch(url, { headers: { accept: "application/json" } });
      const text = await answer.text();
      line.textContent = `GET ${url} → ${answer.status}`;
      try { body.textContent = JSON.stringify(JSON.parse(text), null, 2).slice(0, 200000); }
      catch { body.textContent = text.slice(0, 200000); }
    } catch { body.textContent = ""; toast(document.body.dataset.offline); }
  });

  // The page's place in the navigation, told by the server with each part.
  document.addEventListener("tw-nav", (event) => {
    for (const link of document.querySelectorAll("#sidebar a[href]")) {
      if (link.getAttribute("href") === event.detail.href) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    closeNav();
    closeFound();
  });

  // What is new is told at once while one looks at the page, and the bell asks what it
  // is. It asks now and then as well, wherever this does not work. A page that everybody
  // sees (`data-quiet` on the root) tells nobody's own.
  const quiet = () => "quiet" in root.dataset;
  let live;
  const hear = () => {
    if (document.hidden || quiet() || !document.querySelector(".tw-bell")) {
      live?.close();
      live = undefined;
    } else if (!live || live.readyState === EventSource.CLOSED) {
      live = new EventSource("/notices/live");
      live.addEventListener("told", () => document.dispatchEvent(new CustomEvent("tw-told")));
    }
  };
  for (const when of ["DOMContentLoaded", "visibilitychange", "tw-quiet"]) document.addEventListener(when, hear);

  // A notice that cannot wait is shown over the page, once in this browser.
  document.addEventListener("tw-notice", (event) => {
    // It is not seen there, so it is shown on the next page that is one person's.
    if (quiet()) return;
    const { id, text, href } = event.detail;
    try {
      if (id <= (localStorage.getItem("tw-notice") || "")) return;
      localStorage.setItem("tw-notice", id);
    } catch { /* private window */ }
    toast(text, href);
  });

  // An error is shown, and never put into the page as it came.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const xhr = event.detail.xhr;
    const type = xhr.getResponseHeader("content-type") || "";
    if (!type.startsWith("application/problem+json")) return;
    event.detail.shouldSwap = false;
    try { toast(JSON.parse(xhr.responseText).detail); } catch { /* not JSON after all */ }
  });
  document.addEventListener("htmx:sendError", () => toast(document.body.dataset.offline));
  document.addEventListener("htmx:timeout", () => toast(document.body.dataset.offline));
  // Where the keyboard goes on after a page changed.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "main") return;
    if (event.detail.boosted) event.detail.target.focus({ preventScroll: true });
    wrong();
  });
})();
