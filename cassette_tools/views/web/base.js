// The colour scheme of a page: the system's, or the one that was chosen with the switch, which is kept where the browser
// lets a page keep anything. Runs in the head, so that the first paint has the right colours.
"use strict";

(() => {
  const KEY = "cassette-tools-theme";
  const ORDER = ["system", "light", "dark"];
  const root = document.documentElement;

  function kept() {
    try {
      const value = localStorage.getItem(KEY);
      return ORDER.includes(value) ? value : "system";
    } catch {
      return "system"; // a browser that gives files no storage
    }
  }

  function keep(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // The choice then lasts as long as the page.
    }
  }

  function apply(theme) {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    for (const name of document.querySelectorAll("[data-theme-name]")) name.textContent = `Colours: ${theme}`;
    document.dispatchEvent(new Event("themechange"));
  }

  function wire() {
    let theme = kept();
    apply(theme);
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
        keep(theme);
        apply(theme);
      });
    }
  }

  apply(kept());
  document.addEventListener("DOMContentLoaded", wire);
})();
