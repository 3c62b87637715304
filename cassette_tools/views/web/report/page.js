// The page as a whole: what the filter leaves, keys and buttons, the beginning.
//
// Law: each part of the page has a script of its own; here they are put together, and nothing is drawn.
"use strict";

(() => {
  const { byId: $, el } = elements;
  const { facts } = store;
  const { offsetText } = figures;
  const { grid } = table;
  const PATIENCE = 400; // milliseconds without a key, before an unfinished filter is called wrong

  // -- the filter

  let filter = language.compile("", facts.operators); // the last one that was right
  let filterText = "";
  let complaint = 0; // the timer of what is wrong

  function readFilter() {
    clearTimeout(complaint);
    try {
      filter = language.compile(view.q, facts.operators);
      filterText = view.q;
      showMistake(null);
    } catch (error) {
      if (!(error instanceof language.WrongFilter)) throw error;
      complaint = setTimeout(() => showMistake(error), PATIENCE);
    }
  }

  function showMistake(error) {
    $("mistake").hidden = error === null;
    $("filter").setAttribute("aria-invalid", error !== null);
    if (error === null) return;
    const SHOWN = 60;
    const signs = Array.from(view.q, (sign) => (/\p{C}|\s/u.test(sign) ? " " : sign));
    const at = Array.from(view.q.slice(0, error.at)).length;
    const start = Math.max(0, at - SHOWN);
    $("mistake-said").textContent = `Wrong at character ${at + 1}: ${error.message}.`;
    $("mistake-place").textContent = `${signs.slice(start, at + SHOWN).join("")}\n${" ".repeat(at - start)}^`;
  }

  async function filterAgain({ keep = true } = {}) {
    readFilter();
    const answer = search.ask(filterText, filter, view.rows, (share) => {
      grid.element.setAttribute("aria-busy", "true");
      $("searching").textContent = `looking into ${["rows", "headers", "bodies"][filter.late]}: ${Math.round(100 * share)} %`;
    });
    const complete = answer instanceof Promise ? await whileBusy(answer) : answer;
    if (complete) show(complete, keep);
  }

  async function whileBusy(answer) {
    grid.element.setAttribute("aria-busy", "true");
    return await answer; // null where a newer question goes on
  }

  function show({ verdicts, undecided }, keep) {
    const current = view.shown[grid.active];
    const within = view.from === null ? () => true : isWithinRange;
    view.shown = table.sorted(view.rows.filter((row) => verdicts[row.place] && within(row) && (!view.redacted || row.redacted > 0)));
    const place = keep && current ? view.shown.indexOf(current) : -1;
    grid.active = Math.max(0, place);
    grid.element.setAttribute("aria-rowcount", view.shown.length + 1);
    grid.element.setAttribute("aria-busy", "false");
    $("searching").textContent = "";
    $("nothing").hidden = view.shown.length > 0;
    grid.element.hidden = view.shown.length === 0;
    table.measureRows();
    if (place < 0) grid.element.scrollTop = 0;
    table.showSort();
    showChips();
    tellCount(undecided);
    table.renderRows();
    along.drawPlots();
  }

  function isWithinRange(row) {
    return row.started !== null && row.started - view.span.first <= view.to && row.ended - view.span.first >= view.from;
  }

  function tellCount(undecided) {
    const { rows, shown } = view;
    const of = shown.length === rows.length ? "" : ` of ${rows.length.toLocaleString("en")}`;
    const part = view.from === null ? "" : `, from ${offsetText(view.from)} to ${offsetText(view.to)}`;
    const bodies = filter.late > 1 && facts.cut ? ", by what of the bodies is in the page" : "";
    const slow = undecided ? `; the pattern takes too long for ${undecided.toLocaleString("en")} more` : "";
    const noun = rows.length === 1 ? "interaction" : "interactions";
    $("count").textContent = `${shown.length.toLocaleString("en")}${of} ${noun}${part}${bodies}${slow}`;
  }

  function showChips() {
    for (const chip of document.querySelectorAll(".chip[data-term]")) {
      chip.setAttribute("aria-pressed", filter.terms.includes(chip.dataset.term) ? "true" : "false");
    }
    $("only-redacted").setAttribute("aria-pressed", view.redacted ? "true" : "false");
  }

  function setFilter(text) {
    view.q = text;
    $("filter").value = text;
    filterAgain();
    addresses.write();
  }

  // Terms that stand side by side must all hold, so one can be put behind the others, whatever they are.
  function toggleTerm(term) {
    const terms = filterText === view.q ? filter.terms : [];
    const left = terms.filter((one) => one !== term);
    setFilter((left.length === terms.length ? [...terms, term] : left).join(" "));
  }

  // -- keys and buttons

  function onGridKey(event) {
    const page = Math.max(1, Math.floor(grid.element.clientHeight / grid.height) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== grid.element) return;
    if (event.key in moves) {
      event.preventDefault();
      const place = grid.active + moves[event.key];
      table.activate(place === Infinity ? view.shown.length - 1 : place === -Infinity ? 0 : place);
      if (view.open !== null && view.shown[grid.active]) details.open(view.shown[grid.active].number, { focus: false });
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (view.shown[grid.active]) details.open(view.shown[grid.active].number);
    }
  }

  function onPageKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "Escape") onEscape(event);
    else if (typing) return;
    else if (event.key === "/") {
      event.preventDefault();
      $("filter").focus();
      $("filter").select();
    } else if (event.key === "j" || event.key === "k") {
      const by = event.key === "j" ? 1 : -1;
      if (view.open !== null) details.step(by);
      else table.activate(grid.active + by);
    }
  }

  function onEscape(event) {
    if (event.target === $("filter") && $("filter").value) setFilter("");
    else if (view.open !== null) details.close();
    else if (event.target === $("filter")) grid.element.focus();
  }

  function wire() {
    wireFilter();
    $("sort").addEventListener("change", () => {
      view.sort = $("sort").value;
      actions.sorted();
    });
    $("lanes").addEventListener("change", () => {
      view.lanes = $("lanes").value;
      layOutLanes();
      along.drawPlots();
      addresses.write();
    });
    grid.element.addEventListener("scroll", table.renderSoon, { passive: true });
    grid.element.addEventListener("keydown", onGridKey);
    grid.body.addEventListener("click", (event) => {
      const element = event.target.closest("[data-place]");
      if (!element) return;
      grid.active = Number(element.dataset.place);
      details.open(view.shown[grid.active].number);
    });
    document.addEventListener("keydown", onPageKey);
    wireZoom();
    window.addEventListener("popstate", fromAddress);
    document.addEventListener("themechange", redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    window.addEventListener("beforeprint", () => {
      plotting.readColours({ paper: true });
      along.drawNow();
    });
    window.addEventListener("afterprint", redraw);
    new ResizeObserver(onResize).observe(grid.element.parentElement);
  }

  function wireFilter() {
    $("filter").addEventListener("input", () => setFilter($("filter").value));
    $("filter").addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "ArrowDown") {
        event.preventDefault();
        grid.element.focus();
      }
    });
    $("clear").addEventListener("click", () => {
      view.from = view.to = null;
      view.redacted = false;
      setFilter("");
      grid.element.focus();
    });
    for (const chip of document.querySelectorAll(".chip[data-term]")) chip.addEventListener("click", () => toggleTerm(chip.dataset.term));
    $("only-redacted").addEventListener("click", () => {
      view.redacted = !view.redacted;
      filterAgain();
      addresses.write();
    });
    for (const term of document.querySelectorAll(".term")) {
      term.addEventListener("click", () => {
        setFilter(term.dataset.filter);
        $("list-title").scrollIntoView({ block: "start" });
        grid.element.focus({ preventScroll: true });
      });
    }
  }

  function wireZoom() {
    const { shift, wirePlot, zoomBy, zoomTo } = along;
    $("zoom-in").addEventListener("click", () => zoomBy(0.5));
    $("zoom-out").addEventListener("click", () => zoomBy(2));
    $("zoom-all").addEventListener("click", () => zoomTo(0, view.span.last - view.span.first));
    $("earlier").addEventListener("click", () => shift(-0.5));
    $("later").addEventListener("click", () => shift(0.5));
    for (const id of ["waterfall", "scatter", "memory"]) wirePlot($(id));
  }

  function redraw() {
    plotting.readColours();
    along.drawPlots();
  }

  function onResize() {
    details.setCovered();
    table.measureRows();
    table.renderSoon();
    along.drawPlots();
  }

  function layOutLanes() {
    lanes.layOut();
    along.sizeWaterfall();
  }

  function fromAddress() {
    const before = { open: view.open, lanes: view.lanes };
    addresses.read(table.sortKey);
    $("filter").value = view.q;
    $("lanes").value = view.lanes;
    if (before.lanes !== view.lanes) layOutLanes();
    filterAgain();
    if (before.open !== view.open) details.showDetails({ focus: view.open !== null });
    if (before.open !== null && view.open === null) grid.element.focus({ preventScroll: true });
  }

  // -- the beginning

  async function start() {
    Object.assign(actions, {
      filterAgain,
      open: details.open,
      sorted: () => {
        filterAgain({ keep: false });
        addresses.write();
      },
    });
    view.rows = await store.loadRows();
    measureRun();
    showParts();
    plotting.readColours();
    table.makeHead();
    addresses.read(table.sortKey);
    $("filter").value = view.q;
    $("lanes").value = view.lanes;
    layOutLanes();
    along.describePlots();
    wire();
    await filterAgain();
    if (view.open !== null) {
      await details.showDetails({ focus: true });
      $("list-title").scrollIntoView({ block: "start" });
    }
  }

  function measureRun() {
    const known = view.rows.filter((row) => row.started !== null);
    view.span = {
      first: figures.minmax(known.map((row) => row.started))[0],
      last: figures.minmax(known.map((row) => row.ended))[1],
      timed: known.length > 0,
    };
  }

  // Shows what needs a script, without what this cassette says nothing of.
  function showParts() {
    for (const section of document.querySelectorAll("[data-needs-script]")) section.hidden = false;
    document.querySelector(".along").hidden = !view.span.timed;
    grid.element.classList.toggle("untimed", !view.span.timed);
    const measured = view.rows.some((row) => row.total !== null);
    grid.element.classList.toggle("unmeasured", !measured);
    $("times").closest("figure").hidden = !measured;
    $("slow").hidden = !measured;
    $("only-redacted").hidden = !view.rows.some((row) => row.redacted);
  }

  function isReady() {
    document.documentElement.dataset.ready = "true";
  }

  if (!facts.rows) {
    isReady();
    return;
  }
  start().then(isReady, (error) => {
    const said = el("p", { class: "notice bad" }, `The table could not be shown in this browser: ${error.message}. It needs DecompressionStream (browsers of 2023 and later).`);
    $("main").prepend(said);
    throw error;
  });
})();
