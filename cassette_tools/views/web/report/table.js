// The table of interactions.
//
// Law: only the rows in view have elements, and these are used again and again, so that a table of any length scrolls
// quickly. It shows `view.shown`; what belongs there is not decided here.
"use strict";

const table = (() => {
  const { byId: $, el } = elements;
  const { durationText, offsetText, sizeText } = figures;

  const ROW_HEIGHT = 28;
  const NARROW_ROW_HEIGHT = 48;
  const SPARE_ROWS = 6;

  const COLUMNS = [
    { key: "number", title: "#", name: "number", figure: true },
    { key: "started", title: "start", name: "start", figure: true },
    { key: "method", title: "method", name: "method" },
    { key: "status", title: "status", name: "status", figure: true },
    { key: "url", title: "URL", name: "URL" },
    { key: "type", title: "type", name: "type" },
    { key: "size", title: "size", name: "size", figure: true },
    { key: "total", title: "time", name: "time", figure: true },
    { key: "waterfall", title: "waterfall", name: null },
  ];

  function sortKey(sort) {
    const key = sort.replace(/^-/, "");
    return COLUMNS.some((column) => column.key === key && column.name) ? key : null;
  }

  const collator = new Intl.Collator("en", { numeric: true });

  function sorted(found) {
    const key = sortKey(view.sort);
    if (view.sort === "number") return found; // as they stand in the file
    const sign = view.sort.startsWith("-") ? -1 : 1;
    const compare = (one, other) => {
      const a = one[key];
      const b = other[key];
      if (a === b) return one.place - other.place;
      if (a === null || a === "") return 1; // what is not known stands last, whichever way
      if (b === null || b === "") return -1;
      return sign * (typeof a === "string" ? collator.compare(a, b) : a - b) || one.place - other.place;
    };
    return found.sort(compare);
  }

  const grid = {
    element: $("grid"),
    body: $("rows"),
    active: 0, // place in `view.shown`
    pool: [],
    height: ROW_HEIGHT,
  };

  function makeHead() {
    for (const [at, column] of COLUMNS.entries()) {
      const cell = el("div", { role: "columnheader", class: `cell c-${column.key}`, "aria-colindex": at + 1 });
      if (column.name) {
        cell.append(
          el("button", { type: "button", tabindex: "-1", onclick: () => sortBy(column.key) }, column.title, el("span", { class: "arrow", "aria-hidden": "true" })),
        );
        cell.dataset.key = column.key;
        $("sort").append(el("option", { value: column.key }, column.name), el("option", { value: `-${column.key}` }, `${column.name}, down`));
      } else cell.append(column.title);
      $("head").append(cell);
    }
    grid.element.setAttribute("aria-colcount", COLUMNS.length);
  }

  function showSort() {
    const key = sortKey(view.sort);
    const down = view.sort.startsWith("-");
    for (const cell of $("head").children) {
      if (!cell.dataset.key) continue;
      const on = cell.dataset.key === key;
      cell.setAttribute("aria-sort", on ? (down ? "descending" : "ascending") : "none");
    }
    $("sort").value = view.sort;
  }

  function sortBy(key) {
    const numeric = ["status", "size", "total"].includes(key);
    const first = numeric ? `-${key}` : key;
    const second = numeric ? key : `-${key}`;
    view.sort = view.sort === first ? second : first;
    actions.sorted();
  }

  function makeRow() {
    const cells = {};
    const element = el("div", { role: "row", class: "row" });
    for (const [at, column] of COLUMNS.entries()) {
      cells[column.key] = el("div", { role: "gridcell", class: `cell c-${column.key}`, "aria-colindex": at + 1 });
      element.append(cells[column.key]);
    }
    cells.host = el("span", { class: "host" });
    cells.path = el("span", { class: "path" });
    cells.why = el("span", { class: "why" });
    cells.url.append(cells.why, cells.host, cells.path);
    cells.bars = ["connect", "wait", "receive"].map((name) => el("span", { class: `bar-${name}` }));
    cells.track = el("span", { class: "track", "aria-hidden": "true" }, ...cells.bars);
    cells.waterfall.append(cells.track);
    return { element, cells };
  }

  function fillRow(item, row, place) {
    const { element, cells } = item;
    element.id = `row-${place}`;
    element.setAttribute("aria-rowindex", place + 2);
    element.setAttribute("aria-selected", row.number === view.open ? "true" : "false");
    element.className = `row ${row.kind}${place === grid.active ? " active" : ""}${row.number === view.open ? " open" : ""}${place % 2 ? " odd" : ""}`;
    element.style.transform = `translateY(${place * grid.height}px)`;
    element.dataset.place = place;
    cells.number.textContent = row.number;
    cells.started.textContent = row.started === null ? "-" : offsetText(row.started - view.span.first);
    cells.method.textContent = row.method;
    cells.status.textContent = row.status ?? "none";
    cells.why.textContent = row.error ?? "";
    cells.host.textContent = row.host;
    cells.path.textContent = row.path;
    cells.url.title = row.url.slice(0, 1000);
    cells.type.textContent = row.type.replace(/^(application|text)\/(?=.)/, "");
    cells.size.textContent = sizeText(row.size);
    cells.total.textContent = durationText(row.total);
    fillTrack(cells, row);
  }

  function fillTrack(cells, row) {
    const { from, to } = plotting.range();
    cells.track.hidden = row.started === null;
    if (row.started === null || to <= from) return;
    const share = (milliseconds) => `${(100 * milliseconds) / (to - from)}%`;
    const total = row.total ?? 0;
    const connect = Math.min(row.connect ?? 0, total);
    const firstByte = Math.min(Math.max(row.firstByte ?? total, connect), total);
    cells.track.style.left = share(row.started - from);
    cells.track.style.width = share(total);
    const parts = [connect, firstByte - connect, total - firstByte];
    cells.bars.forEach((bar, at) => (bar.style.flexGrow = total ? (100 * parts[at]) / total : 1));
  }

  function renderRows() {
    const { element } = grid;
    const head = $("head").offsetHeight;
    const first = Math.max(0, Math.floor(element.scrollTop / grid.height) - SPARE_ROWS);
    const last = Math.min(view.shown.length, Math.ceil((element.scrollTop + element.clientHeight - head) / grid.height) + SPARE_ROWS);
    while (grid.pool.length < last - first) {
      const item = makeRow();
      grid.pool.push(item);
      grid.body.append(item.element);
    }
    grid.pool.forEach((item, at) => {
      item.element.hidden = first + at >= last;
      if (!item.element.hidden) fillRow(item, view.shown[first + at], first + at);
      else item.element.removeAttribute("id");
    });
    grid.element.setAttribute("aria-activedescendant", view.shown.length ? `row-${grid.active}` : "");
    if (!view.shown.length) grid.element.removeAttribute("aria-activedescendant");
  }

  let waiting = false;

  function renderSoon() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      renderRows();
    });
  }

  function measureRows() {
    const narrow = grid.element.clientWidth < 560;
    grid.height = narrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
    grid.element.classList.toggle("narrow", narrow);
    grid.body.style.height = `${view.shown.length * grid.height}px`;
  }

  function activate(place, { scroll = true } = {}) {
    grid.active = Math.max(0, Math.min(view.shown.length - 1, place));
    if (scroll) scrollToActive();
    renderRows();
  }

  function scrollToActive({ centre = false } = {}) {
    const { element } = grid;
    const room = element.clientHeight - $("head").offsetHeight;
    const top = grid.active * grid.height;
    const above = top < element.scrollTop;
    const below = top + grid.height > element.scrollTop + room;
    if ((above || below) && centre) element.scrollTop = top - room / 2;
    else if (above) element.scrollTop = top;
    else if (below) element.scrollTop = top + grid.height - room;
  }

  return { activate, grid, makeHead, measureRows, renderRows, renderSoon, scrollToActive, showSort, sortKey, sorted };
})();
