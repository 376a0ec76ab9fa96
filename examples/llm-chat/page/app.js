// The page of a chat. What it shows is what the hub's log says: after a reload, in a second tab and in the first one alike.

import { subscribe } from "/client.js";

const chat = location.hash.slice(1) || crypto.randomUUID();
history.replaceState(null, "", `#${chat}`);
addEventListener("hashchange", () => location.reload());

const [talk, form, state, problem, template, same] = ["talk", "form", "state", "problem", "exchange", "same"].map((id) =>
  document.getElementById(id),
);
same.href = location.href;

/** Questions with their answers, by the topic of the answer. @type {Map<string, Exchange>} */
const exchanges = new Map();

const ENDS = { done: "", cancelled: "Stopped.", error: "The answer has failed." };

class Exchange {
  #article = template.content.cloneNode(true).firstElementChild;
  #answer = this.#article.querySelector(".answer");
  #stop = this.#article.querySelector(".stop");

  /** @param {{answer: string, text: string}} question */
  constructor({ answer, text }) {
    this.#article.querySelector("h2").textContent = text;
    this.#article.dataset.state = "writing";
    this.#stop.addEventListener("click", () => {
      this.#stop.disabled = true;
      post(`answers/${answer}/stop`).catch((error) => {
        this.#stop.disabled = false;
        problem.textContent = error.message;
      });
    });
    talk.append(this.#article);
    this.#article.scrollIntoView({ block: "end" });
  }

  /** @param {string} token */
  write(token) {
    this.#answer.append(token);
  }

  /** @param {"done" | "cancelled" | "error"} reason */
  end(reason) {
    this.#article.dataset.state = reason;
    this.#article.querySelector(".end").textContent = ENDS[reason];
    this.#stop.remove();
  }
}

/**
 * @param {string} path below the chat's
 * @param {unknown} [body]
 */
async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(`/chats/${chat}/${path}`, { method: "POST", headers, body: JSON.stringify(body ?? {}) });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { question } = form.elements;
  problem.textContent = "";
  try {
    await post("questions", { question: question.value });
    question.value = "";
  } catch (error) {
    problem.textContent = error.message;
  }
});

const NAMES = { connecting: "Connecting", open: "Live", waiting: "Reconnecting", closed: "Ended" };

const onState = ({ name }) => {
  state.dataset.state = name;
  state.textContent = NAMES[name];
};

// From the beginning of the chat, through the application, which sends it to the hub; after a broken connection from where it was.
for await (const item of subscribe(`/chats/${chat}/events`, { onState })) {
  if (item.kind === "event" && item.type === "question") {
    const question = JSON.parse(item.data);
    exchanges.set(`chats/${chat}/${question.answer}`, new Exchange(question));
  } else if (item.kind === "event" && item.type === "token") {
    exchanges.get(item.topic)?.write(item.data);
  } else if (item.kind === "end") {
    exchanges.get(item.topic)?.end(item.reason);
  } else if (item.kind === "gap") {
    problem.textContent = "The hub no longer has all of this chat.";
  }
}
