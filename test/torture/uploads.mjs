// uploads.mjs - clients upload, cancel and vanish: what a client was told is there is, and
// whatever is there is whole.
import crypto from 'node:crypto';
import { patience, sleep, until, WebSocket } from '../node/lib.mjs';
import { chunkFrame, cancelFrame, headerOf } from '../../client/upload/wire.js';
import { Trade } from './trade.mjs';

const uploaders = 3;
const together = 5;				// that there is room for, see crashes.mjs
const longest = 400000;			// bytes; more than a ring
const refusals = ['CANCELLED', 'TOO_MANY_UPLOADS', 'OVERLOADED', 'SERVICE_UNAVAILABLE', 'NOT_FOUND'];
const accidents = ['INTERNAL_ERROR', 'TIMEOUT'];	// who has them does not know

// A connection that uploads one after the other.
class Uploader {
	constructor(trade, random) {
		this.trade = trade;
		this.random = random;
		this.streams = 0;
	}

	async connect() {
		this.socket = new WebSocket(this.trade.round.url, { perMessageDeflate: false, handshakeTimeout: 5000 });
		this.replies = new Map();
		this.closed = new Promise((resolve) => { this.socket.once('close', resolve); });
		this.socket.on('error', () => {});
		this.socket.on('message', (data) => this.receive(JSON.parse(data.toString())));
		await Promise.race([new Promise((resolve) => { this.socket.once('open', resolve); }), this.closed]);
	}

	get isOpen() {
		return this.socket.readyState === WebSocket.OPEN;
	}

	receive({ topic, event, data }) {
		if (topic === '__upload')
			this.replies.get(event)?.(data);
	}

	// What becomes of an upload; undefined: nobody knows.
	upload(path, id, bytes, interrupt = () => false) {
		const stream = ++this.streams;
		const reply = new Promise((resolve) => { this.replies.set(stream.toString(16).padStart(8, '0'), resolve); });

		this.send(stream, headerOf({ rpc: path, args: [id] }), bytes, interrupt).catch(() => {});
		return this.patiently(id, Promise.race([reply, this.closed.then(() => undefined)]));
	}

	// Who is told nothing, and is not cut off either, would wait for ever.
	async patiently(id, result) {
		const timer = setTimeout(() => {
			this.trade.round.fail(`nobody has said what became of upload ${id}`);
			this.socket.terminate();
		}, patience);

		return result.finally(() => clearTimeout(timer));
	}

	async send(stream, header, bytes, interrupt) {
		let number = 0;

		for (let at = 0; number === 0 || at < bytes.length;) {
			const piece = bytes.subarray(at, at + this.random.between(1, 60000));

			at += piece.length;
			if (!this.isOpen || interrupt(stream, number))
				return;
			this.socket.send(chunkFrame(stream, number++, header, piece, at >= bytes.length));
			if (this.random.chance(0.3))
				await sleep(this.random.between(0, 10));
		}
	}

	// At times it takes one back, or vanishes, somewhere in the middle.
	interruption() {
		const after = this.random.between(1, 6);
		const fate = this.random.next();

		return (stream, number) => {
			if (fate > 0.3 || number !== after)
				return false;
			if (fate > 0.15)
				this.socket.send(cancelFrame(stream));
			else
				this.socket.terminate();
			return true;
		};
	}

	async run(name) {
		const { round } = this.trade;

		for (let n = 0; !round.over;) {
			await this.connect();
			while (this.isOpen && !round.over)
				await this.trade.one(this, `${name}.${++n}`);
			this.socket.terminate();
			await sleep(20);
		}
	}
}

export class Uploads extends Trade {
	schema() {
		return `
			GRANT USAGE ON SCHEMA torture TO PUBLIC;
			CREATE TABLE torture.file (id text PRIMARY KEY);
			CREATE TABLE torture.piece (file text, n integer, bytes bytea);
			CREATE TABLE torture.document (id text PRIMARY KEY, content oid);
			CREATE FUNCTION torture.keep(id text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
			DECLARE
				piece bytea;
				n integer := 0;
			BEGIN
				LOOP
					piece := realtime.upload_next();
					EXIT WHEN piece IS NULL;
					n := n + 1;
					INSERT INTO torture.piece VALUES (id, n, piece);
				END LOOP;
				INSERT INTO torture.file VALUES (id);
			END $$;
			CREATE FUNCTION torture.keep_object(id text) RETURNS void LANGUAGE sql SECURITY DEFINER AS
				$$INSERT INTO torture.document VALUES (id, realtime.upload_to_lo())$$;
			SELECT realtime.upload('torture/keep', 'torture.keep(text)'), realtime.upload('torture/keep_object', 'torture.keep_object(text)')`;
	}

	ready() {
		return this.server.declared('torture/keep', ['x']);
	}

	begin() {
		this.sent = new Map();		// id → SHA-256 of all of it
		this.kept = new Set();		// whose clients were told so
		this.refused = new Set();	// the same, that they are not
		return Array.from({ length: uploaders }, (unused, i) =>
			new Uploader(this, this.round.random(`uploader ${i}`)).run(`${this.round.seed}.${i}`));
	}

	async one(uploader, id) {
		const { random } = uploader;
		const length = random.chance(0.2) ? random.between(0, 10) : random.between(0, longest);
		const bytes = Buffer.alloc(length, String(random.next()));

		this.sent.set(id, crypto.createHash('sha256').update(bytes).digest('hex'));
		this.note(id, await uploader.upload(random.chance(0.3) ? 'torture/keep_object' : 'torture/keep', id, bytes, uploader.interruption()));
	}

	note(id, result) {
		const { round } = this;
		const fate = !result ? 'nobody knows' : result.ok ? 'kept' : result.code;

		round.count(`uploads: ${fate}`);
		if (result?.ok)
			this.kept.add(id);
		else if (refusals.includes(result?.code))
			this.refused.add(id);
		else if (result && !accidents.includes(result.code))
			round.fail(`upload ${id} has failed: ${result.code} ${result.error}`);
	}

	async rest() {
		await this.round.callsAreOver();
		if (this.round.liar)
			await this.server.psql(`INSERT INTO torture.piece VALUES ('liar', 1, 'half')`);
	}

	// id → SHA-256 of what is there
	async there() {
		const rows = await this.server.psql(`
			SELECT id, encode(sha256(coalesce(string_agg(bytes, NULL ORDER BY n), '')), 'hex') FROM torture.file LEFT JOIN torture.piece ON file = id GROUP BY id
			UNION ALL SELECT id, encode(sha256(lo_get(content)), 'hex') FROM torture.document`);

		return new Map(rows.split('\n').filter(Boolean).map((row) => row.split('|')));
	}

	async compare() {
		const there = await this.there();

		for (const [id, sum] of there)
			this.sent.get(id) === sum || this.round.fail(`upload ${id} is there and is not what was sent`);
		for (const id of this.kept)
			there.has(id) || this.round.fail(`upload ${id} is not there`);
		for (const id of this.refused)
			there.has(id) && this.round.fail(`upload ${id} is there`);
		await this.areNone({
			'pieces of no upload': 'SELECT DISTINCT file FROM torture.piece WHERE file NOT IN (SELECT id FROM torture.file)',
			'large objects of no upload': 'SELECT oid FROM pg_largeobject_metadata WHERE oid NOT IN (SELECT content FROM torture.document)',
		});
		await this.allPlacesAreFree();
	}

	// As many as there may be, at once; one that nobody has left would be missing.
	async allPlacesAreFree() {
		const pairs = [2, together - 2];

		await until(async () => {
			const results = await Promise.all(pairs.map((n, i) => this.several(n, i)));
			return results.flat().every((result) => result?.ok);
		}, 'all places of uploads to be free');
	}

	async several(count, i) {
		const uploader = new Uploader(this, this.round.random(`several ${i}`));

		await uploader.connect();
		const results = await Promise.all(Array.from({ length: count }, () =>
			uploader.upload('torture/keep', crypto.randomUUID(), Buffer.alloc(10))));
		uploader.socket.terminate();
		return results;
	}

	clear() {
		return this.server.psql(`SELECT count(lo_unlink(content)) FROM torture.document;
			TRUNCATE torture.file, torture.piece, torture.document`);
	}
}
