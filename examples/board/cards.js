// cards.js - shows rows as cards in lanes.
//
// What is shown is the rows in their order, but for the card in one's hand, which is
// where it would be put.  Cards glide to where they are now.
import { animate, isCalm, make } from '../shared/page.js';
import { compare } from './place.js';

export class Cards {
	#lanes;						// by name -> { list, count }
	#elements = new Map();		// by id
	#rows = [];
	#before;					// where cards were, before something changed
	held;						// { id, lane, place } of the card in one's hand

	constructor(root, acts) {
		this.acts = acts;
		this.#lanes = new Map([...root.querySelectorAll('.lane')].map((lane) =>
			[lane.dataset.lane, { list: lane.querySelector('ol'), count: lane.querySelector('.count') }]));
	}

	row(id) {
		return this.#rows.find((row) => row.id === id);
	}

	// Rows of a lane in their order, without one of them.
	of(lane, without) {
		return this.#rows.filter((row) => row.lane === lane && row.id !== without).sort(compare);
	}

	show(rows = this.#rows) {
		const isFirst = this.#elements.size === 0;

		this.#rows = rows;
		this.#remember();
		this.#drop(new Set(rows.map(({ id }) => id)));
		for (const [lane, { list, count }] of this.#lanes) {
			const here = this.#placed().filter((row) => row.lane === lane).sort(compare);

			count.textContent = here.length || '';
			here.forEach((row, i) => this.#put(list, i, row, isFirst));
		}
		this.#glide();
	}

	#placed() {
		return this.held ? this.#rows.map((row) => row.id === this.held.id ? { ...row, ...this.held } : row) : this.#rows;
	}

	#remember() {
		this.#before = new Map();
		if (isCalm())
			return;
		for (const [id, element] of this.#elements)
			this.#before.set(id, element.getBoundingClientRect());
	}

	#drop(ids) {
		for (const [id, element] of this.#elements) {
			if (ids.has(id) || element.querySelector('[contenteditable]'))
				continue;
			element.remove();
			this.#elements.delete(id);
		}
	}

	#put(list, i, row, isFirst) {
		const element = this.#elements.get(row.id) ?? this.#make(row, isFirst);

		this.#fill(element, row);
		if (list.children[i] !== element)
			list.insertBefore(element, list.children[i] ?? null);
	}

	#make({ id }, isFirst) {
		const { acts } = this;
		const button = (className, textContent, label, act) => {
			const made = make('button', { className, type: 'button', textContent, title: label, ariaLabel: label });
			made.onclick = () => act(this.row(id));
			return made;
		};
		const element = make('li', { className: 'card', tabIndex: 0 }, make('p'), make('div', { className: 'acts' },
			button('tint', '', 'Another colour', acts.tint),
			button('edit', '✎', 'Write something else', () => this.edit(id)),
			button('remove', '×', 'Remove', acts.remove)));

		element.dataset.id = id;
		element.ondblclick = () => this.edit(id);
		this.#elements.set(id, element);
		if (!isFirst)
			animate(element, [{ opacity: 0, transform: 'scale(0.96)' }, { opacity: 1, transform: 'none' }]);
		return element;
	}

	#fill(element, { id, title, tint }) {
		const p = element.querySelector('p');

		if (!p.isContentEditable && p.textContent !== title)
			p.textContent = title;
		element.dataset.tint = tint;
		element.classList.toggle('lifted', this.held?.id === id);
	}

	#glide() {
		for (const [id, was] of this.#before) {
			const element = this.#elements.get(id);
			const is = element?.getBoundingClientRect();
			const dx = is ? was.left - is.left : 0;
			const dy = is ? was.top - is.top : 0;

			if (dx !== 0 || dy !== 0)
				animate(element, [{ transform: `translate(${dx}px, ${dy}px)` }, { transform: 'none' }], 260);
		}
	}

	// waiting: ids of cards that the server has not yet; held: id -> hue of who holds it.
	mark(waiting, held) {
		for (const [id, element] of this.#elements) {
			element.classList.toggle('waiting', waiting.has(id));
			element.classList.toggle('held', held.has(id));
			element.style.setProperty('--hue', held.get(id) ?? 0);
		}
	}

	element(id) {
		return this.#elements.get(id);
	}

	// ---- another text -----------------------------------------------------

	edit(id) {
		const p = this.element(id)?.querySelector('p');
		const row = this.row(id);

		if (!p || !row || p.isContentEditable)
			return;
		p.contentEditable = 'plaintext-only';
		p.focus();
		getSelection().selectAllChildren(p);
		const done = (isMeant) => {
			const title = p.textContent.trim();

			p.onblur = p.onkeydown = null;
			p.removeAttribute('contenteditable');
			p.textContent = row.title;
			if (isMeant && title !== '' && title !== row.title)
				this.acts.edit(this.row(id) ?? row, { title });
			this.show();
		};
		p.onblur = () => done(true);
		p.onkeydown = (event) => {
			event.stopPropagation();
			if (event.key === 'Enter' || event.key === 'Escape') {
				event.preventDefault();
				done(event.key === 'Enter');
			}
		};
	}
}
