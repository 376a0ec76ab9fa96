// A program in TypeScript that uses the package as it is published.

import { decode, memoryStore, subscribe, SubscriptionError, type Item, type State, type Store } from "headwater";
import { Decoder } from "headwater/decode";
import { EventSource } from "headwater/eventsource";

const store: Store = memoryStore();
const subscription = subscribe("https://hub.example/v1/events?topic=a", {
  store,
  token: "x",
  refresh: async ({ status }) => (status === 401 ? "new" : undefined),
  onState: (state: State) => state.name === "waiting" && state.failures.toFixed(),
});

export async function main(): Promise<string[]> {
  const seen: string[] = [];
  try {
    for await (const item of subscription) {
      const any: Item = item;
      if (any.kind === "event") seen.push(any.data, any.topic ?? "");
      else if (any.kind === "gap") seen.push(any.resumedAt);
      else if (any.kind === "closing") seen.push(any.reconnectMs.toFixed());
    }
  } catch (error) {
    if (error instanceof SubscriptionError) seen.push(error.reason);
  }
  for await (const event of decode(await fetch("/answer"))) seen.push(event.id);
  for (const event of new Decoder({ maxEvent: 9 }).push(new Uint8Array())) seen.push(event.id);
  const source = new EventSource("/v1/events?topic=a");
  source.onopen = () => seen.push("open");
  source.onmessage = ({ data, lastEventId }) => seen.push(data, lastEventId);
  source.onerror = null;
  // @ts-expect-error there is no such transport
  subscribe("/", { transport: "pigeon" });
  return seen;
}
