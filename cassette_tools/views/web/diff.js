// The filter by severity of a page of differences. A change is hidden by its own severity, an interaction where none of
// its changes is left. A link to what is closed opens it. Without this script everything is shown.
"use strict";

(() => {
  const form = document.querySelector("[data-filter]");
  if (!form) return;
  const boxes = [...form.querySelectorAll("input[type=checkbox]")];
  const status = form.querySelector("[data-shown]");
  const sections = [...document.querySelectorAll("section[data-severities]")];
  const entries = [...document.querySelectorAll("li[data-severities]")];
  const changes = [...document.querySelectorAll("li[data-severity]")];

  function chosen() {
    return new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  }

  function wanted(element, severities) {
    return element.dataset.severities.split(" ").some((severity) => severities.has(severity));
  }

  function counted(some) {
    return some.reduce((count, section) => count + Number(section.dataset.count), 0);
  }

  function apply() {
    const severities = chosen();
    for (const element of [...sections, ...entries]) element.hidden = !wanted(element, severities);
    for (const change of changes) change.hidden = !severities.has(change.dataset.severity);
    const shown = counted(sections.filter((section) => !section.hidden));
    status.textContent = `${shown.toLocaleString("en")} of ${counted(sections).toLocaleString("en")} interactions shown`;
  }

  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();

(() => {
  function open() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (const closed of [target.closest("details"), target.querySelector("details.closed")]) {
      if (closed) closed.open = true;
    }
    target.scrollIntoView();
  }

  addEventListener("hashchange", open);
  if (location.hash) open();
})();
