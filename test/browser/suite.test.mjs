// The client's own tests in a browser, with a real server: the same files that run
// in Node, with the browser's WebSocket, timers and frames of the screen.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isInstalled, launch } from './chromium.mjs';
import { Host } from './suite/host.mjs';

const skip = !isInstalled() && 'there is no chromium';

// They put something in the place of the page's window; or a page has an address to
// connect to, or may not see that another origin has refused it; or they are long and
// the same.
const others = ['a page', 'does nothing where there is nowhere to go', 'and takes a refusal there for good',
	'renews it in band before it ends', 'comes back with another one when it has ended'];

// They wait for their servers most of the time.
describe('the client\'s tests in a browser', { skip, concurrency: 3 }, () => {
	let host;
	let browser;

	before(async () => {
		host = await Host.start();
		browser = await launch();
	});
	after(async () => {
		await browser?.close();
		await host?.stop();
	});

	for (const name of ['connection', 'streams', 'optimistic', 'calls', 'people', 'orders', 'told', 'parts']) {
		it(name, { timeout: 300000 }, async (t) => {
			const results = host.results(name, 280000);
			const page = await browser.open(await host.page(name, others));
			const told = await results;

			assert.ok(told.length > 0, page.errors.join('\n'));
			for (const { name: test, error } of told)
				await t.test(test, () => error && assert.fail(error));
			await page.close();
		});
	}
});
