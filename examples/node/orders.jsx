// The newest orders in React.

import { createRoot } from "react-dom/client";
import { useEventStream } from "headwater/react";

function Orders({ url }) {
  const { state, items, error } = useEventStream(url, { keep: 100 });
  return (
    <section>
      <p>{error ? error.message : state.name}</p>
      <ul>
        {items.map((item) => (
          <li key={item.id}>{item.kind === "gap" ? "some orders are missing" : item.data}</li>
        ))}
      </ul>
    </section>
  );
}

createRoot(document.getElementById("app")).render(<Orders url={document.getElementById("app").dataset.url} />);
