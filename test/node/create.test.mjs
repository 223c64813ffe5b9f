// "npm create realtime my-app" as people type it: npm itself, the packages as they would
// be published, and a registry that has these two and nothing else.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-npm-'));
const asked = new Set();
let registry;
let packed;

async function npm(...words) {
	const env = {
		...process.env, HOME: home, npm_config_cache: path.join(home, 'cache'), npm_config_registry: `http://127.0.0.1:${registry.address().port}/`,
		npm_config_userconfig: path.join(home, 'npmrc'), npm_config_update_notifier: 'false', npm_config_audit: 'false', npm_config_fund: 'false',
	};
	const { stdout } = await promisify(execFile)('npm', words, { cwd: home, env });

	return stdout;
}

// What a registry says of a package.
function document({ name, version, filename }) {
	const file = fs.readFileSync(path.join(home, filename));
	const folder = name === 'create-realtime' ? name : 'client';
	const dist = {
		tarball: `http://127.0.0.1:${registry.address().port}/${filename}`,
		integrity: `sha512-${crypto.createHash('sha512').update(file).digest('base64')}`,
	};

	return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...JSON.parse(fs.readFileSync(`${root}/${folder}/package.json`, 'utf8')), dist } } };
}

function serve(request, response) {
	const name = decodeURIComponent(request.url.slice(1));
	const found = packed?.find((one) => one.name === name);

	asked.add(name);
	if (found)
		response.end(JSON.stringify(document(found)));
	else if (packed?.some((one) => one.filename === name))
		response.end(fs.readFileSync(path.join(home, name)));
	else
		response.writeHead(404).end('{}');
}

before(async () => {
	registry = http.createServer(serve).listen(0, '127.0.0.1');
	await once(registry, 'listening');
	packed = JSON.parse(await npm('pack', '--json', '--pack-destination', home, `${root}/client`, `${root}/create-realtime`));
});
after(() => {
	registry?.close();
	fs.rmSync(home, { recursive: true, force: true });
});

it('the package of the client has all that it says it has', () => {
	const { exports, bin } = JSON.parse(fs.readFileSync(`${root}/client/package.json`, 'utf8'));
	const files = new Set(packed.find(({ name }) => name === 'realtime-client').files.map((file) => file.path));

	for (const name of [...Object.values(exports).flatMap((conditions) => Object.values(conditions)), ...Object.values(bin)])
		assert.ok(files.has(name.replace('./', '')), name);
	assert.ok([...files].every((name) => !/^(test|node_modules|dist)\//.test(name)), 'and nothing else');
});

it('an application is made by npm', async () => {
	assert.match(await npm('create', '--yes', 'realtime', 'My_app'), /An application is in My_app/);
	const app = path.join(home, 'My_app');

	assert.equal(JSON.parse(fs.readFileSync(`${app}/package.json`, 'utf8')).name, 'my-app');
	for (const name of ['.gitignore', 'migrations/001_list.sql', 'public/index.html', 'test/list.sql'])
		assert.ok(fs.existsSync(`${app}/${name}`), name);
	assert.ok(fs.statSync(`${app}/start`).mode & 0o100, 'its command can be run');
	const { createClient } = await import(pathToFileURL(`${app}/public/client/index.js`).href);
	const client = createClient();

	await assert.rejects(client.rpc('list/add')('milk'), { code: 'DISCONNECTED' });
	assert.ok(packed.every(({ name }) => asked.has(name)), 'it was asked for both');
});
