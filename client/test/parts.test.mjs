// The parts that need no server: numbers, time, rows, layers, stores.
import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { combine, createClient, empty, Store, switched, when } from '../index.js';
import { reconnectDelay } from '../src/backoff.js';
import { Clock } from '../src/clock.js';
import { Frame } from '../src/frame.js';
import { History } from '../src/history.js';
import { parse, stringify } from '../src/json.js';
import { Layers, MAX_OPTIMISTIC_QUEUE_DEPTH } from '../src/layers.js';
import { createValue } from '../src/merge.js';
import { Rows } from '../src/rows.js';

describe('numbers', () => {
	it('beyond 2^53 are text, or bigint, wherever they stand', () => {
		const text = '{"id":9007199254740993,"list":[-9223372036854775808,{"9007199254740995":1}],"small":9007199254740991}';

		assert.deepEqual(parse(text), {
			id: '9007199254740993', list: ['-9223372036854775808', { '9007199254740995': 1 }], small: 9007199254740991,
		});
		assert.deepEqual(parse(text, true), {
			id: 9007199254740993n, list: [-9223372036854775808n, { '9007199254740995': 1 }], small: 9007199254740991,
		});
	});

	it('are left alone in strings, fractions and exponents', () => {
		for (const text of ['"9007199254740993"', '{"a":"x\\" 9007199254740993 \\\\","b":1234567890123456.5}', '[1.2345678901234567e+19]',
			'"\\u0022 12345678901234567890"', '[0.1234567890123456789]', '[12345678901234567e3]']) {
			assert.deepEqual(parse(text), JSON.parse(text), text);
			assert.deepEqual(parse(text, true), JSON.parse(text), text);
		}
	});

	it('are not made by a text that looks like one of ours', () => {
		const marked = stringify('\u00010.abc:12345678901234567890');

		assert.equal(typeof parse(marked, true), 'string');
	});

	it('of the type bigint are written as numbers', () => {
		assert.equal(stringify({ id: 9007199254740993n, list: [-1n], text: '5' }), '{"id":9007199254740993,"list":[-1],"text":"5"}');
		assert.deepEqual(parse(stringify([2n ** 63n]), true), [2n ** 63n]);
		const ring = {};
		ring.ring = ring;
		assert.throws(() => stringify(ring), TypeError);
	});

	it('are read at random as JSON.parse and BigInt read them', () => {
		for (let i = 0; i < 2000; i++) {
			const digits = String(Math.floor(Math.random() * 9) + 1) + Array.from({ length: Math.floor(Math.random() * 22) },
				() => Math.floor(Math.random() * 10)).join('');
			const exact = Number.isSafeInteger(Number(digits)) ? Number(digits) : digits;

			assert.deepEqual(parse(`[${digits},"${digits}",{"a":-${digits}}]`),
				[exact, digits, { a: typeof exact === 'number' ? -exact : `-${exact}` }]);
		}
	});
});

describe('long runs of digits', () => {
	it('are found wherever they stand', () => {
		for (let before = 0; before < 40; before++) {
			for (const digits of ['900719925474099', '9007199254740993', '90071992547409931', '900719925474099312345']) {
				const text = `"${'x'.repeat(before)}"`;
				const exact = digits.length > 15 ? digits : Number(digits);

				assert.deepEqual(parse(`[${text},${digits}]`), [JSON.parse(text), exact]);
				assert.deepEqual(parse(`[${digits},${text}]`), [exact, JSON.parse(text)]);
			}
		}
		assert.equal(parse('9007199254740993'), '9007199254740993');
		assert.equal(parse('7'), 7);
	});
});

describe('the delays', () => {
	it('are of three tiers, and have chance in them', () => {
		for (const random of [() => 0, () => 0.5, () => 0.999999]) {
			const tier = (attempt) => reconnectDelay(attempt, false, random);

			assert.ok(tier(0) <= 1000);
			for (const attempt of [1, 2, 3, 4])
				assert.ok(tier(attempt) >= 1000 && tier(attempt) <= 5000);
			for (const attempt of [5, 6, 8, 1000])
				assert.ok(tier(attempt) >= 5000 && tier(attempt) <= 30000);
			assert.ok(reconnectDelay(0, true, random) >= 60000);
		}
		assert.notEqual(reconnectDelay(7, false, () => 0), reconnectDelay(7, false, () => 0.9));
	});
});

describe('the clock', () => {
	// A computer's clock and timers, and a test that moves both.
	const withTimers = (fn) => () => {
		let time = 1e12;
		let woken = 0;
		mock.timers.enable({ apis: ['setTimeout'] });
		const clock = new Clock(() => woken++, () => time);
		const pass = (ms, steps = 1) => {
			for (let i = 0; i < steps; i++) {
				time += ms / steps;
				mock.timers.tick(ms / steps);
			}
		};
		try {
			fn({ clock, pass, set: (ms) => { time += ms; }, woken: () => woken });
		} finally {
			mock.timers.reset();
		}
	};

	it('lets time pass', withTimers(({ clock, pass, woken }) => {
		const done = [];

		clock.after(500, () => done.push('half'));
		clock.after(3000, () => done.push('three'));
		clock.after(100, () => done.push('tenth'));
		const taken = clock.after(200, () => done.push('never'));
		taken();
		pass(600, 60);
		assert.deepEqual(done, ['tenth', 'half']);
		pass(2500, 250);
		assert.deepEqual(done, ['tenth', 'half', 'three']);
		assert.equal(woken(), 0);
	}));

	it('does not count a night in which the device was asleep', withTimers(({ clock, pass, set, woken }) => {
		let over = false;

		clock.after(30000, () => { over = true; });
		pass(5000, 50);
		set(8 * 3600 * 1000);
		pass(100);
		pass(1000, 10);
		assert.equal(over, false);
		assert.equal(woken(), 1);
		pass(20000, 200);
		assert.equal(over, false);
		pass(6000, 60);
		assert.equal(over, true);
	}));

	it('does not mind that the computer\'s clock is set', withTimers(({ clock, pass, set }) => {
		let over = false;

		clock.after(5000, () => { over = true; });
		pass(1000, 10);
		set(-3600 * 1000);
		pass(2000, 20);
		assert.equal(over, false);
		pass(4000, 40);
		assert.equal(over, true);
	}));
});

describe('rows', () => {
	it('keep their order through all that is done to them', () => {
		// A plain list is right and slow.
		const rows = new Rows();
		let list = [];
		const find = (key) => list.findIndex((one) => one.key === key);
		const take = (key) => { list = list.filter((one) => one.key !== key); };
		const some = () => `k${Math.floor(Math.random() * 30)}`;

		for (let i = 0; i < 5000; i++) {
			const row = { key: some(), i };
			const at = find(row.key);
			const after = Math.random() < 0.2 ? null : some();
			const how = Math.floor(Math.random() * 4);

			if (how === 0 || how === 1) {
				rows[how ? 'put' : 'putFirst'](row.key, row);
				if (at >= 0)
					list[at] = row;
				else
					list[how ? 'push' : 'unshift'](row);
			} else if (how === 2) {
				rows.remove(row.key);
				take(row.key);
			} else if (after !== row.key && (after === null || find(after) >= 0)) {
				rows.putAfter(row.key, row, after);
				take(row.key);
				list.splice(after === null ? 0 : find(after) + 1, 0, row);
			}
			assert.deepEqual(rows.toArray(), list);
		}
		assert.deepEqual(rows.copy().toArray(), list);
	});
});

describe('merging', () => {
	const value = (how, data, ...events) => {
		const made = createValue(how);

		made.load(data);
		for (const [event, item, after] of events)
			made.apply(event, item, after);
		return made.snapshot();
	};
	const a = { id: 1, n: 'a' };
	const b = { id: 2, n: 'b' };
	const c = { id: 3, n: 'c' };

	it('crud', () => {
		const crud = { merge: 'crud', key: 'id' };

		assert.deepEqual(value(crud, [a], ['created', b], ['updated', { id: 1, n: 'x' }], ['deleted', { id: 7 }]), [{ id: 1, n: 'x' }, b]);
		assert.deepEqual(value(crud, [a, b, c], ['deleted', { id: 1 }]), [b, c]);
		assert.deepEqual(value(crud, [a], ['updated', b]), [a]);
		assert.deepEqual(value(crud, [a], ['created', { id: '1', n: 'text' }]), [{ id: '1', n: 'text' }]);
		assert.deepEqual(value({ ...crud, prepend: true }, [a, b], ['created', c]), [c, a, b]);
		assert.deepEqual(value({ ...crud, max: 2 }, [a, b], ['created', c]), [b, c]);
		assert.deepEqual(value({ ...crud, max: 2, prepend: true }, [a, b], ['created', c]), [c, a]);
		assert.deepEqual(value({ ...crud, max: 2 }, [a, b], ['created', { id: 1, n: 'x' }]), [{ id: 1, n: 'x' }, b]);
	});

	it('crud in an order', () => {
		const crud = { merge: 'crud', key: 'id' };

		assert.deepEqual(value(crud, [a, b], ['created', c, 1]), [a, c, b]);
		assert.deepEqual(value(crud, [a, b], ['created', c, null]), [c, a, b]);
		assert.deepEqual(value(crud, [a, b, c], ['updated', { id: 1, n: 'last' }, 3]), [b, c, { id: 1, n: 'last' }]);
		assert.deepEqual(value(crud, [a, b], ['updated', { id: 2, n: 'stays' }, 1]), [a, { id: 2, n: 'stays' }]);
	});

	it('latest, set, presence and cursor', () => {
		assert.deepEqual(value({ merge: 'latest', max: 3 }, [1, 2], ['x', 3], ['y', 4]), [2, 3, 4]);
		assert.deepEqual(value({ merge: 'latest', max: 3 }, [], ...Array.from({ length: 100 }, (_, i) => ['e', i])), [97, 98, 99]);
		assert.deepEqual(value({ merge: 'set' }, { a: 1 }, ['any', { b: 2 }]), { b: 2 });
		assert.deepEqual(value({ merge: 'presence' }, [{ key: 'ann' }], ['join', { key: 'bob' }], ['leave', { key: 'ann' }]), [{ key: 'bob' }]);
		assert.deepEqual(value({ merge: 'presence' }, [{ key: 'ann' }], ['set', [{ key: 'eve' }]], ['other', { key: 'x' }]), [{ key: 'eve' }]);
		assert.deepEqual(value({ merge: 'cursor' }, [], ['update', { key: 'a', x: 1 }], ['update', { key: 'a', x: 2 }], ['remove', { key: 'b' }]),
			[{ key: 'a', x: 2 }]);
	});

	it('is not hurt by what is no row', () => {
		for (const event of ['created', 'updated', 'deleted']) {
			for (const bad of [null, undefined, 5, 'text', [], {}])
				assert.deepEqual(value({ merge: 'crud', key: 'id' }, [a], [event, bad]), [a]);
		}
		assert.deepEqual(value({ merge: 'presence' }, null, ['join', null], ['leave', null]), []);
		assert.equal(value({ merge: 'crud', key: 'id' }, [a, null, b]).length, 2);
		const row = JSON.parse('{"id":1,"__proto__":{"bad":true}}');
		assert.equal({ ...value({ merge: 'crud', key: 'id' }, [], ['created', row])[0] }.bad, undefined);
	});

	it('takes the same time for an event, however many rows there are', () => {
		// Not measured: counted, by a key that says when it is looked at.
		let looks = 0;
		const row = (id) => ({ get id() { looks++; return id; } });
		const made = createValue({ merge: 'crud', key: 'id' });

		made.load(Array.from({ length: 10000 }, (_, i) => row(i)));
		looks = 0;
		for (const [event, after] of [['created'], ['updated'], ['deleted'], ['created', 5000], ['updated', 7]])
			made.apply(event, row(event === 'created' ? 20000 : 5), after);
		assert.ok(looks <= 10, `${looks} looks`);
	});
});

describe('layers', () => {
	const base = (data, how = { merge: 'crud', key: 'id' }) => {
		const made = createValue(how);
		made.load(data);
		return made;
	};

	it('lie over the value in order, and go each by itself', () => {
		const value = base([{ id: 1, done: false, text: 'x' }]);
		const layers = new Layers();
		const first = layers.add({ event: 'updated', data: { id: 1, done: true } }, true, value);
		const second = layers.add({ event: 'updated', data: { id: 1, text: 'y' } }, true, value);
		const shown = () => layers.over(value).snapshot();

		assert.deepEqual(shown(), [{ id: 1, done: true, text: 'y' }]);
		layers.remove(first);
		assert.deepEqual(shown(), [{ id: 1, done: false, text: 'y' }]);
		layers.remove(second);
		assert.deepEqual(shown(), [{ id: 1, done: false, text: 'x' }]);
	});

	it('do not touch the value, whatever a function does to its copy', () => {
		const value = base([{ id: 1 }, { id: 2 }]);
		const layers = new Layers();

		layers.add((rows) => { rows.pop(); rows.push({ id: 9 }); return rows; }, true, value);
		assert.deepEqual(layers.over(value).snapshot(), [{ id: 1 }, { id: 9 }]);
		assert.deepEqual(value.snapshot(), [{ id: 1 }, { id: 2 }]);
		const single = base({ a: 1 }, { merge: 'set' });
		const other = new Layers();
		other.add((now) => { now.a = 2; return now; }, true, single);
		assert.deepEqual([other.over(single).snapshot(), single.snapshot()], [{ a: 2 }, { a: 1 }]);
	});

	it('leave what has come with all its members', () => {
		const value = base([]);
		const layers = new Layers();

		layers.add({ event: 'created', data: { id: 'uuid', text: 'x' } }, true, value);
		value.apply('created', { id: 'uuid', text: 'x', created_at: 'now' });
		assert.deepEqual(layers.over(value).snapshot(), [{ id: 'uuid', text: 'x', created_at: 'now' }]);
	});

	it('stay while an earlier change of the same row waits for its answer', () => {
		const ordered = new Layers((change) => change.data.id);
		const [first, second, third] = [1, 1, 2].map((id, i) => ordered.add({ event: 'updated', data: { id, n: i } }, true, base([])));

		ordered.confirm(second);
		ordered.confirm(third);
		assert.equal(ordered.size, 2, 'an answer that comes first stays over an earlier change of the same row, and of no other');
		ordered.confirm(first);
		assert.equal(ordered.size, 0, 'until that has its own');
	});

	it('are a thousand at most, and none that cannot be made', () => {
		const layers = new Layers();

		for (let i = 0; i < MAX_OPTIMISTIC_QUEUE_DEPTH; i++)
			layers.add({ event: 'created', data: { id: i } }, true);
		assert.throws(() => layers.add({ event: 'created', data: { id: -1 } }, true), /MAX_OPTIMISTIC_QUEUE_DEPTH=1000/);
		assert.throws(() => new Layers().add(() => { throw new Error('mine'); }, true, base([])), /mine/);
	});
});

describe('stores', () => {
	it('are told while somebody looks', () => {
		const life = [];
		const store = new Store(1, () => { life.push('start'); return () => life.push('stop'); });
		const seen = [];
		const stop = store.subscribe((value) => seen.push(value));
		const other = store.subscribe(() => {});

		store.set(2);
		store.set(2);
		stop();
		stop();
		store.set(3);
		other();
		assert.deepEqual([seen, life, store.current], [[1, 2], ['start', 'stop'], 3]);
	});

	it('are begun once, and told once, whoever else begins to watch at that', () => {
		const life = [];
		const told = { one: [], other: [] };
		const store = new Store(1, () => {
			life.push('start');
			stops.push(store.subscribe((value) => told.other.push(value)));
			store.set(2);
			return () => life.push('stop');
		});
		const stops = [];

		stops.push(store.subscribe((value) => told.one.push(value)));
		store.set(3);
		stops.forEach((stop) => stop());
		assert.deepEqual([life, told], [['start', 'stop'], { one: [2, 3], other: [1, 2, 3] }]);
		const bad = new Store(1, () => { throw new Error('no'); });
		assert.throws(() => bad.subscribe(() => {}), /no/);
		assert.equal(bad.watched, false);
	});

	it('are not watched by who fails at once', () => {
		const stops = [];
		const store = new Store(1, () => () => stops.push(1));

		assert.throws(() => store.subscribe(() => { throw new Error('no'); }), /no/);
		assert.deepEqual([store.watched, stops], [false, [1]]);
	});

	it('tell the others when one fails', () => {
		const reported = [];
		const store = new Store(1);
		const seen = [];

		const { reportError } = globalThis;

		globalThis.reportError = (error) => reported.push(error.message);
		store.subscribe((value) => { if (value === 2) throw new Error('mine'); });
		store.subscribe((value) => seen.push(value));
		store.set(2);
		globalThis.reportError = reportError;
		assert.deepEqual([seen, reported], [[1, 2], ['mine']]);
	});

	it('of rooms and aggregates may have any name', () => {
		const client = createClient({ enabled: false });
		const room = client.room('app/board');
		const windows = client.aggregate('app/count', ['all', 'toString']);

		for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__'])
			assert.equal(room[name].path, `app/board/__action/${name}`);
		assert.equal(typeof windows.toString.subscribe, 'function');
		assert.equal(windows.toString, windows.toString);
		assert.equal('current' in windows, true);
		assert.equal(room.then, undefined);
	});

	it('are combined, mapped, chosen', () => {
		const [a, b, on] = [new Store(1), new Store([1, 2]), new Store(false)];
		const list = (store) => {
			const seen = [];
			store.subscribe((value) => seen.push(value));
			return seen;
		};
		const sums = list(combine(a, b, (n, rows) => n + rows.length));
		const doubled = list(b.map((n) => n * 2));
		const chosen = list(when(a, on));
		const followed = list(switched(on, (is) => is ? a : undefined));

		a.set(5);
		b.set([1]);
		on.set(true);
		a.set(6);
		on.set(false);
		assert.deepEqual(sums, [3, 7, 6, 7]);
		assert.deepEqual(doubled.at(-1), [2]);
		assert.deepEqual(list(new Store(null).map((n) => n)), [[]]);
		assert.deepEqual(chosen, [undefined, 5, 6, undefined]);
		assert.deepEqual(followed, [undefined, 5, 6, undefined]);
		assert.deepEqual(list(when(a, false)), [undefined]);
		assert.deepEqual(list(when(a, () => true)).at(-1), 6);
		assert.equal(empty.current, undefined);
	});

	it('that are made of others are what they would be, while nobody looks', () => {
		const [a, b, on] = [new Store(1), new Store([1, 2]), new Store(false)];
		const foreign = { subscribe(run) { run(7); return () => {}; } };
		let made = 0;
		const pair = combine(a, b, foreign, (x, list, other) => { made++; return { x, list, other }; });
		const doubled = b.map((n) => n * 2);

		assert.deepEqual([pair.current, doubled.current], [{ x: 1, list: [1, 2], other: 7 }, [2, 4]]);
		assert.equal(pair.current, pair.current);
		assert.equal(made, 1);
		const before = pair.current;
		pair.subscribe((value) => assert.equal(value, before))();
		a.set(2);
		assert.equal(pair.current.x, 2);
		assert.deepEqual([when(a, on).current, when(a, true).current, when(a, () => false).current], [undefined, 2, undefined]);
		assert.equal(switched(on, (is) => is ? a : doubled).current, doubled.current);
	});

	it('are told together: who looks at two sees both as they are', () => {
		let run;
		const frame = new Frame((flush) => { run = flush; });
		class Made extends Store {
			recompute() { return this.assign(this.next); }
		}
		const [a, b] = [new Made(0), new Made(0)];
		const seen = [];

		combine(a, b, (x, y) => `${x}${y}`).subscribe((value) => seen.push(value));
		a.next = b.next = 1;
		frame.changed(a);
		frame.changed(b);
		frame.changed(a);
		assert.deepEqual(seen, ['00']);
		run();
		assert.deepEqual(seen, ['00', '11']);
	});

	it('go back and forth', () => {
		const history = new History(3);

		for (const value of ['a', 'b', 'c', 'd'])
			history.record(value);
		assert.deepEqual([history.undo(), history.undo(), history.undo()], [['c'], ['b'], undefined]);
		assert.deepEqual([history.redo(), history.canRedo], [['c'], true]);
		history.record('e');
		assert.deepEqual([history.canRedo, history.undo()], [false, ['c']]);
	});
});
