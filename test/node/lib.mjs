// lib.mjs - a private server and a client that sees every frame.
//
//	const server = await startServer({ settings: { 'realtime.ping_interval': '200ms' } });
//	await server.psql(`SELECT realtime.topic('chat:{room}', open => true)`);
//	const client = await server.connect();
//	await client.subscribe('chat:1');
//	const event = await client.next((f) => f.event === 'created');
//	await server.stop();
//
// The server is one of its own in a temporary directory, with the programs
// of PG_BINDIR (the extension must be installed there; ./run test does that).
// It listens on a Unix socket that nobody else can reach.  Started as root it
// runs as the user "postgres", because a server refuses to be root.
//
// Nothing here sleeps in the hope that something has happened meanwhile: what
// is waited for has a deadline.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import WebSocket from 'ws';

export { pg, WebSocket };

// Milliseconds that anything may take before a test gives up: long, because the
// machine may have much else to do.
export const patience = Number(process.env.RT_TEST_PATIENCE || 120) * 1000;

const bindir = process.env.PG_BINDIR || '/usr/lib/postgresql/15/bin';
const initdb = fileURLToPath(new URL('../bin/initdb', import.meta.url));

// ---------------------------------------------------------------------------
// Waiting

export function sleep(ms) {
	return new Promise((resolve) => setTimeout(resolve, ms));
}

// What was looked at last, for who waits in vain.
const sights = new Map();

// Notes what something was found to be, and returns that.
export function seen(what, value) {
	sights.delete(what);
	sights.set(what, value);
	if (sights.size > 8)
		sights.delete(sights.keys().next().value);
	return value;
}

// Lines of all that was looked at.
export function told(list) {
	return [...list].map(([what, value]) => `\n    ${what.trim().slice(0, 300)}: ${(JSON.stringify(value) ?? String(value)).slice(0, 1000)}`).join('');
}

// Calls condition until it returns something true, and returns that.
export async function until(condition, what = 'a condition', ms = patience) {
	const deadline = Date.now() + ms;

	for (;;) {
		const isLate = Date.now() > deadline;
		if (isLate)
			sights.clear();
		const result = await condition();
		if (result)
			return result;
		if (isLate)
			throw new Error(`waited ${ms} ms for ${what}; it is still ${result}${told(sights)}`);
		await sleep(25);
	}
}

// ---------------------------------------------------------------------------
// Tokens

// For 'realtime.jwt_secret'.
export const secret = 'a secret of more than thirty-two bytes, as it should be';

// A JSON Web Token with these claims (RFC 7519), signed with the secret.
export function token(claims) {
	const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
	const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;

	return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
}

// ---------------------------------------------------------------------------
// The server

// The user that the server runs as, if that is not the one we are.
function serverUser() {
	if (process.getuid() !== 0)
		return {};
	const id = (option) => Number(execFileSync('id', [option, 'postgres']));
	return { uid: id('-u'), gid: id('-g') };
}

// A port that is free, and kept from others by a process that ends with this
// one, see test/port.
export async function reservePort() {
	const first = 20000 + Math.floor(Math.random() * 8000);
	const holder = spawn(fileURLToPath(new URL('../port', import.meta.url)), [first],
		{ stdio: ['ignore', 'pipe', 'inherit'] });
	const [answer] = await once(holder.stdout, 'data');
	holder.unref();
	holder.stdout.unref();
	return Number(answer);
}

const running = new Set();

// A test that dies must not leave a server behind.
process.on('exit', () => {
	for (const server of running)
		server.kill();
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
	process.once(signal, () => process.exit(1));

export class Server {
	constructor({ settings = {}, extension = true }) {
		this.settings = settings;
		this.extension = extension;
		this.user = serverUser();
	}

	async start() {
		// Unix sockets want a short path.
		this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-'));
		this.data = path.join(this.dir, 'data');
		this.logFile = path.join(this.dir, 'log');
		if (this.user.uid !== undefined)
			fs.chownSync(this.dir, this.user.uid, this.user.gid);
		this.port = Number(this.settings['realtime.port'] || await reservePort());
		running.add(this);

		await this.run('initdb', ['-D', this.data, '-U', 'postgres', '-A', 'trust',
			'--no-sync', '--locale=C.UTF-8', '--encoding=UTF8']);
		this.configure({
			listen_addresses: '',
			unix_socket_directories: this.dir,
			shared_preload_libraries: 'realtime',
			max_worker_processes: 32,
			fsync: 'off',
			'realtime.port': this.port,
			'realtime.listen_addresses': '127.0.0.1',
			// Tests connect more often than an attacker may.
			'realtime.upgrade_rate': 0,
			...this.settings,
		});
		await this.pgCtl('start');
		if (this.extension) {
			await this.psql('CREATE EXTENSION realtime');
			await this.ready();
		}
	}

	// Waits until the gateway answers that it and the executors are at work.
	async ready() {
		await until(async () => (await this.request('/healthz').catch(() => ({}))).status === 200,
			'the gateway to be healthy').catch((error) => {
			throw new Error(`${error.message}\n${this.log().slice(-4000)}`);
		});
	}

	// Not synchronously: clients must be able to answer while a server stops.
	async run(program, args) {
		const child = spawn(program === 'initdb' ? initdb : path.join(bindir, program), args,
			{ ...this.user, env: { ...process.env, PG_BINDIR: bindir }, cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
		let output = '';

		child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
		child.stderr.setEncoding('utf8').on('data', (text) => { output += text; });
		// Not 'close': a server that has been started keeps the pipes open.
		const [code] = await once(child, 'exit');
		child.stdout.destroy();
		child.stderr.destroy();
		if (code !== 0)
			throw new Error(`${program}: ${output}${this.log().slice(-4000)}`);
	}

	pgCtl(action, ...more) {
		return this.run('pg_ctl', [action, '-D', this.data, '-s', '-w', '-t', '180',
			'-l', this.logFile, ...more]);
	}

	// Appends to postgresql.conf; reload() or restart() makes it count.
	configure(settings) {
		const lines = Object.entries(settings).map(([name, value]) =>
			`${name} = '${value}'\n`);
		fs.appendFileSync(path.join(this.data, 'postgresql.conf'), lines.join(''));
	}

	reload() {
		return this.pgCtl('reload');
	}

	async restart(mode = 'fast') {
		await this.pgCtl('restart', '-m', mode);
		await this.ready();
	}

	log() {
		try {
			return fs.readFileSync(this.logFile, 'utf8');
		} catch {
			return '';
		}
	}

	// Runs SQL with psql and resolves to what it prints, unaligned.
	psql(sql, { database = 'postgres' } = {}) {
		return new Promise((resolve, reject) => {
			const child = spawn(path.join(bindir, 'psql'), ['-X', '-q', '-A', '-t',
				'-v', 'ON_ERROR_STOP=1', '-h', this.dir, '-U', 'postgres', '-d', database]);
			let out = '';
			let err = '';

			child.stdout.setEncoding('utf8').on('data', (text) => { out += text; });
			child.stderr.setEncoding('utf8').on('data', (text) => { err += text; });
			child.once('error', reject);
			// A psql that could not connect reads nothing; its status tells.
			child.stdin.on('error', () => {});
			child.once('close', (code) => {
				if (code === 0)
					resolve(seen(sql, out.trimEnd()));
				else
					reject(new Error(`psql: ${err.trimEnd()}`));
			});
			child.stdin.end(sql);
		});
	}

	get url() {
		return `ws://127.0.0.1:${this.port}/ws`;
	}

	// Connects and waits for the welcome frame, unless welcome is false.
	connect({ url = this.url, ...options } = {}) {
		return Client.connect(url, options);
	}

	// One HTTP request: {status, headers, body}; an upgrade is not followed.
	request(url, { method = 'GET', headers = {} } = {}) {
		return new Promise((resolve, reject) => {
			const request = http.request({
				host: '127.0.0.1', port: this.port, path: url, method, headers,
				agent: false, timeout: patience,
			});

			request.once('upgrade', (response, socket) => {
				socket.destroy();
				resolve({ status: response.statusCode, headers: response.headers, body: '' });
			});
			request.once('response', (response) => {
				let body = '';
				response.setEncoding('utf8').on('data', (text) => { body += text; });
				response.once('end', () => {
					seen(url, [response.statusCode, body]);
					resolve({ status: response.statusCode, headers: response.headers, body });
				});
			});
			request.once('timeout', () => request.destroy(new Error('no answer')));
			request.once('error', reject);
			request.end();
		});
	}

	// Waits until calls of a path are no longer refused as unknown: a
	// declaration takes effect a moment after its commit.
	async declared(rpcPath, args = []) {
		const client = await this.connect();

		await until(async () => {
			const { code } = await client.rpc(rpcPath, args);
			return !['NOT_FOUND', 'OVERLOADED', 'INTERNAL_ERROR'].includes(code);
		}, `${rpcPath} to be declared`);
		await client.close();
	}

	// Waits until a topic may be subscribed.
	async open(topic) {
		const client = await this.connect();

		await until(async () => (await client.subscribe(topic)).type === 'subscribed',
			`topic ${topic} to be open`);
		await client.close();
	}

	async stop(mode = 'fast') {
		if (!running.has(this))
			return;
		try {
			await this.pgCtl('stop', '-m', mode);
		} finally {
			this.kill();
		}
	}

	// Ends the server at once, if it lives, and removes its files.
	kill() {
		running.delete(this);
		if (fs.existsSync(path.join(this.data, 'postmaster.pid'))) {
			spawnSync(path.join(bindir, 'pg_ctl'),
				['stop', '-D', this.data, '-s', '-m', 'immediate'],
				{ ...this.user, cwd: '/', stdio: 'ignore' });
		}
		// ./run test keeps the logs of failed tests from there.
		if (process.env.RT_RUN && this.log())
			fs.copyFileSync(this.logFile, `${process.env.RT_RUN}/home/${path.basename(this.dir)}.log`);
		if (process.env.RT_KEEP)
			console.error(`kept ${this.dir}`);
		else
			fs.rmSync(this.dir, { recursive: true, force: true });
	}
}

export async function startServer(options = {}) {
	const server = new Server(options);

	try {
		await server.start();
	} catch (error) {
		server.kill();
		throw error;
	}
	return server;
}

// ---------------------------------------------------------------------------
// The client

export class Client {
	// Options: headers, origin, protocols, perMessageDeflate, welcome.
	static async connect(url, options = {}) {
		const { protocols = [], welcome = true, ...rest } = options;
		const client = new Client(new WebSocket(url, protocols, {
			perMessageDeflate: false, handshakeTimeout: patience, ...rest,
		}));

		await client.opened;
		if (welcome) {
			client.welcome = await client.next(() => true);
			if (client.welcome.type !== 'welcome')
				throw new Error(`first frame is ${JSON.stringify(client.welcome)}`);
		}
		return client;
	}

	constructor(socket) {
		this.socket = socket;
		this.frames = [];		// all so far, decoded
		this.unread = [];		// those that nobody has waited for, batches taken apart
		this.waiting = new Set();
		this.lastId = 0;
		this.lastRef = 0;

		this.opened = new Promise((resolve, reject) => {
			socket.once('upgrade', (response) => { this.response = response; });
			socket.once('open', resolve);
			socket.once('unexpected-response', (request, response) => {
				const error = new Error(`the upgrade was answered with ${response.statusCode}`);
				error.status = response.statusCode;
				response.resume();
				request.destroy();
				reject(error);
			});
			socket.on('error', reject);
		});
		this.closed = new Promise((resolve) => {
			socket.once('close', (code, reason) => {
				this.closeCode = code;
				for (const waiter of this.waiting)
					waiter.reject(new Error(`closed with ${code} while waiting`));
				resolve({ code, reason: reason.toString() });
			});
		});
		socket.on('message', (data, isBinary) => this.receive(data, isBinary));
	}

	receive(data, isBinary) {
		const frame = isBinary ? { binary: data.toString('hex') } : JSON.parse(data.toString());

		this.frames.push(frame);
		// Both kinds of batch mean the same as their parts one by one.
		if (frame.topic === '__rpc' && frame.event === '__batch') {
			for (const entry of frame.data.batch)
				this.deliver({ topic: '__rpc', event: entry.id, data: entry });
		} else if (frame.type === 'batch') {
			frame.events.forEach((event) => this.deliver(event));
		} else {
			this.deliver(frame);
		}
	}

	deliver(frame) {
		for (const waiter of this.waiting) {
			if (waiter.predicate(frame)) {
				waiter.resolve(frame);
				return;
			}
		}
		this.unread.push(frame);
	}

	// The first unread frame for which predicate is true, or the next such one.
	next(predicate = () => true, ms = patience) {
		const index = this.unread.findIndex(predicate);
		if (index >= 0)
			return Promise.resolve(this.unread.splice(index, 1)[0]);

		if (this.closeCode !== undefined)
			return Promise.reject(new Error(`already closed with ${this.closeCode}`));
		return new Promise((resolve, reject) => {
			const done = (settle) => (value) => {
				clearTimeout(timer);
				this.waiting.delete(waiter);
				settle(value);
			};
			const waiter = { predicate, resolve: done(resolve), reject: done(reject) };
			const timer = setTimeout(() => waiter.reject(new Error(
				`no such frame within ${ms} ms; unread: ${JSON.stringify(this.unread).slice(0, 1000)}`)), ms);
			this.waiting.add(waiter);
		});
	}

	// Sends a text frame (an object as JSON) or, from a Buffer, a binary one.
	send(what) {
		const data = typeof what === 'string' || Buffer.isBuffer(what) ? what : JSON.stringify(what);
		this.socket.send(data);
	}

	newId() {
		return `n${++this.lastId}`;
	}

	// The result of the call with an id: {id, ok, data} or {id, ok, code, error}.
	async result(id, ms = patience) {
		const frame = await this.next((f) => f.topic === '__rpc' && f.event === id, ms);
		return frame.data;
	}

	// Calls, and resolves to the result; more are other members of the frame.
	rpc(rpcPath, args = [], { id = this.newId(), ...more } = {}) {
		this.send({ rpc: rpcPath, id, args, ...more });
		return this.result(id);
	}

	// Subscribes by name: the acknowledgement or the denial.
	subscribe(topic, ref = ++this.lastRef) {
		this.send({ type: 'subscribe', topic, ref });
		return this.ack(topic, ref);
	}

	ack(topic, ref) {
		return this.next((f) => ['subscribed', 'subscribe-denied'].includes(f.type) &&
			f.topic === topic && f.ref === ref);
	}

	// The events of a topic up to and without one of the name last.
	async eventsUntil(topic, last) {
		const events = [];

		for (;;) {
			const frame = await this.next((f) => f.topic === topic && 'event' in f);
			if (frame.event === last)
				return events;
			events.push(frame);
		}
	}

	// Makes sure that the gateway has dealt with all frames sent so far, and
	// returns the frames that nobody has waited for.  What executors still have
	// to answer may come later: whatever must come has to be waited for.
	async settle() {
		await this.rpc('no/such-path');
		return this.unread.splice(0);
	}

	async close(code = 1000) {
		this.socket.close(code);
		const timer = setTimeout(() => this.socket.terminate(), 5000);
		const result = await this.closed;
		clearTimeout(timer);
		return result;
	}

	// Waits until the server closes.
	async closing(ms = patience) {
		let timer;
		const late = new Promise((resolve, reject) => {
			timer = setTimeout(() => reject(new Error(`not closed within ${ms} ms`)), ms);
		});

		return Promise.race([this.closed, late]).finally(() => clearTimeout(timer));
	}
}

// Connects where that is expected to fail; resolves to the HTTP status.
export async function refused(server, options = {}) {
	try {
		const client = await server.connect(options);
		await client.close();
		return 101;
	} catch (error) {
		return error.status ?? error.message;
	}
}

// Resolves as soon as an emitter emits, with a deadline.
export function emitted(emitter, event, ms = patience) {
	return once(emitter, event, { signal: AbortSignal.timeout(ms) });
}
