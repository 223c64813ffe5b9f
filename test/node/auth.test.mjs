// Logins as the published browser client goes through them: asked over HTTP first,
// refused for good, expired, renewed, throttled.  Client below keeps its rules: which
// close codes end it, which have it wait, and when it asks.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { secret, sleep, startServer, token, until, WebSocket } from './lib.mjs';

const page = 'https://app.example';
const limit = { timeout: 300000 };

const now = () => Math.floor(Date.now() / 1000);

// The published client, as far as logins go.  A jar plays the browser's cookies.
class Client {
	constructor(port, { auth = false, jar = new Map(), headers = {}, base = 20 } = {}) {
		Object.assign(this, { port, auth, jar, headers, base });
		this.status = 'connecting';
		this.failure = null;
		this.attempt = 0;
		this.opened = 0;
		this.asked = 0;
		this.closes = [];
		this.delays = [];
		this.frames = [];
		this.ids = 0;
		void this.open();
	}

	cookies() {
		return this.jar.size === 0 ? {} : { Cookie: [...this.jar].map((pair) => pair.join('=')).join('; ') };
	}

	// Before every socket: 2xx goes on, 4xx is final, the rest is tried again.
	async preflight() {
		this.asked++;
		const response = await fetch(`http://127.0.0.1:${this.port}/__ws/auth`, {
			method: 'POST',
			headers: { 'x-requested-with': 'svelte-adapter-uws', Origin: page, ...this.cookies() },
		}).catch(() => ({ status: 0, ok: false, statusText: 'network error' }));
		for (const cookie of response.headers?.getSetCookie() ?? []) {
			const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
			this.jar.set(name, value);
		}
		if (response.ok)
			return true;
		this.failure = { kind: 'auth-preflight', class: 'AUTH', status: response.status, reason: response.statusText || 'unauthorized' };
		if (response.status >= 400 && response.status < 500)
			this.status = 'failed';
		else
			this.again();
		return false;
	}

	async open() {
		if (this.auth && !await this.preflight())
			return;
		this.socket = new WebSocket(`ws://127.0.0.1:${this.port}/ws`, { headers: { Origin: page, ...this.cookies(), ...this.headers } });
		this.socket.on('open', () => {
			this.status = 'open';
			this.failure = null;
			this.attempt = 0;
			this.opened++;
		});
		this.socket.on('message', (data) => this.frames.push(JSON.parse(data)));
		this.socket.on('error', () => {});
		this.socket.on('close', (code, reason) => this.closed(code, String(reason)));
	}

	closed(code, reason) {
		this.closes.push(code);
		if (this.done)
			return;
		if ([1008, 4401, 4403].includes(code)) {
			this.status = 'failed';
			this.failure = { kind: 'ws-close', class: 'TERMINAL', code, reason };
			return;
		}
		if (code === 4429)
			this.attempt = Math.max(this.attempt, 5);
		this.again();
	}

	again() {
		const delay = Math.min(this.base * 2.2 ** this.attempt++, 100 * this.base);

		this.status = 'disconnected';
		this.delays.push(delay);
		setTimeout(() => { if (!this.done) void this.open(); }, delay);
	}

	async frame(condition) {
		await until(() => this.frames.some(condition), 'a frame');
		return this.frames.splice(this.frames.findIndex(condition), 1)[0];
	}

	// undefined if the connection ends before it is answered.
	async call(path, ...args) {
		const id = `c${++this.ids}`;
		const isReply = (frame) => frame.topic === '__rpc' && frame.event === id;
		const closes = this.closes.length;

		this.socket.send(JSON.stringify({ rpc: path, id, args }));
		await until(() => this.frames.some(isReply) || this.closes.length > closes, 'a reply');
		return this.frames.find(isReply)?.data;
	}

	stop() {
		this.done = true;
		this.socket?.terminate();
	}
}

describe('logins of the published client', limit, () => {
	let server;
	const clients = [];
	const client = (options) => {
		clients.push(new Client(server.port, options));
		return clients.at(-1);
	};
	const session = (id, ...more) => new Map([['session', id], ...more]);
	const settled = (which) => until(() => which.status === 'failed' || which.status === 'open', 'a verdict');

	before(async () => {
		server = await startServer({
			settings: {
				'realtime.jwt_secret': secret,
				'realtime.jwt_leeway': '0',
				'realtime.allowed_origins': page,
				'realtime.max_connections_per_user': 2,
				'realtime.upgrade_rate': 0,
			},
		});
		await server.psql(`CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC;
			CREATE FUNCTION app.me() RETURNS text LANGUAGE sql AS $$SELECT coalesce(realtime.user_id(), 'nobody')$$;
			CREATE FUNCTION app.say(topic text) RETURNS void LANGUAGE sql AS $$SELECT realtime.publish(topic, 'said', '1')$$;
			CREATE TABLE app.session (id text PRIMARY KEY, who text, banned boolean DEFAULT false, expires timestamptz);
			INSERT INTO app.session VALUES ('good', 'ann', false), ('old', 'ann', false), ('banned', 'eve', true), ('many', 'max', false);
			CREATE FUNCTION app.enter(request jsonb) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = app, pg_temp AS $$
			DECLARE
				own app.session;
			BEGIN
				IF request -> 'claims' ->> 'sub' IS NOT NULL THEN
					RETURN jsonb_build_object('id', request -> 'claims' ->> 'sub', 'exp', (request -> 'claims' -> 'exp'));
				END IF;
				IF request #>> '{cookies,session}' = 'broken' THEN RAISE EXCEPTION 'no'; END IF;
				IF request #>> '{cookies,session}' = 'early' THEN PERFORM realtime.raise('RATE_LIMITED', 'Too early'); END IF;
				SELECT * INTO own FROM app.session s WHERE s.id = request #>> '{cookies,session}';
				IF own.id IS NULL THEN RETURN NULL; END IF;
				IF own.banned THEN PERFORM realtime.raise('FORBIDDEN', 'You are banned'); END IF;
				IF request ->> 'method' = 'POST' THEN
					UPDATE app.session SET expires = clock_timestamp() + '2 s' WHERE id = own.id AND own.expires IS NOT NULL;
					PERFORM realtime.set_cookie('session', own.id, secure => false);
				ELSIF own.expires < clock_timestamp() THEN
					RETURN NULL;
				END IF;
				RETURN jsonb_build_object('id', own.who) ||
					CASE WHEN own.expires IS NULL THEN '{}' ELSE jsonb_build_object('exp', ceil(extract(epoch FROM own.expires))) END;
			END $$;
			GRANT EXECUTE ON FUNCTION app.enter(jsonb) TO realtime_anonymous;
			SELECT realtime.rpc('app/me', 'app.me()'), realtime.rpc('app/say', 'app.say(text)'), realtime.topic('news', open => true)`);
		await server.declared('app/me');
		await server.psql(`SELECT realtime.hook('authenticate', 'app.enter(jsonb)')`);
		await until(async () => (await fetch(`http://127.0.0.1:${server.port}/__ws/auth`, { method: 'POST', headers: { 'x-requested-with': 'x' } })).status === 401,
			'the hook');
	});

	after(async () => {
		clients.forEach((one) => one.stop());
		await server?.stop();
	});

	it('asks first, and goes on with the cookie that it is given', limit, async () => {
		const one = client({ auth: true, jar: session('good') });

		await settled(one);
		assert.equal(one.status, 'open');
		assert.equal(one.asked, 1);
		assert.equal((await one.call('app/me')).data, 'ann');
		one.stop();
	});

	it('lets the page of another origin ask for nothing, and says so to its own', limit, async () => {
		const ask = (method, headers) => fetch(`http://127.0.0.1:${server.port}/__ws/auth`, { method, headers });
		const own = await ask('OPTIONS', { Origin: page, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'x-requested-with' });
		const answer = await ask('POST', { Origin: page, 'x-requested-with': 'svelte-adapter-uws', Cookie: 'session=good' });

		assert.equal(own.status, 204);
		assert.equal(own.headers.get('access-control-allow-methods'), 'POST');
		assert.match(own.headers.get('access-control-allow-headers'), /x-requested-with/i);
		for (const { headers } of [own, answer]) {
			assert.equal(headers.get('access-control-allow-origin'), page);
			assert.equal(headers.get('access-control-allow-credentials'), 'true');
		}
		assert.equal(answer.status, 204);
		assert.match(answer.headers.getSetCookie()[0], /^session=good;.*HttpOnly/);
		for (const method of ['OPTIONS', 'POST']) {
			const other = await ask(method, { Origin: 'https://evil.example', 'x-requested-with': 'x', 'Access-Control-Request-Method': 'POST', Cookie: 'session=good' });
			assert.equal(other.status, 403);
			assert.equal(other.headers.get('access-control-allow-origin'), null);
			assert.deepEqual(other.headers.getSetCookie(), []);
		}
	});

	it('is told for good that it may not come in', limit, async () => {
		for (const [id, status, code] of [['nobody', 401, 4401], ['banned', 403, 4403]]) {
			const first = client({ auth: true, jar: session(id) });
			await settled(first);
			assert.deepEqual([first.status, first.failure.kind, first.failure.status, first.opened], ['failed', 'auth-preflight', status, 0]);
			const direct = client({ jar: session(id) });
			await until(() => direct.status === 'failed', 'a refusal');
			assert.deepEqual([direct.failure.class, direct.failure.code, direct.closes.length], ['TERMINAL', code, 1]);
		}
		const forged = client({ headers: { Authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.' } });
		await until(() => forged.status === 'failed', 'a refusal');
		assert.equal(forged.failure.code, 4401);
	});

	it('comes back by itself when the hook has failed', limit, async () => {
		const one = client({ auth: true, jar: session('broken') });

		await until(() => one.asked >= 3, 'it to ask again');
		assert.equal(one.status === 'failed', false);
		assert.equal(one.failure.status, 503);
		one.jar.set('session', 'good');
		await until(() => one.status === 'open', 'it to come in');
		one.stop();
		const direct = client({ jar: session('broken') });
		await until(() => direct.closes.length >= 2, 'it to come back');
		assert.deepEqual([...new Set(direct.closes)], [1013]);
		direct.jar.set('session', 'good');
		await until(async () => direct.status === 'open' && (await direct.call('app/me'))?.data === 'ann', 'it to be in');
		direct.stop();
	});

	it('renews its token in band, and keeps its subscriptions', limit, async () => {
		const one = client({ headers: { Authorization: `Bearer ${token({ sub: 'bob', exp: now() + 8 })}` } });

		await settled(one);
		one.socket.send(JSON.stringify({ type: 'subscribe', topic: 'news', ref: 1 }));
		await one.frame((frame) => frame.type === 'subscribed');
		await one.frame((frame) => frame.type === 'auth-expiring');
		const exp = now() + 3000;
		one.socket.send(JSON.stringify({ type: 'auth', token: token({ sub: 'bob', exp }) }));
		assert.deepEqual(await one.frame((frame) => frame.type === 'auth'), { type: 'auth', ok: true, exp });
		await until(() => now() > exp - 3000 + 9, 'the first token to be over');
		await one.call('app/say', 'news');
		await one.frame((frame) => frame.topic === 'news' && frame.event === 'said');
		assert.deepEqual([one.opened, one.closes], [1, []]);
		one.socket.send(JSON.stringify({ type: 'auth', token: token({ sub: 'bob', exp: 1 }) }));
		const refused = await one.frame((frame) => frame.type === 'auth');
		assert.deepEqual([refused.ok, refused.code], [false, 'UNAUTHENTICATED']);
		assert.equal((await one.call('app/me')).data, 'bob');
		one.socket.send(JSON.stringify({ type: 'auth', token: token({ sub: 'eve' }) }));
		await until(() => one.status === 'failed', 'another one to be refused');
		assert.equal(one.failure.code, 4403);
	});

	it('sleeps over its session, and comes back with a fresh one', limit, async () => {
		await server.psql(`UPDATE app.session SET expires = clock_timestamp() + '2 s' WHERE id = 'old'`);
		const one = client({ auth: true, jar: session('old') });

		await until(() => one.opened >= 3, 'it to have come back twice');
		await until(() => one.status === 'open', 'it to be in');
		assert.equal((await one.call('app/me')).data, 'ann');
		assert.deepEqual([...new Set(one.closes)], [4408]);
		assert.equal(one.failure, null);
		assert.ok(one.asked >= one.opened);
		one.stop();
	});

	it('waits for longer when there are too many of it', limit, async () => {
		const two = [client({ jar: session('many') }), client({ jar: session('many') })];

		for (const one of two) {
			await settled(one);
			assert.equal((await one.call('app/me')).data, 'max');
		}
		const third = client({ jar: session('many') });
		await until(() => third.closes.length > 0, 'a refusal');
		assert.equal(third.closes[0], 4429);
		assert.ok(third.delays[0] >= 20 * 2.2 ** 5 * 0.99);
		two[0].stop();
		await until(() => third.status === 'open' && third.opened > third.closes.length, 'it to come in', 60000);
		assert.equal((await third.call('app/me')).data, 'max');
		two[1].stop();
		third.stop();
	});

	it('comes back when it was too early, asked first or not', limit, async () => {
		for (const [auth, failed, code] of [[true, 503, undefined], [false, undefined, 4429]]) {
			const one = client({ auth, jar: session('early') });

			await until(() => one.failure?.status === 503 || one.closes.length > 0, 'a refusal');
			assert.deepEqual([one.failure?.status, one.closes[0]], [failed, code]);
			assert.notEqual(one.status, 'failed');
			one.jar.set('session', 'good');
			await until(() => one.status === 'open' && one.closes.length < one.opened, 'it to come in');
			one.stop();
		}
	});

	it('tells what may not be asked from what is to be asked otherwise', limit, async () => {
		const ask = (method, headers = {}, body = undefined) => fetch(`http://127.0.0.1:${server.port}/__ws/auth`, { method, headers, body });
		const other = await ask('GET');

		assert.equal(other.status, 405);
		assert.match(other.headers.get('allow'), /POST/);
		assert.equal((await ask('POST', { 'x-requested-with': 'x', Cookie: 'session=good' }, 'y'.repeat(65 * 1024))).status, 413);
		for (const [headers, status] of [[{ 'x-requested-with': 'XMLHttpRequest' }, 204], [{ 'sec-fetch-site': 'same-origin' }, 204],
			[{ Origin: page }, 204], [{ 'sec-fetch-site': 'cross-site' }, 403], [{ Origin: 'null' }, 403], [{ Origin: `${page}:444` }, 403]]) {
			const answer = await server.request('/__ws/auth', { method: 'POST', headers: { 'content-length': 0, Cookie: 'session=good', ...headers } });
			assert.equal(answer.status, status, JSON.stringify(headers));
		}
	});

	it('gets no cookie with the upgrade, which some proxies would end', limit, async () => {
		const answer = await server.request('/ws', { headers: { Origin: page, Cookie: 'session=good', Connection: 'Upgrade', Upgrade: 'websocket',
			'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' } });

		assert.equal(answer.status, 101);
		assert.equal(answer.headers['set-cookie'], undefined);
		assert.equal(answer.headers['sec-websocket-protocol'], undefined);
	});

	it('comes back after each close that is not final, and not after those that are', limit, async () => {
		for (const code of [1000, 1001, 1011, 1012, 1013, 4408, 4999]) {
			const one = client({ headers: { Authorization: `Bearer ${token({ sub: `c${code}` })}` } });

			await settled(one);
			await one.call('app/me');
			await server.psql(`SELECT realtime.disconnect('c${code}', code => ${code})`);
			await until(() => one.opened === 2, `it to come back after ${code}`);
			assert.deepEqual([one.closes, one.attempt, one.failure], [[code], 0, null]);
			one.stop();
		}
		for (const code of [1008, 4401, 4403]) {
			const one = client({ headers: { Authorization: `Bearer ${token({ sub: `c${code}` })}` } });

			await settled(one);
			await one.call('app/me');
			await server.psql(`SELECT realtime.disconnect('c${code}', code => ${code}, reason => 'Out')`);
			await until(() => one.status === 'failed', `it to be out after ${code}`);
			assert.deepEqual([one.closes, one.opened, one.failure.reason], [[code], 1, 'Out']);
		}
		const large = client({ headers: { Authorization: `Bearer ${token({ sub: 'large' })}` } });
		await settled(large);
		await large.call('app/me');
		large.socket.send('x'.repeat(2 * 1024 * 1024));
		await until(() => large.opened === 2, 'it to come back');
		assert.ok([1006, 1009].includes(large.closes[0]));
		large.stop();
	});

	it('takes a refused upgrade for a broken connection', limit, async () => {
		await server.psql(`CREATE FUNCTION app.shut(request jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT false';
			SELECT realtime.hook('upgrade', 'app.shut(jsonb)')`);
		const one = client({ headers: { Authorization: `Bearer ${token({ sub: 'dan' })}` } });

		await until(() => one.closes.length >= 3, 'it to try again');
		assert.deepEqual([[...new Set(one.closes)], one.opened, one.status === 'failed'], [[1006], 0, false]);
		await server.psql(`SELECT realtime.hook('upgrade', NULL)`);
		await until(() => one.status === 'open', 'it to come in');
		one.stop();
	});

	it('asks again when the server was away, and comes in when it is back', limit, async () => {
		const one = client({ auth: true, jar: session('good') });

		await settled(one);
		await one.call('app/me');
		await server.pgCtl('stop', '-m', 'fast');
		await until(() => one.failure?.status === 0, 'nobody to be there');
		assert.deepEqual(one.failure, { kind: 'auth-preflight', class: 'AUTH', status: 0, reason: 'network error' });
		assert.deepEqual([one.closes, one.status], [[1001], 'disconnected']);
		const asked = one.asked;
		await until(() => one.asked > asked, 'it to ask before each try');
		await server.pgCtl('start');
		await until(() => one.status === 'open', 'it to come in');
		assert.equal((await one.call('app/me')).data, 'ann');
		assert.equal(one.failure, null);
		one.stop();
	});

	it('is disconnected for good, or to come back', limit, async () => {
		const [gone, back] = [client({ jar: session('good') }), client({ headers: { Authorization: `Bearer ${token({ sub: 'carl' })}` } })];

		for (const one of [gone, back]) {
			await settled(one);
			await one.call('app/me');
		}
		await server.psql(`SELECT realtime.disconnect('ann', reason => 'Your account is closed'), realtime.disconnect('carl', code => 4408)`);
		await until(() => gone.status === 'failed', 'it to be out');
		assert.deepEqual(gone.failure, { kind: 'ws-close', class: 'TERMINAL', code: 4403, reason: 'Your account is closed' });
		await until(() => back.opened === 2, 'it to come back');
		assert.equal((await back.call('app/me')).data, 'carl');
		await sleep(0);
		back.stop();
	});
});
