// The queue of files that are not in the index yet, in IndexedDB: a reload, a crash or a closed tab loses none of
// them. A record is `{ order, id, name, file, state: "queued" | "failed", code, reason }`; it goes when its document
// is committed, so an import goes on exactly where it was. All tabs of the site share it.

const DATABASE = "gossamer-queue";
const STORE = "files";

export class Queue {
  #database;

  /** Whether files outlast this visit: not where the browser refuses storage, or is full. */
  durable = true;

  async #open() {
    this.#database ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "order", autoIncrement: true }).createIndex("id", "id");
      request.onblocked = () => reject(new Error("the queue is blocked by another tab"));
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        request.result.onversionchange = () => this.close();
        resolve(request.result);
      };
    });
    return this.#database;
  }

  /** Whether there is a queue at all. Looking does not make one. */
  async exists() {
    const all = await indexedDB.databases?.().catch(() => []);
    return !all || all.some(({ name }) => name === DATABASE);
  }

  /** Everything that waits or failed, in order. */
  async list() {
    if (!(await this.exists())) return [];
    return this.#run("readonly", (store) => store.getAll()).catch(() => []);
  }

  /** Keeps items (each is given its `order`); one of a known id replaces the one before. Says whether it could. */
  async put(items) {
    try {
      const database = await this.#open();
      const transaction = database.transaction(STORE, "readwrite");
      const store = transaction.objectStore(STORE);
      const known = store.index("id");
      for (const item of items) {
        known.getAllKeys(item.id).onsuccess = ({ target }) => {
          for (const order of target.result) store.delete(order);
          const { id, name, file, state, code, reason } = item;
          store.add({ id, name, file, state, code, reason }).onsuccess = (added) => (item.order = added.target.result);
        };
      }
      await finished(transaction);
    } catch {
      this.durable = false;
    }
    return this.durable;
  }

  /** Remembers that a file failed, and why. */
  async fail(item) {
    if (item.order === undefined) return;
    const { order, id, name, file, code, reason } = item;
    await this.#run("readwrite", (store) => store.put({ order, id, name, file, state: "failed", code, reason })).catch(() => {});
  }

  /** Takes items out: their documents are committed, or nobody wants them any more. */
  async remove(items) {
    const orders = items.map(({ order }) => order).filter((order) => order !== undefined);
    if (orders.length === 0) return;
    await this.#run("readwrite", (store) => {
      for (const order of orders.slice(1)) store.delete(order);
      return store.delete(orders[0]);
    }).catch(() => {});
  }

  /** Empties the queue. */
  async clear() {
    if (await this.exists()) await this.#run("readwrite", (store) => store.clear()).catch(() => {});
  }

  /** Lets go of the database. */
  close() {
    this.#database?.then((database) => database.close(), () => {});
    this.#database = undefined;
  }

  /** Deletes the database with everything in it. */
  async destroy() {
    this.close();
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(DATABASE);
      request.onsuccess = resolve;
      request.onerror = () => reject(request.error);
      request.onblocked = () => reject(new Error("another tab still uses the queue"));
    });
  }

  async #run(mode, work) {
    const transaction = (await this.#open()).transaction(STORE, mode);
    const request = work(transaction.objectStore(STORE));
    await finished(transaction);
    return request.result;
  }
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}
