// A composable for Vue 3.

import { getCurrentScope, onScopeDispose, shallowRef, toValue, watch } from "vue";
import { blank, follow } from "./follow.js";

/** @import { Item, Options, State, ViewOptions } from "./follow.js" */

/**
 * Follows an event stream as long as the component, or the effect scope, lives. Another address is another subscription. Nothing is
 * opened on a server.
 *
 * ```js
 * const { state, items, error } = useEventStream("/v1/events?topic=orders/*");
 * ```
 * @template [T=undefined]
 * @param {import("vue").MaybeRefOrGetter<string | URL | null | undefined>} url none: nothing is followed
 * @param {Options & ViewOptions<T>} [options]
 * @returns {{state: import("vue").ShallowRef<State>, items: import("vue").ShallowRef<Item[]>,
 *   value: import("vue").ShallowRef<T>, error: import("vue").ShallowRef<unknown>}}
 */
export function useEventStream(url, options = {}) {
  const first = blank(options);
  const state = shallowRef(first.state);
  const items = shallowRef(first.items);
  const value = shallowRef(first.value);
  const error = shallowRef(first.error);
  const show = (/** @type {import("./follow.js").View<T>} */ view) => {
    state.value = view.state;
    items.value = view.items;
    value.value = view.value;
    error.value = view.error;
  };
  let stop = () => {};
  const start = (/** @type {string} */ address) => {
    stop();
    stop = () => {};
    show(blank(options));
    if (address) stop = follow(address, () => options, show);
  };
  if (typeof window !== "undefined") {
    watch(() => String(toValue(url) ?? ""), start, { immediate: true });
    if (getCurrentScope()) onScopeDispose(() => stop());
  }
  return { state, items, value, error };
}
