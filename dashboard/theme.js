// Dark, light, or as the system has it; and the colours of the style sheet for what is drawn on a canvas.

import { find } from "./dom.js";

const KEY = "headwater-theme";

/** Told when colours have changed. @type {Set<() => void>} */
const listeners = new Set();
/** @type {Map<string, string>} */
const known = new Map();

/** Wires the switch, which keeps its choice for this browser. */
export function startTheme() {
  const choice = find("theme", HTMLSelectElement);
  choice.value = kept();
  apply(choice.value);
  choice.addEventListener("change", () => {
    apply(choice.value);
    try {
      localStorage.setItem(KEY, choice.value);
    } catch {
      // A browser that keeps nothing shows what was chosen until the page is left.
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}

/** @param {() => void} listener told when colours have changed */
export function onTheme(listener) {
  listeners.add(listener);
}

/**
 * A colour of the style sheet as a canvas takes it.
 * @param {string} name of a custom property, without its dashes
 */
export function colour(name) {
  let found = known.get(name);
  if (found === undefined) {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    found = getComputedStyle(probe).color;
    probe.remove();
    known.set(name, found);
  }
  return found;
}

/** @param {string} theme */
function apply(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  changed();
}

function changed() {
  known.clear();
  for (const listener of listeners) listener();
}

function kept() {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "dark" || theme === "light" ? theme : "auto";
  } catch {
    return "auto";
  }
}
