// Runs the files of pgTAP, each of which rolls back what it has done.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { it } from 'node:test';
import { database } from './server.mjs';

for (const file of fs.readdirSync('test').filter((name) => name.endsWith('.sql'))) {
	it(file, () => {
		const output = execFileSync(database.psql, ['-XqAt', '-v', 'ON_ERROR_STOP=1', ...database.arguments, '-f', `test/${file}`], { encoding: 'utf8' });

		assert.match(output, /^1\.\.\d+$/m);
		assert.doesNotMatch(output, /^(not ok|# Looks like)/m, output);
	});
}
