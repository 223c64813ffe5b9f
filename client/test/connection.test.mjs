// The connection: cut, refused, restarted, silent; who is on it.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { isStatus, limit, Made, secret, startServer, token, until, watch } from './lib.mjs';

const made = new Made();
const now = () => Math.floor(Date.now() / 1000);
let server;

before(async () => {
	server = await startServer({
		settings: {
			'realtime.jwt_secret': secret,
			'realtime.jwt_leeway': '0',
			'realtime.max_connections_per_user': 2,
			'realtime.ping_interval': '100ms',
		},
	});
	await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
		CREATE FUNCTION app.me() RETURNS text LANGUAGE sql AS $$SELECT coalesce(realtime.user_id(), 'nobody')$$;
		CREATE FUNCTION app.wait(key integer) RETURNS text LANGUAGE sql AS $$SELECT pg_advisory_xact_lock(key); SELECT 'done'::text$$;
		SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/wait', 'app.wait(integer)')`);
	await server.declared('app/me');
});
after(() => server?.stop());
afterEach(() => made.end());

describe('the connection', () => {
	it('is made when somebody needs it', limit, async () => {
		const client = made.client(server.url);

		assert.equal(client.status.current, 'disconnected');
		assert.equal(await client.rpc('app/me')(), 'nobody');
		assert.equal(client.status.current, 'open');
		client.close();
		assert.deepEqual([client.status.current, client.failure.current], ['failed', null]);
		await assert.rejects(client.rpc('app/me')(), { code: 'CONNECTION_CLOSED' });
	});

	it('does nothing where there is nowhere to go', limit, async () => {
		const client = made.client(undefined);

		client.stream('app/list').subscribe(() => {})();
		await assert.rejects(client.rpc('app/me')(), { code: 'DISCONNECTED' });
		assert.equal(client.status.current, 'disconnected');
	});

	it('comes back when it was cut, and says so', limit, async () => {
		const way = await made.way(server.port);
		const told = [];
		const client = made.client(way.url, {
			onConnect: () => told.push('connect'), onDisconnect: () => told.push('disconnect'),
			beforeReconnect: async () => { told.push('before'); },
		});
		const status = watch(client.status);

		await client.rpc('app/me')();
		assert.deepEqual(told, []);
		way.cut();
		await until(() => told.includes('connect'), 'it to be back');
		assert.deepEqual(told, ['disconnect', 'before', 'connect']);
		assert.deepEqual(status.values, ['disconnected', 'connecting', 'open', 'disconnected', 'connecting', 'open']);
		assert.equal(client.failure.current, null);
		assert.equal(await client.rpc('app/me')(), 'nobody');
	});

	it('tries again and again while nobody is there, longer after each time', limit, async () => {
		const way = await made.way(server.port);
		const attempts = [];
		const client = made.client(way.url, { delay: (attempt) => { attempts.push(attempt); return 5; } });

		await client.rpc('app/me')();
		way.shut();
		await until(() => attempts.length >= 8, 'attempts');
		assert.deepEqual(attempts.slice(0, 8), [0, 1, 2, 3, 4, 5, 6, 7]);
		assert.deepEqual([client.failure.current.class, client.failure.current.code], ['RETRY', 1006]);
		way.open();
		await isStatus(client, 'open');
	});

	it('gives up when it is told to', limit, async () => {
		const way = await made.way(server.port);
		const client = made.client(way.url, { maxAttempts: 3, delay: () => 1 });

		way.shut();
		client.connect();
		await isStatus(client, 'failed');
		assert.equal(client.failure.current.class, 'EXHAUSTED');
	});

	it('survives a restart of the server', limit, async () => {
		const client = made.client(server.url);
		const codes = watch(client.failure);

		await client.rpc('app/me')();
		await server.restart();
		await until(() => client.status.current === 'open', 'it to be back');
		assert.ok(codes.values.some((failure) => failure?.code === 1001), JSON.stringify(codes.values));
		await until(() => client.rpc('app/me').fresh().then((me) => me === 'nobody', () => false), 'a call');
	});

	it('is dropped when nothing is heard', limit, async () => {
		const way = await made.way(server.port);
		const client = made.client(way.url, { silence: 500 });

		// a fifth of that is its time to come in, which may be too short at first
		await until(() => client.rpc('app/me').fresh().then(() => true, () => false), 'a call');
		way.hold();
		await until(() => client.failure.current?.reason === 'nothing was heard', 'it to notice');
		way.resume();
		await isStatus(client, 'open');
	});

	it('is tried after a sleep of the device, and dropped if nobody answers', limit, async (t) => {
		const way = await made.way(server.port);
		const client = made.client(way.url);
		const real = Date.now;
		let slept = 0;
		const failures = watch(client.failure);

		t.mock.method(Date, 'now', () => real() + slept);
		await client.rpc('app/me')();
		const before = failures.values.length;
		slept = 3600 * 1000;
		await client.rpc('app/me').fresh();
		assert.equal(failures.values.length, before, 'who is still there is not left');
		way.hold();
		slept += 3600 * 1000;
		await until(() => failures.values.some((failure) => failure?.reason === 'no answer'), 'it to notice');
		way.resume();
		await isStatus(client, 'open');
	});

	it('does not take a sleep for a time-out', limit, async (t) => {
		const client = made.client(server.url);
		const real = Date.now;
		let slept = 0;
		const holder = server.psql(`SELECT pg_advisory_lock(5); SELECT pg_sleep(60)`).catch(() => {});

		t.mock.method(Date, 'now', () => real() + slept);
		await until(async () => await server.psql(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted`) === '1', 'the lock');
		const call = client.rpc('app/wait').with({ timeout: 20000 })(5);
		await until(async () => await server.psql(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`) === '1', 'the call');
		slept = 8 * 3600 * 1000;
		// its clock goes on, and says no more than it should
		await assert.rejects(client.rpc('app/wait').with({ timeout: 1500 })(5), { code: 'TIMEOUT' });
		await server.psql(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 5`);
		assert.equal(await call, 'done');
		await holder;
	});

	it('is not tried again after a refusal for good', limit, async () => {
		const client = made.client(server.url, { token: token({ sub: 'ann', exp: 1 }) });

		client.connect();
		await isStatus(client, 'failed');
		assert.deepEqual([client.failure.current.class, client.failure.current.code], ['TERMINAL', 4401]);
		await assert.rejects(client.rpc('app/me')(), { code: 'CONNECTION_CLOSED' });
	});

	it('is tried again after a long pause when there are too many', limit, async () => {
		const clients = [];
		let pause;

		for (let i = 0; i < 3; i++) {
			clients.push(made.client(server.url, {
				token: token({ sub: 'many' }), delay: (attempt, throttled) => { pause = { attempt, throttled }; return throttled ? 50 : 5; },
			}));
			clients[i].connect();
			if (i < 2)
				assert.equal(await clients[i].rpc('app/me')(), 'many');
		}
		await until(() => clients[2].failure.current?.class === 'THROTTLE', 'a refusal');
		assert.equal(pause.throttled, true);
		clients[0].close();
		await until(() => clients[2].rpc('app/me').fresh().then((me) => me === 'many', () => false), 'it to come in');
	});
});

describe('who is on it', () => {
	it('says a token, or a function, which is asked each time', limit, async () => {
		const way = await made.way(server.port);
		let asked = 0;
		const client = made.client(way.url, { token: async () => token({ sub: `ann${++asked}` }) });

		assert.equal(await client.rpc('app/me')(), 'ann1');
		way.cut();
		await until(() => asked === 2, 'another one');
		await isStatus(client, 'open');
		assert.equal(await client.rpc('app/me')(), 'ann2');
	});

	it('tries again when the function fails', limit, async () => {
		let asked = 0;
		const client = made.client(server.url, { token: async () => {
			if (++asked < 3)
				throw new Error('no network');
			return token({ sub: 'bob' });
		} });

		client.connect();
		await isStatus(client, 'open');
		assert.equal(await client.rpc('app/me')(), 'bob');
		assert.equal(asked, 3);
	});

	it('renews it in band before it ends', limit, async () => {
		let asked = 0;
		const seen = [];
		const client = made.client(server.url, {
			token: () => { asked++; return token({ sub: 'carl', exp: now() + (asked === 1 ? 5 : 3000) }); },
			spy: { received: (frame) => seen.push(frame) },
		});
		const status = watch(client.status);

		assert.equal(await client.rpc('app/me')(), 'carl');
		await until(() => seen.some((frame) => frame.type === 'auth' && frame.ok), 'a new token');
		const end = now() + 6;
		await until(() => now() > end, 'the first one to be over');
		assert.equal(await client.rpc('app/me').fresh(), 'carl');
		assert.deepEqual(status.values, ['disconnected', 'connecting', 'open']);
	});

	it('comes back with another one when it has ended', limit, async () => {
		let given = token({ sub: 'dora', exp: now() + 60 });
		const client = made.client(server.url, { token: () => given });
		const failures = watch(client.failure);

		assert.equal(await client.rpc('app/me')(), 'dora');
		given = undefined;			// nothing to renew it with, for now
		// on a machine that is busy it may be over already: then the first one ends
		client.authenticate(token({ sub: 'dora', exp: now() + 2 })).catch(() => {});
		await until(() => failures.values.some((failure) => failure?.code === 4408), 'the end');
		given = token({ sub: 'dora' });
		await until(() => client.rpc('app/me').fresh().then((me) => me === 'dora' || me === 'nobody', () => false), 'it to be back');
	});

	it('is told what is wrong with a new token, and stays who it was', limit, async () => {
		const client = made.client(server.url, { token: token({ sub: 'emil' }) });

		assert.equal(await client.rpc('app/me')(), 'emil');
		await assert.rejects(client.authenticate(token({ sub: 'emil', exp: 1 })), { code: 'UNAUTHENTICATED' });
		assert.equal(await client.rpc('app/me').fresh(), 'emil');
		assert.equal(await client.authenticate(token({ sub: 'emil' })), null);
	});

	it('becomes another one, with nothing left of the first', limit, async () => {
		const client = made.client(server.url, { token: token({ sub: 'fred' }) });

		assert.equal(await client.rpc('app/me')(), 'fred');
		client.become(token({ sub: 'gina' }));
		assert.equal(await client.rpc('app/me')(), 'gina');
		client.become(undefined);
		assert.equal(await client.rpc('app/me')(), 'nobody');
	});

	it('may be another one when it is over, and its streams go on', limit, async () => {
		await server.psql(`SELECT realtime.channel('app/news', 'news', merge => 'latest')`);
		const client = made.client(server.url, { token: token({ sub: 'hugo', exp: 1 }) });
		const news = client.stream('app/news');
		const seen = watch(news);

		await isStatus(client, 'failed');
		await until(() => news.error.current?.code === 'CONNECTION_CLOSED', 'the stream to know');
		client.become(token({ sub: 'hugo' }));
		await until(() => news.status.current === 'connected', 'the stream');
		assert.equal(await client.rpc('app/me')(), 'hugo');
		await server.psql(`SELECT realtime.publish('news', 'x', '1')`);
		await until(() => seen.last?.[0] === 1, 'the event');
	});

	it('asks over HTTP before, if it is told to', limit, async () => {
		const client = made.client(server.url, { auth: true });

		assert.equal(await client.rpc('app/me')(), 'nobody');
	});

	it('and takes a refusal there for good', limit, async () => {
		const nowhere = made.client(server.url, { auth: '/nowhere' });

		nowhere.connect();
		await isStatus(nowhere, 'failed');
		assert.deepEqual([nowhere.failure.current.kind, nowhere.failure.current.class], ['auth-preflight', 'AUTH']);
	});
});
