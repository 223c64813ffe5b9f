#!/usr/bin/env node
// types.js - writes the types of what a server has declared, and its modules, or says
// that they are others than those that are there.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fetchModule, fetchTypes, modulesIn } from './live.js';

const usage = `usage: realtime-types [option ...]

  --url URL          of the server (http://localhost:7432); realtime.serve_modules
                     must let it
  --database NAME    asks the database instead, with psql: a name, or what psql
                     takes for one, such as postgres://...
  --out FILE         where the types go (src/live.d.ts); - is the standard output
  --modules FOLDER   writes the modules, too, for builds without a server
  --check            writes nothing; fails if a file would be another one
`;

function fail(message) {
	process.stderr.write(`realtime-types: ${message}\n`);
	process.exit(1);
}

function read(words) {
	const options = { url: 'http://localhost:7432', out: 'src/live.d.ts', check: false };

	while (words.length > 0) {
		const word = words.shift();

		if (word === '--help')
			return { help: true };
		if (word === '--check')
			options.check = true;
		else if (['--url', '--database', '--out', '--modules'].includes(word) && words.length > 0)
			options[word.slice(2)] = words.shift();
		else
			fail(`unknown option ${word}\n${usage}`);
	}
	return options;
}

function query(database, sql) {
	const { status, stdout, stderr, error } = spawnSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', database, '-c', sql],
		{ encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });

	if (error || status !== 0)
		fail(error?.message ?? stderr.trim());
	return stdout;
}

// psql ends what it prints with a line end of its own.
function source({ url, database }) {
	if (database === undefined)
		return {
			types: async () => (await fetchTypes(url)).text,
			module: async (name) => (await fetchModule(url, name)).text,
		};
	return {
		types: async () => query(database, 'SELECT realtime.typescript()').slice(0, -1),
		module: async (name) => query(database, `SELECT realtime.client_module('${name}')`).slice(0, -1),
	};
}

// Returns whether the file is, or was, another one.
function put(file, text, check) {
	if (file === '-')
		return process.stdout.write(text), false;
	if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text)
		return false;
	if (check)
		process.stderr.write(`${file} is not what is declared\n`);
	else {
		fs.mkdirSync(path.dirname(file), { recursive: true });
		fs.writeFileSync(file, text);
	}
	return true;
}

const options = read(process.argv.slice(2));

if (options.help)
	process.stdout.write(usage);
else {
	const from = source(options);
	const types = await from.types().catch((error) => fail(error.message));
	let differs = put(options.out, types, options.check);

	for (const name of options.modules === undefined ? [] : modulesIn(types))
		differs = put(path.join(options.modules, `${name}.js`), await from.module(name), options.check) || differs;
	process.exitCode = options.check && differs ? 1 : 0;
}
