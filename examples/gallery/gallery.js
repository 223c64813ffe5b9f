// A wall of pictures, upon client/ of the extension "realtime".  gallery.sql is the
// server: what pages upload, a job that chooses, hearts that are counted.
import { createClient } from '/realtime/client.js';
import { createUploads } from '/realtime/client/upload.js';
import { $, animate, explain, make, say, showStatus } from '../shared/page.js';
import { showsSql } from '../shared/sql.js';

const client = createClient();
const { upload } = createUploads(client);
const image = client.rpc('gallery/image');
const heart = client.rpc('gallery/heart');
const hang = upload('gallery/hang');
const list = $('pictures').querySelector('ul');
const longest = 900;				// pixels of what is uploaded
const beat = 2000;

// ---- images, each asked for once ------------------------------------------------

const images = new Map();			// id → promise of its address

function imageOf(id) {
	if (!images.has(id))
		images.set(id, image(id).catch((error) => { images.delete(id); throw error; }));
	return images.get(id);
}

async function showImage(into, id, title) {
	const img = make('img', { alt: title, src: await imageOf(id) });

	await img.decode().catch(() => {});
	into.append(img);
	await animate(img, [{ opacity: 0 }, { opacity: 1 }], 500);
	while (into.firstChild !== img)
		into.firstChild.remove();
}

// ---- the pictures -----------------------------------------------------------------

const items = new Map();			// id → { li, hearts }

function makeItem({ id, title }) {
	const hearts = make('button', { className: 'heart', type: 'button', ariaLabel: `A heart for ${title}` });
	const picture = make('div', { className: 'image' });
	const li = make('li', { className: 'picture' }, picture, make('p', {}, make('span', { className: 'name', textContent: title, title }), hearts));

	hearts.onclick = () => {
		animate(hearts, [{ transform: 'scale(1.35)' }, { transform: 'none' }]);
		heart(id).catch(explain);
	};
	showImage(picture, id, title).catch(() => {});
	return { li, hearts };
}

function showPictures(rows) {
	const there = new Set(rows.map(({ id }) => id));

	for (const [id, { li }] of items) {
		if (!there.has(id)) {
			li.remove();
			items.delete(id);
			images.delete(id);
		}
	}
	for (const row of [...rows].sort((a, b) => a.id - b.id)) {
		if (!items.has(row.id)) {
			items.set(row.id, makeItem(row));
			list.prepend(items.get(row.id).li);
		}
		items.get(row.id).hearts.textContent = row.hearts;
	}
}

const pictures = client.stream('gallery/pictures')();
pictures.subscribe((rows) => rows && showPictures(rows));
pictures.error.subscribe((error) => error && explain(error));

// ---- the wall ------------------------------------------------------------------------

client.stream('gallery/wall')().subscribe(async (chosen) => {
	if (!chosen)
		return;
	for (const [id, { li }] of items)
		li.classList.toggle('shown', id === chosen.id);
	$('title').textContent = chosen.title;
	const left = Math.min(10000, Math.max(0, new Date(chosen.until) - Date.now()));
	$('time').animate([{ transform: `scaleX(${left / 10000})` }, { transform: 'scaleX(0)' }], { duration: left });
	await showImage(document.querySelector('.frame'), chosen.id, chosen.title).catch(() => {});
});

// ---- hearts, as the aggregate says ------------------------------------------------------

const beats = Array(30).fill(0);		// hearts of the last minute, by two seconds
let before;

client.stream('gallery/hearts')().subscribe((value) => {
	if (!value)
		return;
	beats[beats.length - 1] += value.n - (before ?? value.n);
	before = value.n;
	$('all').textContent = value.n;
	draw();
});
client.stream('gallery/hearts/__window/minute')().subscribe((value) => {
	$('minute').textContent = value?.n ?? 0;
});

function draw() {
	const most = Math.max(4, ...beats);
	const bar = (n, i) => `M${i * 4 + 0.6} 40 v${-(0.8 + n / most * 36).toFixed(1)} h2.8 V40Z`;

	$('curve').innerHTML = `<path d="${beats.map(bar).join('')}"/>`;
}

setInterval(() => {
	beats.shift();
	beats.push(0);
	draw();
}, beat);
draw();

// ---- hanging one up ------------------------------------------------------------------------

// As a JPEG that is small enough for a wall.
async function shrink(file) {
	const bitmap = await createImageBitmap(file);
	const scale = Math.min(1, longest / Math.max(bitmap.width, bitmap.height));
	const canvas = make('canvas', { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });

	canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
	const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', 0.82));
	return { blob, address: canvas.toDataURL('image/jpeg', 0.5) };
}

async function add(file) {
	const title = file.name.replace(/\.\w+$/, '').replace(/[_-]+/g, ' ').trim().slice(0, 60) || 'Untitled';
	const { blob, address } = await shrink(file).catch(() => ({}));

	if (!blob) {
		say('That is no picture that this browser can read.');
		return;
	}
	const progress = make('progress', { max: 1, value: 0 });
	const li = make('li', { className: 'picture coming' }, make('div', { className: 'image' }, make('img', { src: address, alt: title })),
		progress, make('p', {}, make('span', { className: 'name', textContent: title })));
	const handle = hang(blob, title);

	list.prepend(li);
	handle.on('progress', ({ percent }) => { progress.value = percent / 100; });
	try {
		await handle;
	} catch (error) {
		explain(error);
	} finally {
		li.remove();
	}
}

$('file').onchange = () => {
	for (const file of $('file').files)
		add(file);
	$('file').value = '';
};

showStatus($('status'), client);
showsSql('gallery.sql');
