// Lines of a document or rows of a master as a grid. Without it they are plain
// inputs in a table. It takes
// - the keyboard: arrows, Enter for the next row, Insert for a new one, Ctrl+Delete
//   to take a new one away;
// - a paste from a spreadsheet, from the cell that has the focus to the right and
//   down, with as many new rows as it needs;
// - a scanner that types and ends with Enter, in the input `data-scan`: the row
//   whose field `data-scan-into` holds the code is gone to, and its field
//   `data-count` raised by one; where there is none, a new row gets the code.
(() => {
  "use strict";
  const grids = "[data-grid]";
  const rowsOf = (grid) => [...grid.querySelectorAll("tbody tr")];
  const cellsOf = (row) => [...row.querySelectorAll("input:not([type=hidden]), select")];
  const fieldOf = (input) => input.name.split(".").slice(2).join(".");
  const fieldIn = (row, field) => cellsOf(row).find((input) => fieldOf(input) === field);
  const isEmpty = (row) => !("kept" in row.dataset) && cellsOf(row).every((input) => !input.value);

  const number = (grid) => {
    rowsOf(grid).forEach((row, at) => { row.querySelector("[data-number]").textContent = at + 1; });
  };

  const add = (grid, after) => {
    const used = [...grid.querySelectorAll("tbody [name]")].map((input) => Number(input.name.split(".")[1]));
    const at = Math.max(-1, ...used.filter(Number.isInteger)) + 1;
    const row = grid.querySelector("template").content.querySelector("tr").cloneNode(true);
    for (const input of row.querySelectorAll("[name]")) input.name = input.name.replace("r.#.", `r.${at}.`);
    if (after) after.after(row);
    else grid.querySelector("tbody").append(row);
    number(grid);
    return row;
  };

  const remove = (grid, row) => {
    if ("kept" in row.dataset) return;
    const next = row.nextElementSibling || row.previousElementSibling;
    row.remove();
    number(grid);
    if (next) cellsOf(next)[0]?.focus();
  };

  // A cell that somebody changes is not wrong any more, until it is sent.
  const changed = (input) => {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
    input.closest("td")?.classList.remove("is-wrong");
    input.closest("td")?.querySelector(".tw-wrong")?.remove();
  };

  const put = (input, text) => {
    if (!input || input.readOnly) return;
    if (input.tagName === "SELECT") {
      const wanted = text.trim().toLowerCase();
      const option = [...input.options].find((one) => one.value.toLowerCase() === wanted || one.text.trim().toLowerCase() === wanted);
      input.value = option ? option.value : "";
      // What is no choice is shown, and refused by the server by name.
      if (!option && wanted) {
        input.add(new Option(text, text, false, true));
      }
    } else {
      input.value = text;
    }
    changed(input);
  };

  // Tab-separated text as spreadsheets copy it: a cell with a tab, a line break or
  // a quote stands in quotes, its quotes doubled.
  const table = (text) => {
    const rows = [[]];
    let cell = "", quoted = false;
    for (let at = 0; at < text.length; at++) {
      const c = text[at];
      if (quoted) {
        if (c === '"' && text[at + 1] === '"') { cell += c; at++; }
        else if (c === '"') quoted = false;
        else cell += c;
      } else if (c === '"' && cell === "") quoted = true;
      else if (c === "\t") { rows.at(-1).push(cell); cell = ""; }
      else if (c === "\n") { rows.at(-1).push(cell); cell = ""; rows.push([]); }
      else if (c !== "\r") cell += c;
    }
    if (cell !== "" || rows.at(-1).length) rows.at(-1).push(cell);
    if (!rows.at(-1).length) rows.pop();
    return rows.map((row) => row.map((one) => one.replace(/\s*\n\s*/g, " ").trim()));
  };

  const move = (grid, input, rows) => {
    const all = rowsOf(grid);
    const row = input.closest("tr");
    const place = cellsOf(row).indexOf(input);
    let to = all[all.indexOf(row) + rows];
    if (!to && rows > 0) to = add(grid);
    if (!to) return;
    const next = cellsOf(to)[place];
    next?.focus();
    if (next?.select) next.select();
  };

  document.addEventListener("paste", (event) => {
    const input = event.target.closest?.(`${grids} tbody input, ${grids} tbody select`);
    const text = event.clipboardData?.getData("text/plain") || "";
    if (!input || !/[\t\n]/.test(text.trimEnd())) return;
    event.preventDefault();
    const grid = input.closest(grids);
    const place = cellsOf(input.closest("tr")).indexOf(input);
    let row = input.closest("tr");
    table(text).forEach((cells, at) => {
      if (at > 0) row = row.nextElementSibling || add(grid);
      cells.forEach((cell, column) => put(cellsOf(row)[place + column], cell));
    });
    number(grid);
  });

  const scan = (grid, box) => {
    const code = box.value.trim();
    box.value = "";
    if (!code) return;
    const into = grid.dataset.scanInto;
    const said = grid.querySelector("[data-said]");
    const found = rowsOf(grid).find((row) => fieldIn(row, into)?.value.trim() === code);
    const row = found || rowsOf(grid).find(isEmpty) || add(grid);
    if (!found) put(fieldIn(row, into), code);
    const count = grid.dataset.count && fieldIn(row, grid.dataset.count);
    if (count) put(count, String((Number(count.value.replaceAll(",", "")) || 0) + 1));
    for (const other of grid.querySelectorAll("tr.is-scanned")) other.classList.remove("is-scanned");
    row.classList.add("is-scanned");
    row.scrollIntoView({ block: "nearest" });
    if (said) said.textContent = count ? `${code} × ${count.value}` : code;
    // The next scan goes on here.
    box.focus();
  };

  document.addEventListener("keydown", (event) => {
    const grid = event.target.closest?.(grids);
    if (!grid || event.isComposing) return;
    if (event.target.matches("[data-scan]")) {
      if (event.key === "Enter") { event.preventDefault(); scan(grid, event.target); }
      return;
    }
    const input = event.target.closest("tbody input, tbody select");
    if (!input) return;
    const row = input.closest("tr");
    const isSelect = input.tagName === "SELECT";
    const edge = (end) => isSelect || (input.selectionStart === input.selectionEnd && input.selectionStart === (end ? input.value.length : 0));
    const sideways = (by) => { const all = cellsOf(row); const to = all[all.indexOf(input) + by]; if (to) { event.preventDefault(); to.focus(); } };
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) { event.preventDefault(); move(grid, input, event.shiftKey ? -1 : 1); }
    else if (event.key === "ArrowDown" && !isSelect) { event.preventDefault(); move(grid, input, 1); }
    else if (event.key === "ArrowUp" && !isSelect) { event.preventDefault(); move(grid, input, -1); }
    else if (event.key === "ArrowRight" && edge(true)) sideways(1);
    else if (event.key === "ArrowLeft" && edge(false)) sideways(-1);
    else if (event.key === "Insert") { event.preventDefault(); cellsOf(add(grid, row))[0]?.focus(); }
    else if (event.key === "Delete" && event.ctrlKey) { event.preventDefault(); remove(grid, row); }
  });

  document.addEventListener("click", (event) => {
    const grid = event.target.closest(grids) || event.target.closest("form")?.querySelector(grids);
    if (!grid) return;
    if (event.target.closest("[data-add]")) cellsOf(add(grid))[0]?.focus();
    const taken = event.target.closest("[data-remove]");
    if (taken) remove(grid, taken.closest("tr"));
  });

  document.addEventListener("input", (event) => {
    const input = event.target.closest?.(`${grids} tbody input, ${grids} tbody select`);
    if (input) changed(input);
  });

  // More than a grid takes is not sent: the answer would be a refusal, and what was
  // typed would be gone.
  document.addEventListener("submit", (event) => {
    const grid = event.target.querySelector(`${grids}[data-most]`);
    const told = grid && event.target.querySelector("[data-too-much]");
    if (!told) return;
    const sent = new URLSearchParams(new FormData(event.target)).toString().length;
    const rows = rowsOf(grid).filter((row) => !isEmpty(row)).length;
    told.hidden = rows <= Number(grid.dataset.most) && sent <= Number(grid.dataset.bytes);
    if (told.hidden) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    told.scrollIntoView({ block: "center" });
  }, true);

  const begin = () => {
    for (const grid of document.querySelectorAll(grids)) number(grid);
    // To the first cell that is wrong, wherever it is.
    document.querySelector(`${grids} [aria-invalid]`)?.focus();
  };
  // Only a page that has just come: what is put into its parts later, a list that was
  // searched or the bell, leaves the keyboard where it is.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id === "main") begin();
  });
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
