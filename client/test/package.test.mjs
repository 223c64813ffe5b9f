// The package: its size, what a page that uses little of it gets, its types.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { build } from 'esbuild';
import { buildAll } from '../build.mjs';
import * as all from '../index.js';

const here = fileURLToPath(new URL('.', import.meta.url));

async function sizeOf(contents) {
	const { outputFiles: [file] } = await build({
		stdin: { contents, resolveDir: here }, bundle: true, minify: true, format: 'esm', target: 'es2022', write: false,
	});

	return { plain: file.contents.length, zipped: zlib.gzipSync(file.contents, { level: 9 }).length, text: file.text };
}

it('is less than 15 KB with all of it, and less without the page\'s client', async (t) => {
	const whole = await sizeOf('export * from "../index.js"');
	const client = await sizeOf('export { createClient } from "../index.js"');
	const little = await sizeOf('export { combine } from "../index.js"');

	t.diagnostic(`all: ${whole.zipped} bytes, createClient: ${client.zipped}, combine: ${little.zipped}`);
	assert.ok(whole.zipped < 15 * 1024);
	assert.ok(client.zipped < whole.zipped);
	assert.ok(little.zipped < 1500, 'what is not used is left out');
	assert.doesNotMatch(client.text, /realtimeTransport/);
});

it('needs nothing, and its modules are short', () => {
	const { dependencies, sideEffects } = JSON.parse(fs.readFileSync(`${here}../package.json`, 'utf8'));

	assert.deepEqual([dependencies, sideEffects], [undefined, false]);
	for (const name of fs.readdirSync(`${here}../src`)) {
		const text = fs.readFileSync(`${here}../src/${name}`, 'utf8');
		assert.ok(text.split('\n').length <= 301, `${name} is too long`);
		assert.ok([...text.matchAll(/from '([^']+)'/g)].every(([, from]) => from.startsWith('./')), name);
		assert.ok(text.startsWith(`// ${name} - `), `${name} says what it is`);
	}
});

// "./run client" makes it.
it('stands in dist as it would be made now, for servers to install', async () => {
	const made = await buildAll();
	const there = fs.readdirSync(`${here}../dist`, { recursive: true }).filter((name) => name.endsWith('.js'));

	assert.deepEqual(there.sort(), made.map(({ name }) => name).sort());
	for (const { name, text } of made)
		assert.ok(fs.readFileSync(`${here}../dist/${name}`, 'utf8') === text, `dist/${name} is of other sources`);
});

it('has a type for all that it exports', () => {
	const types = fs.readFileSync(`${here}../index.d.ts`, 'utf8');

	for (const name of Object.keys(all))
		assert.match(types, new RegExp(`export (declare )?(function|const|class) ${name}\\b`), name);
});
