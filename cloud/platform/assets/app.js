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
  const closeNav = () => {
    root.classList.remove("tw-nav-open");
    byId("nav-toggle")?.setAttribute("aria-expanded", "false");
  };

  let hiding;
  const toast = (text) => {
    const box = byId("toast");
    if (!box || !text) return;
    box.querySelector("p").textContent = text;
    box.hidden = false;
    clearTimeout(hiding);
    hiding = setTimeout(() => { box.hidden = true; }, 12000);
  };

  document.addEventListener("click", (event) => {
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
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = byId("search");
      if (search) { event.preventDefault(); search.focus(); search.select(); }
    }
  });

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
    if (event.detail.target?.id === "main" && event.detail.boosted) event.detail.target.focus({ preventScroll: true });
  });
})();
