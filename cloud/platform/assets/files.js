// Files that are chosen or dropped are sent at once, and one sees how far they
// are. Without it, the same forms have a button.
(() => {
  "use strict";
  const show = (box, html) => {
    const made = document.createElement("template");
    made.innerHTML = html;
    const fresh = made.content.querySelector(".tw-files");
    if (!fresh) return location.reload();
    box.replaceWith(fresh);
    window.htmx?.process(fresh);
    (fresh.querySelector("[role=alert]") || fresh.querySelector("input[type=file][multiple]"))?.focus?.();
  };

  const send = (form, files) => {
    const box = form.closest(".tw-files");
    if (!box || !files.length || box.dataset.busy) return;
    box.dataset.busy = "1";
    const under = box.querySelector(".tw-file-under");
    const bar = under?.querySelector("progress");
    if (under) under.hidden = false;
    const body = new FormData();
    for (const file of files) body.append("file", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (event) => {
      if (bar && event.lengthComputable) bar.value = (100 * event.loaded) / event.total;
    });
    const ended = () => {
      const type = request.getResponseHeader("content-type") || "";
      if (type.startsWith("text/html") && (request.status === 200 || request.status === 422)) return show(box, request.responseText);
      delete box.dataset.busy;
      if (under) under.hidden = true;
      for (const input of box.querySelectorAll("input[type=file]")) input.value = "";
      let said = document.body.dataset.offline;
      try { said = JSON.parse(request.responseText).detail || said; } catch { /* no answer */ }
      const note = document.createElement("p");
      note.className = "tw-alert";
      note.setAttribute("role", "alert");
      note.textContent = said;
      box.querySelector("[role=alert]")?.remove();
      box.querySelector("h2")?.after(note);
    };
    request.addEventListener("load", ended);
    request.addEventListener("error", ended);
    request.send(body);
  };

  document.addEventListener("change", (event) => {
    const form = event.target.closest?.(".tw-files form[data-send]");
    if (form && event.target.type === "file") send(form, event.target.files);
  });
  const over = (event) => {
    const box = event.target.closest?.(".tw-files");
    return box?.querySelector(".tw-file-add") && [...(event.dataTransfer?.types || [])].includes("Files") ? box : null;
  };
  document.addEventListener("dragover", (event) => {
    const box = over(event);
    if (box) { event.preventDefault(); box.classList.add("is-over"); }
  });
  document.addEventListener("dragleave", (event) => {
    const box = event.target.closest?.(".tw-files");
    if (box && !box.contains(event.relatedTarget)) box.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    const box = over(event);
    if (!box) return;
    event.preventDefault();
    box.classList.remove("is-over");
    send(box.querySelector(".tw-file-add"), event.dataTransfer.files);
  });
})();
