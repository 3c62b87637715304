// Makes elements.
//
// Law: recorded text becomes text nodes and attributes' values, and nothing else; no markup is ever made of a string
// (the page's policy would refuse it). Attributes are named here and in the other scripts, never by what was recorded.
"use strict";

const elements = (() => {
  const byId = (id) => document.getElementById(id);

  function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "onclick") element.addEventListener("click", value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return element;
  }

  function copyButton(label, text) {
    const button = el("button", { type: "button", class: "small" }, label);
    button.addEventListener("click", async () => {
      const done = await copied(text);
      button.textContent = done ? "Copied" : "Copy failed";
      setTimeout(() => (button.textContent = label), 1500);
    });
    return button;
  }

  async function copied(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const area = el("textarea", { class: "out-of-sight" });
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      return done;
    }
  }

  const folded = new Set(); // titles of sections that the reader closed

  function section(title, ...children) {
    const element = el("details", { class: "section", open: !folded.has(title) }, el("summary", {}, el("h3", {}, title)), ...children);
    element.addEventListener("toggle", () => (element.open ? folded.delete(title) : folded.add(title)));
    return element;
  }

  function pairs(list, kind = "") {
    const known = list.filter(([, value]) => value !== null && value !== undefined);
    if (!known.length) return null;
    return el("dl", { class: `pairs ${kind}` }, ...known.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }

  function labelled(label, element) {
    return el("div", {}, el("h4", {}, label), element);
  }

  function pre(text, label) {
    return el("pre", { tabindex: "0", role: "group", "aria-label": label }, text);
  }

  const TOKEN = /("(?:[^"\\]|\\.)*"?)(\s*:)?|-?\b\d[\d.eE+-]*|\b(?:true|false|null)\b/g;

  function colouredJson(text, label) {
    const element = pre("", label);
    let at = 0;
    for (const found of text.matchAll(TOKEN)) {
      if (found.index > at) element.append(text.slice(at, found.index));
      const kind = found[1] ? (found[2] ? "name" : "string") : "literal";
      element.append(el("span", { class: `json-${kind}` }, found[1] ?? found[0]), found[2] ?? "");
      at = found.index + found[0].length;
    }
    element.append(text.slice(at));
    return element;
  }

  return { byId, colouredJson, copyButton, el, labelled, pairs, pre, section };
})();
