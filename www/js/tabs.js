// Several tabs of the page: one of them writes, the others search and hand their files to it.

const LOCK = "gossamer-page";
const channel = "BroadcastChannel" in globalThis ? new BroadcastChannel("gossamer-page") : undefined;

/** `writer` or `reader`. Without the lock's interface there is no way to know: then this tab writes. */
export let role = navigator.locks ? "reader" : "writer";

/** Asks to be the writer, for as long as the tab lives. Resolves as soon as the role is known; `promoted` is called
 *  when this tab takes over from one that has gone. */
export async function join(promoted) {
  if (!navigator.locks) return role;
  const held = (lock) => {
    if (!lock) return undefined;
    role = "writer";
    return new Promise(() => {});
  };
  const free = await new Promise((told) => {
    navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => {
      told(Boolean(lock));
      return held(lock);
    }).catch(() => told(true));
  });
  if (!free) {
    navigator.locks.request(LOCK, (lock) => {
      const holding = held(lock);
      promoted();
      return holding;
    }).catch(() => {});
  }
  return role;
}

/** How many other tabs of the page there are: all of them hold the lock, or wait for it. */
export async function others() {
  const { held = [], pending = [] } = (await navigator.locks?.query().catch(() => undefined)) ?? {};
  return Math.max(0, [...held, ...pending].filter(({ name }) => name === LOCK).length - 1);
}

/** Neither writes nor hears of those that do. */
export function leave() {
  channel?.close();
}

/** Tells the other tabs something: `{ type, ... }`. */
export function tell(message) {
  channel?.postMessage(message);
}

/** Hears what other tabs tell. */
export function hear(listener) {
  channel?.addEventListener("message", ({ data }) => listener(data));
}
