// A subscription as something to show: what both the React hook and the Vue composable are made of.

import { subscribe } from "./index.js";

/**
 * Beside what `subscribe` takes. The functions may change from one rendering to the next; the newest is called.
 * @template T
 * @typedef {object} ViewOptions
 * @property {(value: T, item: Item) => T} [reduce] makes one value of all items, in place of the list
 * @property {T} [initial] the value before the first item
 * @property {number} [keep] how many of the newest items the list holds, 1,000
 * @property {(item: Item) => void} [onItem] called for each item, at once
 */

/**
 * @template T
 * @typedef {object} View
 * @property {State} state of the subscription
 * @property {Item[]} items the newest, oldest first; empty with `reduce`
 * @property {T} value what `reduce` has made of all
 * @property {unknown} error why it stopped for good: of the subscription, or thrown by one of the functions
 */

/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./engine.js").State} State */
/** @typedef {import("./engine.js").Options} Options */

/** How long a page that is not being painted waits for the next picture. */
const HIDDEN_MS = 200;

/**
 * What is shown before anything has come.
 * @template T
 * @param {ViewOptions<T>} options
 * @returns {View<T>}
 */
export function blank({ initial }) {
  return { state: { name: "connecting" }, items: [], value: /** @type {T} */ (initial), error: null };
}

/**
 * Subscribes, and shows at most one new view for each picture that is painted, however many items come.
 * @template T
 * @param {string | URL} url
 * @param {() => Options & ViewOptions<T>} options the newest ones
 * @param {(view: View<T>) => void} show
 * @returns {() => void} ends it; nothing is shown afterwards
 */
export function follow(url, options, show) {
  const view = blank(options());
  const paint = new Paint(() => show({ ...view, items: newest(view.items, options()) }));
  /** @type {import("./index.js").Subscription | undefined} */
  let subscription;
  let stopped = false;
  const onState = (/** @type {State} */ state) => {
    view.state = state;
    paint.soon();
    options().onState?.(state);
  };
  const run = async () => {
    try {
      const { reduce, initial, keep, onItem, ...rest } = options();
      subscription = subscribe(url, { ...rest, onState });
      for await (const item of subscription) {
        if (stopped) return;
        take(view, item, options());
        paint.soon();
      }
    } catch (error) {
      view.error = error;
      paint.soon();
    }
  };
  run();
  return () => {
    stopped = true;
    paint.stop();
    subscription?.close();
  };
}

/**
 * @template T
 * @param {View<T>} view
 * @param {Item} item
 * @param {ViewOptions<T>} options
 */
function take(view, item, options) {
  const { reduce, onItem } = options;
  if (reduce) view.value = reduce(view.value, item);
  else view.items.push(item);
  // Now and then, and not for every item.
  if (view.items.length > 2 * most(options)) view.items = newest(view.items, options);
  onItem?.(item);
}

/**
 * @param {Item[]} items
 * @param {ViewOptions<any>} options
 */
function newest(items, options) {
  return items.slice(Math.max(0, items.length - most(options)));
}

/** @param {ViewOptions<any>} options */
function most({ keep = 1_000 }) {
  return keep;
}

/** Does something once before the next picture, or soon where nothing is painted. */
class Paint {
  #act;
  #frame = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #waiting = false;
  #stopped = false;

  /** @param {() => void} act */
  constructor(act) {
    this.#act = act;
  }

  soon() {
    if (this.#waiting || this.#stopped) return;
    this.#waiting = true;
    const act = () => {
      this.#cancel();
      this.#act();
    };
    this.#frame = requestAnimationFrame(act);
    this.#timer = setTimeout(act, HIDDEN_MS);
  }

  stop() {
    this.#stopped = true;
    this.#cancel();
  }

  #cancel() {
    this.#waiting = false;
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
  }
}
