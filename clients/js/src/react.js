// A hook for React 18 and later.

import { useEffect, useRef, useState } from "react";
import { blank, follow } from "./follow.js";

/** @import { Options, View, ViewOptions } from "./follow.js" */

/**
 * Follows an event stream while the component is mounted. Another address is another subscription; other options count from
 * the next item on. Nothing is opened on a server.
 *
 * ```jsx
 * const { state, items, error } = useEventStream("/v1/events?topic=orders/*");
 * ```
 * @template [T=undefined]
 * @param {string | URL | null | undefined} url none: nothing is followed
 * @param {Options & ViewOptions<T>} [options]
 * @returns {View<T>}
 */
export function useEventStream(url, options = {}) {
  const newest = useRef(options);
  const address = url ? String(url) : "";
  const [shown, setShown] = useState({ address, view: blank(options) });
  useEffect(() => {
    newest.current = options;
  });
  useEffect(() => {
    if (!address) return;
    let stop = () => {};
    let mounted = true;
    // Not at once: strict mode mounts twice, and the first of them is to open nothing.
    queueMicrotask(() => {
      if (mounted) stop = follow(address, () => newest.current, (view) => setShown({ address, view }));
    });
    return () => {
      mounted = false;
      stop();
    };
  }, [address]);
  return shown.address === address ? shown.view : blank(options);
}
