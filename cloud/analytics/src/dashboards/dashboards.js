// Draws the charts of a dashboard from what stands in their elements, also after htmx has
// brought new figures; and the wall, which is the page without its frame.
(() => {
  "use strict";
  // Come again with a page that htmx brought: what is there goes on.
  if (window.twDashboards) { window.twDashboards(); return; }
  const drawn = new Map();
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function options(data) {
    const text = color("--tw-ink") || "#222";
    const soft = color("--tw-soft") || "#666";
    const axis = { axisLabel: { color: soft }, axisLine: { lineStyle: { color: soft } } };
    const base = {
      animation: false,
      // Patterns, so that series differ without colour.
      aria: { enabled: true, decal: { show: true } },
      textStyle: { color: text, fontFamily: getComputedStyle(document.body).fontFamily },
      // Drawn, not markup: the page allows no style in markup.
      tooltip: { trigger: "axis", renderMode: "richText" },
      color: [color("--tw-primary") || "#0f6674", "#c77c11", "#5b4a8a", "#8a2f2f"],
      legend: { top: 0, textStyle: { color: text }, type: "scroll" },
      grid: { left: 8, right: 16, bottom: 8, top: 40, containLabel: true },
    };
    const category = { type: "category", data: data.labels, ...axis };
    const symbols = ["circle", "rect", "triangle", "diamond"];
    if (data.kind === "line") {
      return { ...base, xAxis: category, yAxis: { type: "value", min: 0, ...axis },
        series: data.series.map((s, i) => ({ name: s.name, type: "line", data: s.values, connectNulls: false,
          symbol: symbols[i % symbols.length], symbolSize: 8, lineStyle: { type: ["solid", "dashed", "dotted"][i % 3] } })) };
    }
    if (data.kind === "stack") {
      return { ...base, yAxis: { ...category, inverse: true }, xAxis: { type: "value", ...axis },
        series: data.series.map((s) => ({ name: s.name, type: "bar", stack: "age", data: s.values })) };
    }
    return { ...base, xAxis: { ...category, axisLabel: { color: soft, interval: 0, rotate: data.labels.length > 3 ? 35 : 0, width: 120, overflow: "truncate" } },
      yAxis: [{ type: "value", min: 0, ...axis }, { type: "value", min: 0, max: 100, axisLabel: { color: soft, formatter: "{value} %" }, splitLine: { show: false } }],
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
      chart.setOption(options(data));
      drawn.set(element, chart);
    }
  }

  window.twDashboards = draw;
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
  window.addEventListener("resize", () => { for (const chart of drawn.values()) chart.resize(); });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-wall]")) return;
    document.documentElement.classList.toggle("db-wall");
    if (document.documentElement.classList.contains("db-wall")) document.documentElement.requestFullscreen?.();
    else if (document.fullscreenElement) document.exitFullscreen();
    for (const chart of drawn.values()) chart.resize();
  });
  document.addEventListener("fullscreenchange", () => {
    if (!document.fullscreenElement) document.documentElement.classList.remove("db-wall");
    for (const chart of drawn.values()) chart.resize();
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", draw);
  else draw();
})();
