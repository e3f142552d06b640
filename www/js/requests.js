// Every request of this page and its workers since they were loaded, as the browser itself records them.

/** Calls `tell` with the requests of this thread: `{ url, bytes, elsewhere, stored, at }`, as they happen. Returns a
 *  function that tells at once what has not been told yet; nothing where the browser keeps no record. */
export function tellOfRequests(tell) {
  if (!globalThis.PerformanceObserver?.supportedEntryTypes?.includes("resource")) return undefined;
  const pass = (entries) => entries.length > 0 && tell(entries.map(request));
  const observer = new PerformanceObserver((list) => pass(list.getEntries()));
  observer.observe({ type: "resource", buffered: true });
  return () => pass(observer.takeRecords());
}

/** A request as it is told. `stored`: answered from this device, by the page's own cache or the browser's. */
export function request({ name, transferSize = 0, encodedBodySize = 0, deliveryType = "", workerStart = 0, startTime }) {
  const elsewhere = new URL(name).origin !== location.origin;
  const stored = !elsewhere && transferSize === 0 && (workerStart > 0 || deliveryType === "cache" || encodedBodySize > 0);
  return { url: name, bytes: transferSize, elsewhere, stored, at: performance.timeOrigin + startTime };
}
