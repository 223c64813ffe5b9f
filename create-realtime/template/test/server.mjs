// Where ./start has put the server: .pg/address says it.
import fs from 'node:fs';

const [bindir, socket, port] = fs.readFileSync('.pg/address', 'utf8').trim().split('\n');

export const database = { psql: `${bindir}/psql`, arguments: ['-h', socket, '-U', 'postgres', '-d', 'postgres'] };
export const url = `ws://127.0.0.1:${port}/ws`;
