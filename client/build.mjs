// build.mjs - makes client/dist: what gateways serve to pages, one file for each
// entry of the package that is for pages.
//
// Which these are package.json says, and nothing else does: each of its exports
// with the condition "default".  What is for Node alone has "node" instead.
// "realtime-client" is /realtime/client.js, "realtime-client/svelte" is
// /realtime/client/svelte.js.  Entries take the core from the former, so a page has
// it once; packages of others stay imports, for an import map.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));
const { exports, version } = JSON.parse(fs.readFileSync(`${here}package.json`, 'utf8'));
const core = path.join(here, 'index.js');

// [{ name, file }]: where it is in dist, and where it comes from.
export function entries() {
	return Object.entries(exports).filter(([, conditions]) => conditions.default).map(([name, conditions]) => ({
		name: name === '.' ? 'client.js' : `client/${name.slice(2)}.js`, file: path.join(here, conditions.default),
	}));
}

const imports = {
	name: 'imports',
	setup(made) {
		made.onResolve({ filter: /.*/ }, ({ kind, path: name, resolveDir }) => {
			if (kind === 'entry-point')
				return undefined;
			if (!name.startsWith('.'))
				return { path: name === 'realtime-client' ? '../client.js' : name, external: true };
			return path.join(resolveDir, name) === core ? { path: '../client.js', external: true } : undefined;
		});
	},
};

async function bundle({ name, file }) {
	const { outputFiles: [output], metafile } = await build({
		entryPoints: [file], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false, metafile: true,
		banner: { js: `/* realtime-client ${version} ${name} */` }, plugins: [imports], absWorkingDir: here,
	});

	return { name, text: output.text, inputs: Object.keys(metafile.inputs) };
}

// A page must not have two of what there is to be one of.
function check(bundles) {
	const [{ inputs: own }, ...others] = bundles;

	for (const { name, inputs } of others) {
		const twice = inputs.find((input) => own.includes(input));

		if (twice)
			throw new Error(`${name} has a copy of ${twice}: let it import index.js instead`);
	}
}

// [{ name, text }] of all that is served, the core first.
export async function buildAll() {
	const bundles = await Promise.all(entries().map(bundle));

	check(bundles);
	return bundles.map(({ name, text }) => ({ name, text }));
}

async function write() {
	const dist = path.join(here, 'dist');

	fs.rmSync(dist, { recursive: true, force: true });
	for (const { name, text } of await buildAll()) {
		const file = path.join(dist, name);

		fs.mkdirSync(path.dirname(file), { recursive: true });
		fs.writeFileSync(file, text);
	}
}

if (process.argv[1] === fileURLToPath(import.meta.url))
	await write();
