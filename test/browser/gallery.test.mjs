// The gallery example in a real browser: a picture is uploaded, hearts are counted, and a
// job puts another one on the wall.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isInstalled, launch } from './chromium.mjs';
import { startSite } from './site.mjs';

const skip = !isInstalled() && 'there is no chromium';

describe('the gallery', { skip }, () => {
	let server;
	let browser;
	let page;
	let other;

	before(async () => {
		server = await startSite(['demo.sql', 'gallery/gallery.sql']);
		await server.psql(`SELECT realtime.alter_cron('gallery/choose', schedule => '* * * * * *')`);
		await server.declared('gallery/image', [0]);
		browser = await launch();
		page = await browser.open(`http://127.0.0.1:${server.port}/gallery/`);
		other = await browser.open(`http://127.0.0.1:${server.port}/gallery/`);
	});
	after(async () => {
		await browser?.close();
		await server?.stop();
	});

	const names = `[...document.querySelectorAll('.picture:not(.coming) .name')].map((name) => name.textContent)`;
	const give = `document.querySelector('.heart').click()`;

	it('shows what hangs there', async () => {
		await page.until(`document.querySelectorAll('.picture img').length === 6`, 'pictures');
		assert.equal(await page.value(`${names}[0]`), 'After the rain');
	});

	it('counts hearts of all', async () => {
		await other.until(`document.querySelectorAll('.heart').length === 6`, 'hearts');
		await page.value(give);
		await other.value(give);
		await other.value(give);
		for (const one of [page, other]) {
			await one.until(`document.querySelector('#all').textContent === '3' && document.querySelector('#minute').textContent === '3'`, 'three hearts');
			await one.until(`document.querySelector('.heart').textContent === '7'`, 'hearts of the picture');
		}
	});

	it('takes a picture, and shows it to others', async () => {
		await page.value(`(async () => {
			const canvas = Object.assign(document.createElement('canvas'), { width: 1200, height: 800 });
			canvas.getContext('2d').fillRect(100, 100, 500, 500);
			const blob = await new Promise((done) => canvas.toBlob(done, 'image/png'));
			const files = new DataTransfer();
			files.items.add(new File([blob], 'My_own-picture.png', { type: 'image/png' }));
			const input = document.querySelector('#file');
			input.files = files.files;
			input.dispatchEvent(new Event('change'));
		})()`);
		await other.until(`${names}[0] === 'My own picture' && document.querySelector('.picture img')?.naturalWidth === 900`, 'the picture');
		assert.equal(await server.psql(`SELECT type FROM gallery.picture ORDER BY id DESC LIMIT 1`), 'image/jpeg');
	});

	it('refuses what is none', async () => {
		await page.value(`(async () => {
			const { createClient } = await import('/realtime/client.js');
			const { createUploads } = await import('/realtime/client/upload.js');
			window.refused = await createUploads(createClient()).upload('gallery/hang')(new Blob(['GIF89a']), 'a').then(() => 'taken', (error) => error.code);
		})()`);
		assert.equal(await page.value('window.refused'), 'NO_PICTURE');
	});

	it('has a job put another one on the wall', async () => {
		const shown = await page.value(`document.querySelector('#title').textContent`);

		await page.until(`document.querySelector('#title').textContent !== ${JSON.stringify(shown)}`, 'another one');
		await other.until(`document.querySelector('#title').textContent !== ${JSON.stringify(shown)}`, 'there, too');
		assert.equal(await server.psql(`SELECT last_status FROM realtime.cron_jobs WHERE path = 'gallery/choose'`), 'succeeded');
	});
});
