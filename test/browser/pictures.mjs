// pictures.mjs - the pictures of docs/pictures, put into the folder that is named; see
// test/browser/pictures.
import { sleep, until } from '../node/lib.mjs';
import { launch } from './chromium.mjs';
import { startSite } from './site.mjs';

const folder = process.argv[2];
const desktop = { width: 1180, height: 760, scale: 1.25 };
const phone = { width: 390, height: 760, scale: 1.5, touch: true };

// The tables of pgbench with eight branches, whose minutes pass quickly.
const tables = `
CREATE TABLE pgbench_branches (bid integer PRIMARY KEY, bbalance integer, filler char(88));
CREATE TABLE pgbench_tellers (tid integer PRIMARY KEY, bid integer, tbalance integer, filler char(84));
INSERT INTO pgbench_branches SELECT i, 0 FROM generate_series(1, 8) i;
INSERT INTO pgbench_tellers SELECT i, 1 + (i - 1) / 10, 0 FROM generate_series(1, 80) i;
SELECT setseed(0.42);
CREATE PROCEDURE work(n integer) LANGUAGE plpgsql AS $$
DECLARE
	teller integer;
	amount integer;
BEGIN
	FOR i IN 1..n LOOP
		teller := 1 + (random() * 79)::integer;
		amount := (random() * 10000)::integer - 4600;
		UPDATE pgbench_tellers SET tbalance = tbalance + amount WHERE tid = teller;
		UPDATE pgbench_branches SET bbalance = bbalance + amount WHERE bid = (teller - 1) / 10 + 1;
		COMMIT;
		PERFORM pg_sleep(0.02);
	END LOOP;
END $$;`;
const faster = `{ const now = Date.now.bind(Date), begin = now(); Date.now = () => begin + (now() - begin) * 8; }`;

const cards = `
DELETE FROM board.card;
INSERT INTO board.card (lane, place, title, tint) SELECT lane, '0' || lpad(n::text, 2, '0') || '8', title, tint FROM (VALUES
	(1, 'next', 'Offer the seats of row F to members first', 1),
	(2, 'next', 'Ask the printer for matt paper', 0),
	(3, 'next', 'Lights: two more for the side aisle', 3),
	(4, 'next', 'A list of who stays overnight', 0),
	(1, 'doing', 'Programme notes, second half', 5),
	(2, 'doing', 'Rehearsal plan for the strings', 1),
	(3, 'doing', 'Fetch the harpsichord on Friday', 4),
	(1, 'done', 'Hall is booked until eleven', 2),
	(2, 'done', 'Posters are up', 2),
	(3, 'done', 'Scores for everybody', 0)) AS cards (n, lane, title, tint)`;

const server = await startSite(['demo.sql', 'board/board.sql', 'dashboard/dashboard.sql', 'gallery/gallery.sql'], { sql: tables });
const browser = await launch({ fonts: process.env.RT_FONTS });
const open = async (path, screen, before = '') => {
	const page = await browser.open('about:blank');

	await page.screen(screen);
	await page.command('Page.addScriptToEvaluateOnNewDocument', { source: before });
	await page.go(`http://127.0.0.1:${server.port}/${path}`);
	await page.until(`document.querySelector('#status').classList.contains('open')`, 'the page to be connected');
	return page;
};

// Somebody with a name and a colour.
const as = (name, hue) => `sessionStorage.setItem('visitor', ${JSON.stringify(JSON.stringify({ name, hue }))});`;

async function pointAt(page, title, dx = 0) {
	const { x, y } = await page.value(`(() => {
		const card = [...document.querySelectorAll('.card')].find((one) => one.textContent.startsWith(${JSON.stringify(title)}));
		const { left, top, width, height } = card.getBoundingClientRect();
		return { x: left + width * 0.55, y: top + height / 2 };
	})()`);

	await page.mouse('mouseMoved', { x: x + dx, y });
	return { x, y };
}

// Two others work on it, one of them with a card in the hand.
async function board() {
	const ada = await open('board/', desktop, as('Ada', 150));
	const lin = await open('board/', desktop, as('Lin', 330));
	const iris = await open('board/', desktop, as('Iris', 210));

	await pointAt(ada, 'Lights: two');
	const { x, y } = await pointAt(lin, 'Fetch the harpsichord');
	await lin.mouse('mousePressed', { x, y }, 1);
	await lin.mouse('mouseMoved', { x: x + 12, y: y - 8 }, 1);
	await iris.until(`document.querySelectorAll('.cursor').length === 2 && [...document.querySelectorAll('#people li')].map((li) => li.textContent).sort().join('') === 'AIL'`, 'the others');
	await shoot(iris, 'board', desktop);
	const cyd = await open('board/', phone, as('Cyd', 30));
	await cyd.until(`document.querySelectorAll('.card').length === 10 && document.querySelectorAll('.cursor').length === 2`, 'cards');
	await shoot(cyd, 'board-phone', phone);
}

async function dashboard() {
	const page = await open('dashboard/', { ...desktop, height: 900 }, faster);

	await page.until(`document.querySelectorAll('#branches tr').length === 8`, 'branches');
	await server.psql('CALL work(250)');
	await until(() => page.value(`document.querySelector('#agree').textContent !== ''`), 'the sums');
	const work = server.psql('CALL work(200)');		// goes on while they are taken
	await sleep(1500);
	await shoot(page, 'dashboard', { ...desktop, height: 900 });
	await work;
}

// Somebody gives hearts meanwhile.
async function gallery() {
	const page = await open('gallery/', phone);

	await page.until(`document.querySelectorAll('.picture img').length === 6 && document.querySelector('.frame img')`, 'pictures');
	await page.value(`(async () => {
		const hearts = document.querySelectorAll('.heart');
		for (let i = 0; i < 40; i++) {
			hearts[i * i % 6].click();
			await new Promise((done) => setTimeout(done, i % 7 * 70));
		}
	})()`);
	await page.until(`Number(document.querySelector('#minute').textContent) >= 40`, 'hearts');
	await shoot(page, 'gallery-phone', phone);
}

// By day and by night.
async function shoot(page, name, screen) {
	for (const dark of [false, true]) {
		await page.screen({ ...screen, dark });
		await sleep(500);			// what moves has come to rest
		await page.picture(`${folder}/${name}${dark ? '-dark' : ''}.png`);
	}
}

try {
	await server.psql(cards);
	await server.declared('demo/address');
	await board();
	await dashboard();
	await gallery();
} finally {
	await browser.close();
	await server.stop();
}
