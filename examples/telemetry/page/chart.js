// A line chart over the last minutes, drawn as SVG by DOM calls. Colours come from the style sheet.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 600;
const HEIGHT = 180;
const LEFT = 64;
const BOTTOM = 20;
/** What the time axis spans. */
export const SPAN_MS = 180_000;
/** Samples further apart than this are not joined by a line. */
const HOLE_MS = 2_500;

/**
 * One moment with a value for every line.
 * @typedef {{at: number, values: number[]}} Point
 */

/** A chart with one or more lines. */
export class Chart {
  #svg;
  #show;
  #least;

  /**
   * @param {HTMLElement} place
   * @param {string} name what a screen reader hears
   * @param {(value: number) => string} show writes a value at the axis
   * @param {number} least smallest value the axis reaches up to
   */
  constructor(place, name, show, least) {
    this.#svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": name });
    this.#show = show;
    this.#least = least;
    place.append(this.#svg);
  }

  /**
   * Draws everything anew; a few hundred points cost less than keeping track of what changed.
   * @param {Point[]} points oldest first
   * @param {{from: number, to: number}[]} late stretches that arrived after a reconnect
   * @param {number} now right edge
   * @param {number} [top] fixed top of the axis
   */
  draw(points, late, now, top) {
    const shown = points.filter((point) => point.at >= now - SPAN_MS);
    const most = top ?? Math.max(this.#least, ...shown.flatMap((point) => point.values)) * 1.1;
    const x = (/** @type {number} */ at) => LEFT + ((at - now + SPAN_MS) / SPAN_MS) * (WIDTH - LEFT - 4);
    const y = (/** @type {number} */ value) => 8 + (1 - value / most) * (HEIGHT - BOTTOM - 8);
    const parts = [];
    for (const { from, to } of late) {
      const start = Math.max(x(from), LEFT);
      if (x(to) > start) parts.push(shape("rect", { class: "late", x: start, y: 8, width: x(to) - start, height: HEIGHT - BOTTOM - 8 }));
    }
    for (const share of [0, 0.5, 1]) {
      const at = y(share * most);
      parts.push(shape("line", { class: "grid", x1: LEFT, x2: WIDTH - 4, y1: at, y2: at }));
      parts.push(text(LEFT - 8, at + 4, "end", this.#show(share * most)));
    }
    parts.push(text(LEFT, HEIGHT - 4, "start", `${SPAN_MS / 60_000} min ago`), text(WIDTH - 4, HEIGHT - 4, "end", "now"));
    const lines = shown.at(-1)?.values.length ?? 0;
    for (let line = 0; line < lines; line += 1) {
      for (const run of runs(shown)) {
        const drawn = run.map((point) => `${x(point.at).toFixed(1)},${y(point.values[line]).toFixed(1)}`);
        parts.push(shape("polyline", { class: `line line-${line}`, points: drawn.join(" ") }));
      }
    }
    this.#svg.replaceChildren(...parts);
  }
}

/**
 * Cuts points where samples are missing.
 * @param {Point[]} points
 */
function runs(points) {
  /** @type {Point[][]} */
  const found = [];
  for (const [i, point] of points.entries()) {
    if (i === 0 || point.at - points[i - 1].at > HOLE_MS) found.push([]);
    found[found.length - 1].push(point);
  }
  return found;
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
function shape(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} anchor
 * @param {string} content
 */
function text(x, y, anchor, content) {
  const node = shape("text", { x, y, "text-anchor": anchor });
  node.textContent = content;
  return node;
}
