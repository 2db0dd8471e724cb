// Draws the charts of a dashboard from what stands in their elements, also after htmx has
// brought new figures; and the wall, which is the page without its frame.
(() => {
  "use strict";
  // Come again with a page that htmx brought: what is there goes on.
  if (window.twDashboards) { window.twDashboards(); return; }
  const drawn = new Map();
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  const pen = document.createElement("canvas").getContext("2d");
  const SLANT = 35;

  // How far to the right the plot begins, for slanting names to lie within the chart: each ends
  // under the middle of its bar, and those of the first bars reach over its left side.
  function lead(widths, size, inner) {
    const angle = SLANT * Math.PI / 180;
    const reach = (width) => 8 + width * Math.cos(angle) + size * Math.sin(angle);
    const begins = widths.map((width, i) => {
      const middle = (i + 0.5) / widths.length;
      return (reach(width) - inner * middle) / (1 - middle);
    });
    return Math.max(8, ...begins);
  }

  // How tall the legend is, whose names stand in as many lines as they need.
  function legendTall(widths, size, width) {
    const room = width - 2 * 5;
    let rows = 1;
    let at = 0;
    for (const name of widths) {
      const wide = 25 + 5 + name;
      if (at > 0 && at + wide > room) { rows += 1; at = 0; }
      at += wide + 10;
    }
    return 5 + rows * (size + 10);
  }

  function options(data, width, height) {
    const text = color("--tw-ink") || "#222";
    const soft = color("--tw-soft") || "#666";
    const wall = document.documentElement.classList.contains("db-wall");
    const size = wall ? 22 : 12;
    const axis = { axisLabel: { color: soft, fontSize: size }, axisLine: { lineStyle: { color: soft } },
      splitLine: { lineStyle: { color: color("--tw-line") || "#ddd" } } };
    const font = getComputedStyle(document.body).fontFamily;
    pen.font = `${size}px ${font}`;
    const wide = (text) => pen.measureText(text).width;
    const names = (data.series ?? [{ name: data.count }, { name: data.share }]).map((s) => wide(s.name));
    const top = Math.max(40, legendTall(names, size, width) + size);
    // A name that is longer ends in an ellipsis; the table behind has all of it.
    const longest = Math.min(size * 14, width * 0.4);
    const base = {
      animation: false,
      // Patterns, so that series differ without colour.
      aria: { enabled: true, decal: { show: true } },
      textStyle: { color: text, fontSize: size, fontFamily: font },
      // Drawn, not markup: the page allows no style in markup.
      tooltip: { trigger: "axis", renderMode: "richText" },
      color: [color("--tw-primary") || "#0f6674", "#c77c11", "#5b4a8a", "#8a2f2f"],
      legend: { top: 0, itemHeight: size, textStyle: { color: text, fontSize: size }, type: "plain" },
      grid: { left: 8, right: 16, bottom: 8, top, outerBoundsContain: "axisLabel",
        outerBounds: { left: 8, right: 16, bottom: 8, top: 0 } },
    };
    // Below the lower half of the number that stands at the axis.
    const category = { type: "category", data: data.labels, ...axis,
      axisLabel: { ...axis.axisLabel, margin: Math.max(8, size * 0.8) } };
    const named = { ...category, axisLabel: { ...category.axisLabel, interval: 0, width: longest, overflow: "truncate" } };
    const symbols = ["circle", "rect", "triangle", "diamond"];
    if (data.kind === "line") {
      // Half of the last day stands beyond its point.
      const beyond = (wide(data.labels.at(-1) ?? "") - width / (data.labels.length + 1)) / 2;
      return { ...base, grid: { ...base.grid, right: Math.max(16, 8 + beyond) }, xAxis: category, yAxis: { type: "value", min: 0, ...axis },
        series: data.series.map((s, i) => ({ name: s.name, type: "line", data: s.values, connectNulls: false, showAllSymbol: true,
          symbol: symbols[i % symbols.length], symbolSize: data.labels.length > 120 ? 4 : 8, lineStyle: { type: ["solid", "dashed", "dotted"][i % 3] } })) };
    }
    if (data.kind === "stack") {
      return { ...base, yAxis: { ...named, inverse: true }, xAxis: { type: "value", ...axis },
        series: data.series.map((s) => ({ name: s.name, type: "bar", stack: "age", data: s.values })) };
    }
    const slants = data.labels.length > 3;
    const right = 24 + wide("100 %");
    // Slanting names leave most of the height to the bars.
    const most = slants ? Math.min(longest, height * 0.3 / Math.sin(SLANT * Math.PI / 180)) : longest;
    const widths = data.labels.map((label) => Math.min(wide(label), most));
    const left = slants ? lead(widths, size, width - right) : 8;
    return { ...base, grid: { ...base.grid, left, right },
      xAxis: { ...named, axisLabel: { ...named.axisLabel, width: most, rotate: slants ? SLANT : 0 } },
      yAxis: [{ type: "value", min: 0, ...axis }, { type: "value", min: 0, max: 100, axisLabel: { color: soft, fontSize: size, formatter: "{value} %" }, splitLine: { show: false } }],
      series: [
        { name: data.count, type: "bar", data: data.counts, label: { show: true, position: "top", color: text } },
        { name: data.share, type: "line", yAxisIndex: 1, data: data.shares, symbol: "diamond", symbolSize: 9, connectNulls: false },
      ] };
  }

  function draw() {
    for (const [element, chart] of drawn) {
      if (!element.isConnected) { chart.dispose(); drawn.delete(element); }
    }
    if (!window.echarts) {
      // A script that came with a part of a page loads by itself, in any order.
      document.querySelector('script[src*="/echarts"]')?.addEventListener("load", draw, { once: true });
      return;
    }
    for (const element of document.querySelectorAll(".db-chart[data-chart]")) {
      if (drawn.has(element)) continue;
      let data;
      try { data = JSON.parse(element.dataset.chart); } catch { continue; }
      const chart = window.echarts.init(element, null, { renderer: "canvas" });
      chart.setOption(options(data, chart.getWidth(), chart.getHeight()));
      // A point leads to the events that it counts, as its cell in the table does.
      chart.on("click", (at) => {
        const link = (data.series ? data.series[at.seriesIndex].links : data.links)?.[at.dataIndex];
        if (link) window.location.assign(link);
      });
      drawn.set(element, chart);
    }
  }

  const open = new Set();
  document.addEventListener("htmx:beforeSwap", () => {
    open.clear();
    for (const table of document.querySelectorAll(".db-charts details[open]")) open.add(table.dataset.of);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const table of document.querySelectorAll(".db-charts details")) {
      if (open.has(table.dataset.of)) table.open = true;
    }
    draw();
  });
  window.addEventListener("resize", () => {
    for (const [element, chart] of drawn) {
      chart.resize();
      chart.setOption(options(JSON.parse(element.dataset.chart), chart.getWidth(), chart.getHeight()));
    }
  });
  // The wall stands in the address, so that a screen that starts anew comes back to it.
  function hang(on) {
    document.documentElement.classList.toggle("db-wall", on);
    // Nobody's own notices, on a screen that everybody sees.
    if (on) document.documentElement.dataset.quiet = ""; else delete document.documentElement.dataset.quiet;
    document.dispatchEvent(new CustomEvent("tw-quiet"));
  }
  function wall(on) {
    hang(on);
    const here = new URL(window.location.href);
    if (on) here.searchParams.set("wall", "1"); else here.searchParams.delete("wall");
    history.replaceState(history.state, "", here);
    // Letters have another size.
    for (const chart of drawn.values()) chart.dispose();
    drawn.clear();
    draw();
  }
  const onWall = () => document.documentElement.classList.contains("db-wall");
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-wall]")) return;
    wall(true);
    document.documentElement.requestFullscreen?.().catch(() => {});
  });
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement && onWall()) wall(false); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && onWall()) wall(false); });

  // Days typed come before a time named: the form shows which of them counts.
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form.tw-filters");
    if (!form?.elements.period) return;
    const { period, from, to } = form.elements;
    if (event.target === period && period.value !== "days") { from.value = ""; to.value = ""; }
    if (event.target === from || event.target === to) period.value = from.value || to.value ? "days" : "7d";
  });

  // Figures are renewed when it is told that there is something new, and every half minute
  // besides. Those that no longer are say so.
  let renewed = Date.now();
  let failed = false;
  let stream;
  let cut;
  const figures = () => document.querySelector("[data-live]");
  const renew = () => figures()?.dispatchEvent(new CustomEvent("tw-renew"));
  function hear() {
    const at = document.hidden ? undefined : figures()?.dataset.live;
    if (stream && (stream.at !== at || stream.source.readyState === EventSource.CLOSED)) {
      stream.source.close();
      stream = undefined;
    }
    if (!at || stream) return;
    const source = new EventSource(at);
    stream = { at, source };
    // The first one comes with the stream: the page may have been brought just now.
    source.addEventListener("told", () => { if (Date.now() - renewed > 1500) renew(); });
    // It ends now and then, and comes again. Where it does not, the figures are asked for, so
    // that it shows whether they still come.
    source.addEventListener("open", () => { clearTimeout(cut); cut = undefined; });
    source.addEventListener("error", () => { cut ??= setTimeout(() => { cut = undefined; renew(); }, 4000); });
  }
  function stale() {
    const told = document.querySelector("[data-stale]");
    if (told) told.hidden = !figures() || (!failed && Date.now() - renewed < 75000);
  }
  document.addEventListener("htmx:afterSwap", () => { renewed = Date.now(); failed = false; stale(); });
  for (const when of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(when, (event) => {
      if (event.target !== figures()) return;
      failed = true;
      stale();
    });
  }
  document.addEventListener("visibilitychange", hear);
  document.addEventListener("htmx:afterSettle", hear);
  setInterval(stale, 5000);
  window.twDashboards = () => { draw(); hear(); };
  if (new URLSearchParams(window.location.search).get("wall") === "1") hang(true);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", window.twDashboards);
  else window.twDashboards();
})();
