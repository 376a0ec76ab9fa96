// Tabs that can be hidden. Playwright keeps each of its pages visible, so these are driven through the browser's own protocol, in a
// context that Playwright does not know; only one tab of their window is visible at a time.

/** @import { Browser, CDPSession } from "playwright-core" */

/** A window of tabs. The caller closes it. */
export class Window {
  #root;
  #id;

  /**
   * @param {CDPSession} root
   * @param {string} id
   */
  constructor(root, id) {
    this.#root = root;
    this.#id = id;
  }

  /** @param {Browser} browser */
  static async open(browser) {
    const root = await browser.newBrowserCDPSession();
    const { browserContextId } = await root.send("Target.createBrowserContext");
    return new Window(root, browserContextId);
  }

  /**
   * Opens a tab before the others, which are hidden by it.
   * @param {string} url
   */
  async tab(url) {
    const { targetId } = await this.#root.send("Target.createTarget", { url, browserContextId: this.#id });
    // The deprecated way of attaching is the one that lets a session of Playwright speak to a page that it does not know.
    const { sessionId } = await this.#root.send("Target.attachToTarget", { targetId, flatten: false });
    return new Tab(this.#root, sessionId);
  }

  async close() {
    await this.#root.send("Target.disposeBrowserContext", { browserContextId: this.#id });
    await this.#root.detach();
  }
}

/** A tab, made by `Window.tab()`. */
class Tab {
  #root;
  #session;
  #last = 0;
  /** Commands without an answer yet. @type {Map<number, (answer: any) => void>} */
  #waiting = new Map();
  /** The names of all events so far, of the domains that were enabled. @type {string[]} */
  events = [];

  /**
   * @param {CDPSession} root
   * @param {string} session
   */
  constructor(root, session) {
    this.#root = root;
    this.#session = session;
    root.on("Target.receivedMessageFromTarget", ({ sessionId, message }) => {
      if (sessionId === session) this.#receive(JSON.parse(message));
    });
  }

  /** @param {any} message */
  #receive(message) {
    if (message.method) return void this.events.push(message.method);
    this.#waiting.get(message.id)?.(message);
    this.#waiting.delete(message.id);
  }

  /**
   * @param {string} method of the browser's protocol
   * @param {object} [params]
   * @returns {Promise<any>} its result
   */
  async send(method, params = {}) {
    const id = ++this.#last;
    /** @type {Promise<any>} */
    const answered = new Promise((resolve) => this.#waiting.set(id, resolve));
    const message = JSON.stringify({ id, method, params });
    await this.#root.send("Target.sendMessageToTarget", { sessionId: this.#session, message });
    const { result, error } = await answered;
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  /** Shows this tab, and hides the others of its window. */
  show() {
    return this.send("Page.bringToFront");
  }

  /**
   * @template A, R
   * @param {(argument: A) => R} script runs in the page
   * @param {A} [argument]
   * @returns {Promise<Awaited<R>>}
   */
  async evaluate(script, argument) {
    const expression = `(${script})(${JSON.stringify(argument)})`;
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }
}
