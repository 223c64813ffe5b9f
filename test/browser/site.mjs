// site.mjs - a server with the pages of the examples, as ./run demo has it.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startServer } from '../node/lib.mjs';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));

// The tables as pgbench makes them, with two branches.
export const pgbenchTables = `
CREATE TABLE pgbench_branches (bid integer PRIMARY KEY, bbalance integer, filler char(88));
CREATE TABLE pgbench_tellers (tid integer PRIMARY KEY, bid integer, tbalance integer, filler char(84));
INSERT INTO pgbench_branches SELECT i, 0 FROM generate_series(1, 2) i;
INSERT INTO pgbench_tellers SELECT i, 1 + (i - 1) / 10, 0 FROM generate_series(1, 20) i;`;

// A server with the SQL and then these files of it loaded.
export async function startSite(files, { sql = '', settings = {} } = {}) {
	const server = await startServer({
		settings: { 'realtime.document_root': examples, 'realtime.presence_grace': '300ms', ...settings },
	});

	await server.psql(sql);
	for (const file of files)
		await server.psql(fs.readFileSync(path.join(examples, file), 'utf8'));
	return server;
}
