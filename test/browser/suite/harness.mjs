// harness.mjs - what the client's tests need of node:test, in a page.
const root = suite('');
let current = root;

function suite(name) {
	return { name, entries: [], before: [], after: [], beforeEach: [], afterEach: [] };
}

export function describe(name, fn) {
	const outer = current;
	const inner = suite(name);

	outer.entries.push(inner);
	current = inner;
	fn();
	current = outer;
}

export function it(name, ...rest) {
	current.entries.push({ name, test: rest.at(-1) });
}

export const before = (fn) => { current.before.push(fn); };
export const after = (fn) => { current.after.push(fn); };
export const beforeEach = (fn) => { current.beforeEach.push(fn); };
export const afterEach = (fn) => { current.afterEach.push(fn); };

// ---- mocks -----------------------------------------------------------------

// Timers that stand still until they are told to go on.
class Timers {
	#real;
	#due = new Map();
	#now = 0;
	#last = 0;

	enable() {
		const { setTimeout, clearTimeout } = globalThis;

		this.#real = { setTimeout, clearTimeout };
		globalThis.setTimeout = (run, ms = 0) => {
			this.#due.set(++this.#last, { run, at: this.#now + ms });
			return this.#last;
		};
		globalThis.clearTimeout = (id) => this.#due.delete(id);
	}

	tick(ms) {
		const end = this.#now + ms;

		for (;;) {
			const [id, timer] = [...this.#due].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0] ?? [];
			if (!timer)
				break;
			this.#due.delete(id);
			this.#now = Math.max(this.#now, timer.at);
			timer.run();
		}
		this.#now = end;
	}

	reset() {
		Object.assign(globalThis, this.#real);
		this.#due.clear();
	}
}

class Mock {
	timers = new Timers();
	#undo = [];

	method(object, name, fn) {
		const real = object[name];
		let calls = 0;
		const made = (...args) => {
			calls++;
			return fn.apply(object, args);
		};

		made.mock = { callCount: () => calls, restore: () => { object[name] = real; } };
		object[name] = made;
		this.#undo.push(() => { object[name] = real; });
		return made;
	}

	restoreAll() {
		for (const undo of this.#undo.splice(0).reverse())
			undo();
	}
}

export const mock = new Mock();

// ---- running ---------------------------------------------------------------

const patience = 130000;		// until() says what it has waited for before

function within(promise) {
	let timer;
	const late = new Promise((resolve, reject) => {
		timer = setTimeout(() => reject(new Error(`not done within ${patience} ms`)), patience);
	});

	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function runTest({ name, test }, outer, tell) {
	const own = new Mock();
	const said = [];
	const began = performance.now();
	const full = [...outer.map((one) => one.name), name].filter(Boolean).join(' > ');
	let error;

	tell({ name: full });
	try {
		for (const { beforeEach } of outer)
			for (const fn of beforeEach)
				await fn();
		await within(Promise.resolve(test({ mock: own, diagnostic: (text) => said.push(text) })));
	} catch (reason) {
		error = String(reason?.stack ?? reason);
	}
	own.restoreAll();
	for (const { afterEach } of outer)
		for (const fn of afterEach)
			await fn();
	tell({ name: full, error, ms: performance.now() - began, said });
}

async function runSuite(one, outer, tell, skipped) {
	const all = [...outer, one];

	for (const fn of one.before)
		await fn();
	for (const entry of one.entries) {
		if (skipped.includes(entry.name))
			continue;
		if (entry.test)
			await runTest(entry, all, tell);
		else
			await runSuite(entry, all, tell, skipped);
	}
	for (const fn of one.after)
		await fn();
}

// All of it; tell() hears of each test, when it begins and when it has ended.
export function run(tell, skipped) {
	return runSuite(root, [], tell, skipped);
}
