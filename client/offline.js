// offline.js - keeps the calls that wait for a connection in IndexedDB, so that
// neither a reload nor a crash loses them.
//
//	const store = createOfflineStore({ user: () => session.userId });
//	const client = createClient({ offline: { queue: true, store } });
//	store.kept.subscribe((calls) => show(`${calls.length} changes are kept on this device`));
//
// A call is a row with the page that it belongs to, which makes it.  A page holds
// a lock for as long as it lives, and the browser takes that back however the
// page ends: whoever finds it free takes the calls of that page over, one page at
// a time.  So no two pages make the same call.
import { parse, readable, Store, stringify } from './index.js';

const table = 'calls';

export function createOfflineStore(options) {
	return new OfflineStore(options);
}

class OfflineStore {
	#name;
	#keep;
	#patience;
	#indexedDB;
	#locks;
	#page = newId();
	#last = 0;
	#held = new Map();			// id -> the row of a call that the client knows
	#written = new Set();		// of these, the ids of those that are on the disk
	#removed = new Set();		// ids given up since rows were last read, which may be among them
	#kept = new Store([]);
	#watched = new Set();		// pages whose end is waited for
	#alive;						// resolves to how to let this page's lock go, when it is held
	#database;
	#settled = Promise.resolve();
	#releases = 0;

	// Told that there may be calls to take over.
	onOrphans = () => {};

	// user: whose calls they are, a text or null for nobody, or a function that
	// returns it.  There is no default: a call must not be made by somebody else.
	// patience: milliseconds for what the browser has to do.
	constructor({ user, name = 'realtime', keep = 30 * 86400000, patience = 5000, indexedDB = globalThis.indexedDB, locks = globalThis.navigator?.locks } = {}) {
		if (user === undefined)
			throw new TypeError('createOfflineStore: say whose calls these are: user, a text, null for nobody, or a function');
		this.user = user;
		this.#name = `${name}-offline`;
		this.#keep = keep;
		this.#patience = patience;
		this.#indexedDB = indexedDB;
		this.#locks = locks;
		this.kept = readable(this.#kept);
	}

	// Neither is there on a server, nor in a page that came without TLS.
	get isPossible() {
		return this.#indexedDB !== undefined && this.#locks !== undefined;
	}

	// Resolves when all that has been asked so far is on the disk.
	settled() {
		return this.#settled;
	}

	// ---- what the client asks --------------------------------------------

	async put(call) {
		const { members, queuedAt, user, sent = false } = call;
		const row = {
			id: call.id ??= newId(), page: this.#page, number: call.number ??= ++this.#last,
			members: stringify(members), queuedAt, user: user ?? null, sent,
		};

		this.#held.set(row.id, row);
		await this.#change((rows) => rows.put(row));
		if (this.#held.has(row.id))
			this.#tell(() => this.#written.add(row.id));
	}

	async remove({ id }) {
		this.#held.delete(id);
		this.#removed.add(id);
		this.#tell(() => this.#written.delete(id));
		await this.#change((rows) => rows.delete(id));
	}

	// The client is closed: another one may take them, when all is written.
	release() {
		this.#releases++;
		this.#held.clear();
		this.#tell(() => this.#written.clear());
		const alive = this.#alive;

		// who comes to it meanwhile waits for a lock of its own
		this.#alive = undefined;
		this.#settled = this.#settled.then(() => alive).then((leave) => leave?.(), () => {});
	}

	// Takes the calls of the user that nobody has, in their order.
	async claim(user) {
		if (!this.isPossible)
			return [];
		const releases = this.#releases;
		const isWanted = () => releases === this.#releases;

		await this.#live();
		return this.#alone(() => isWanted() ? this.#claim(user ?? null, isWanted) : []);
	}

	// One page at a time.  Who does not come to it in time looks again later.
	async #alone(run) {
		try {
			return await this.#locks.request(`${this.#name}:claim`, { signal: AbortSignal.timeout(this.#patience) }, run);
		} catch (error) {
			if (error.name !== 'TimeoutError' && error.name !== 'AbortError')
				throw error;
			setTimeout(() => this.onOrphans(), this.#patience).unref?.();
			return [];
		}
	}

	// If they are not wanted any more they are nobody's again.
	async #claim(user, isWanted) {
		// what a page has had is certain once it has ended, not before
		const gone = await this.#gone(await this.#all());
		const rows = await this.#all();
		const isKnown = (id) => this.#held.has(id) || this.#removed.has(id);
		const isFree = ({ id, page }) => page === this.#page ? !isKnown(id) : gone.has(page);
		const isOld = ({ queuedAt }) => Date.now() - queuedAt > this.#keep;
		const free = rows.filter(isFree);
		const mine = free.filter((row) => row.user === user && !isOld(row)).sort(inOrder)
			.map((row) => ({ ...row, page: this.#page, number: ++this.#last }));

		if (free.length > 0 && isWanted()) {
			await this.#change((all) => {
				free.filter(isOld).forEach(({ id }) => all.delete(id));
				mine.forEach((row) => all.put(row));
			});
		}
		if (!isWanted())
			return [];
		for (const row of mine)
			this.#held.set(row.id, row);
		this.#tell(() => mine.forEach(({ id }) => this.#written.add(id)));
		return mine.map(callOf);
	}

	// ---- pages -----------------------------------------------------------

	#lockOf(page) {
		return `${this.#name}:page:${page}`;
	}

	// Resolves when this page's lock is held.
	#live() {
		this.#alive ??= this.#hold();
		return this.#alive;
	}

	#hold() {
		const alive = new Promise((resolve, reject) => {
			// until the page ends, as a rule
			this.#locks.request(this.#lockOf(this.#page), () => new Promise((leave) => resolve(leave))).catch(reject);
		});

		alive.catch(() => {});		// whoever needs it is told
		return alive;
	}

	// Of the pages that rows belong to, those that have ended.
	async #gone(rows) {
		const gone = new Set();

		for (const page of new Set(rows.map((row) => row.page))) {
			if (page === this.#page)
				continue;
			if (await this.#locks.request(this.#lockOf(page), { ifAvailable: true }, (lock) => lock !== null))
				gone.add(page);
			else
				this.#watch(page);
		}
		return gone;
	}

	// A page that has calls and lives may end before it has made them.
	#watch(page) {
		if (this.#watched.has(page))
			return;
		this.#watched.add(page);
		this.#locks.request(this.#lockOf(page), () => {}).then(() => {
			this.#watched.delete(page);
			this.onOrphans();
		}, () => {});		// it is this one that ends
	}

	#tell(change) {
		change();
		this.#kept.set([...this.#held.values()].filter(({ id }) => this.#written.has(id)).sort(inOrder).map(({ members, queuedAt }) => {
			const { rpc: path, args } = parse(members);
			return { path, args, queuedAt };
		}));
	}

	// ---- the database ----------------------------------------------------

	#open() {
		this.#database ??= this.#within(new Promise((resolve, reject) => {
			const request = this.#indexedDB.open(this.#name, 1);

			request.onupgradeneeded = () => request.result.createObjectStore(table, { keyPath: 'id' });
			request.onsuccess = () => resolve(request.result);
			request.onerror = () => reject(request.error);
		})).then((database) => {
			// a later version of this file, or the user who empties the browser's data
			database.onversionchange = () => database.close();
			database.onclose = () => { this.#database = undefined; };
			return database;
		}, (error) => {
			this.#database = undefined;
			throw error;
		});
		return this.#database;
	}

	// All rows; what is given up from now on may still be among them.
	async #all() {
		this.#removed.clear();
		await this.#settled;
		const database = await this.#open();
		const request = database.transaction(table).objectStore(table).getAll();

		return this.#done(request, () => request.result, 'onsuccess');
	}

	// One after the other, and it is there when it has ended.
	#change(fn) {
		if (!this.isPossible)
			return Promise.reject(new Error('Calls are not kept: IndexedDB and locks want https, or localhost.'));
		const alive = this.#live();
		const changed = this.#settled.then(() => alive).then(() => this.#open()).then((database) => {
			const transaction = database.transaction(table, 'readwrite', { durability: 'strict' });

			fn(transaction.objectStore(table));
			return this.#done(transaction, () => undefined, 'oncomplete');
		});

		this.#settled = changed.catch(() => {});
		return changed;
	}

	#done(request, value, event) {
		return this.#within(new Promise((resolve, reject) => {
			request[event] = () => resolve(value());
			request.onerror = request.onabort = () => reject(request.error ?? new Error('It could not be kept.'));
		}));
	}

	#within(promise) {
		let timer;
		const late = new Promise((resolve, reject) => {
			timer = setTimeout(() => reject(new Error('The browser\'s database does not answer.')), this.#patience);
		});

		return Promise.race([promise, late]).finally(() => clearTimeout(timer));
	}
}

function newId() {
	return `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}`;
}

// By the time at which they were made; the clock may have stood still.
function inOrder(a, b) {
	return a.queuedAt - b.queuedAt || a.number - b.number;
}

function callOf({ id, number, members, queuedAt, user, sent }) {
	return { id, number, members: parse(members, true), queuedAt, user, sent };
}

