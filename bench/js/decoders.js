// The decoders under test: each is fed bytes and gives type, data and id of every event.

import { getLines, getMessages } from "@microsoft/fetch-event-source/lib/esm/parse.js";
import { createParser } from "eventsource-parser";
import { Decoder } from "../../clients/js/src/decode.js";

/**
 * @typedef {(type: string, data: string, id: string) => void} Take
 * @type {Record<string, (pieces: Uint8Array[], take: Take) => void>}
 */
export const DECODERS = {
  headwater(pieces, take) {
    const decoder = new Decoder();
    for (const piece of pieces) {
      for (const event of decoder.push(piece)) if (event.kind === "event") take(event.type, event.data, event.id);
    }
  },
  "eventsource-parser 4.1.3"(pieces, take) {
    // It takes text.
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ event, data, id }) => take(event ?? "message", data, id ?? ""),
    });
    for (const piece of pieces) parser.feed(decoder.decode(piece, { stream: true }));
  },
  "fetch-event-source 2.0.1"(pieces, take) {
    const none = () => {};
    const feed = getLines(getMessages(none, none, ({ event, data, id }) => take(event || "message", data, id)));
    for (const piece of pieces) feed(piece);
  },
};
