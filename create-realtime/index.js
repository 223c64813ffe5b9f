#!/usr/bin/env node
// create-realtime - makes a folder with a small application that works.
//
//	npm create realtime my-app			./run new my-app
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const usage = `usage: ./run new <folder>     (or: npm create realtime <folder>)

Makes a folder with an application: SQL, a page, tests, and one command that starts it.`;

function refuse(text) {
	console.error(`new: ${text}\n${usage}`);
	process.exit(2);
}

// The package that npm has put beside this one, or that of the checkout.
function clientFolder() {
	const beside = path.join(here, '../client');

	return fs.existsSync(path.join(beside, 'index.js')) ? beside
		: path.dirname(fileURLToPath(import.meta.resolve('realtime-client')));
}

function copy(from, to) {
	fs.cpSync(from, to, { recursive: true, errorOnExist: true, force: false });
}

function create(folder) {
	const client = clientFolder();

	copy(path.join(here, 'template'), folder);
	fs.renameSync(path.join(folder, 'gitignore'), path.join(folder, '.gitignore'));	// npm leaves the other name out
	for (const name of ['index.js', 'index.d.ts', 'offline.d.ts', 'upload.d.ts', 'src'])
		copy(path.join(client, name), path.join(folder, 'public/client', name));
	const file = path.join(folder, 'package.json');
	fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('"app"', JSON.stringify(nameOf(folder))));
}

// What npm takes for the name of a package.
function nameOf(folder) {
	return path.basename(path.resolve(folder)).toLowerCase().replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, '') || 'app';
}

const [folder, ...more] = process.argv.slice(2);

if (folder === '--help' || folder === '-h') {
	console.log(usage);
	process.exit(0);
}
if (folder === undefined || folder.startsWith('-') || more.length > 0)
	refuse(folder === undefined ? 'which folder?' : `there is no option "${more[0] ?? folder}"`);
if (fs.existsSync(folder) && fs.readdirSync(folder).length > 0)
	refuse(`"${folder}" is not empty`);
create(folder);
console.log(`An application is in ${folder}.  Next:

    cd ${folder}
    ./start             a private server with it; prints its address
    npm install         what its tests need
    npm test`);
