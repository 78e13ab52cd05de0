/* lens.js: the tokens behind the cells of a lens, under the pointer or the arrow keys, and what their colour shows.
 *
 * `#lens-data` holds: answer, layers[L], rows[P] = [label, position, span], words {id: label},
 * top[L][P] = [id, prob, id, prob, ...], prob[L][P] of the answer. Tables have a row per position (data-k), a column per layer. */
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("lens-data").textContent);
  const tip = document.getElementById("tip"), spoken = document.getElementById("spoken");
  const cells = Array.from(document.querySelectorAll("table.lens td")), levels = 63;
  let here = null;

  function number(value) {
    if (value === null) return "no value";
    if (value === 0) return "0";
    return (value < 0.001 ? value.toExponential(1) : value.toFixed(value < 0.0995 ? 4 : 3)).replace("-", "\u2212");
  }
  const place = td => ({ k: +td.parentNode.dataset.k, l: td.cellIndex - 1 });
  function where(at) {
    const [label, position, span] = data.rows[at.k];
    return label + " (position " + position + (span ? ", " + span : "") + "), layer " + data.layers[at.l];
  }
  function words(at) {
    const top = data.top[at.l][at.k], list = [];
    for (let i = 0; i < top.length; i += 2) list.push([data.words[top[i]], top[i + 1]]);
    return list;
  }
  function element(name, text) {
    const e = document.createElement(name);
    e.textContent = text;
    return e;
  }
  function fill(at) {
    const table = document.createElement("table"), head = element("div", where(at));
    head.style.color = "var(--soft)";
    for (const [word, prob] of words(at)) {
      const tr = table.insertRow(), first = element("td", word);
      first.style.color = "var(--ink)";
      tr.append(first, element("td", number(prob)));
    }
    tip.replaceChildren(head, table, element("div", "p(" + data.answer + ") " + number(data.prob[at.l][at.k])));
  }
  function show(td, x, y) {
    if (here) here.classList.remove("here");
    here = td;
    tip.hidden = !td;
    if (!td) return;
    td.classList.add("here");
    fill(place(td));
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(4, x + 18 + w > innerWidth ? x - w - 14 : x + 18) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - h - 6)) + "px";
  }
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function onKey(table, event) {
    const step = steps[event.key];
    if (event.key === "Escape") show(null);
    if (!step) return;
    event.preventDefault();
    const body = table.tBodies[0].rows, inside = here && table.contains(here);
    const row = inside ? here.parentNode.sectionRowIndex + step[1] : 0, column = inside ? here.cellIndex + step[0] : 1;
    const td = body[Math.max(0, Math.min(body.length - 1, row))].cells[Math.max(1, Math.min(data.layers.length, column))];
    td.scrollIntoView({ block: "nearest", inline: "nearest" });
    const b = td.getBoundingClientRect(), at = place(td);
    show(td, b.right, b.bottom);
    spoken.textContent = where(at) + ": " + words(at).map(w => w[0] + " " + number(w[1])).join(", ") + ", p(" + data.answer + ") " +
      number(data.prob[at.l][at.k]);
  }
  for (const table of document.querySelectorAll("table.lens")) {
    table.tabIndex = 0;
    table.addEventListener("pointermove", event => {
      const td = event.target.closest("td");
      show(td, event.clientX, event.clientY);
    });
    table.addEventListener("pointerleave", () => show(null));
    table.addEventListener("keydown", event => onKey(table, event));
    table.addEventListener("blur", () => show(null));
  }
  function paint(byAnswer) {
    for (const td of cells) {
      const at = place(td), value = byAnswer ? data.prob[at.l][at.k] : data.top[at.l][at.k][1];
      td.className = td.className.replace(/\bq\d+/, "q" + Math.round(Math.min(1, Math.max(0, value || 0)) * levels));
    }
  }
  for (const input of document.querySelectorAll(".lens-by input")) {
    input.disabled = false;
    input.addEventListener("change", () => paint(document.getElementById("by-answer").checked));
  }
})();
