// Small ways to build and find elements. Text always goes in as text nodes: nothing here, or
// anywhere on the page, parses HTML, so a payload can never become markup.

import { credential } from "./credential.js";

/**
 * Makes an element with attributes and children; strings become text nodes.
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/**
 * A button that does something; never submits a form.
 * @param {string} label
 * @param {() => void} act
 * @returns {HTMLButtonElement}
 */
export function button(label, act) {
  const node = document.createElement("button");
  node.type = "button";
  node.textContent = label;
  node.addEventListener("click", act);
  return node;
}

/**
 * The element with an id that index.html promises.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function find(id, kind) {
  const node = document.getElementById(id);
  if (!(node instanceof kind)) throw new Error(`index.html lacks #${id}`);
  return node;
}

/**
 * Sets a text only when it changes, so that screen readers are not told the same thing twice.
 * @param {HTMLElement} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Names and values as a description list.
 * @param {[string, string | Node][]} facts
 * @returns {HTMLElement[]} what goes into the `dl`
 */
export function facts(facts) {
  return facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value)));
}

/**
 * A code line with a button that copies it.
 * @param {string} label what the line does, for the button's name
 * @param {string} code
 * @returns {HTMLElement}
 */
export function copyable(label, code) {
  const copy = button("Copy", () => {
    navigator.clipboard.writeText(code).then(
      () => (copy.textContent = "Copied"),
      () => (copy.textContent = "Select and copy by hand"),
    );
  });
  copy.setAttribute("aria-label", `Copy: ${label}`);
  copy.addEventListener("blur", () => (copy.textContent = "Copy"));
  return element("div", { class: "copyable" }, element("code", {}, code), copy);
}

/**
 * Runs something again and again while the page can be seen, the hub lets it and `wanted` says so.
 * @param {number} everyMs
 * @param {() => boolean} wanted
 * @param {() => Promise<void>} act never runs twice at a time
 * @returns {() => void} runs it now
 */
export function whileSeen(everyMs, wanted, act) {
  let busy = false;
  const run = async () => {
    if (busy || document.hidden || credential.refused || !wanted()) return;
    busy = true;
    try {
      await act();
    } finally {
      busy = false;
    }
  };
  setInterval(run, everyMs);
  document.addEventListener("visibilitychange", run);
  return run;
}
