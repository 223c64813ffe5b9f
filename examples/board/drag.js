// drag.js - cards are carried with a mouse, a finger or a pen.
//
// A mouse carries at once; a finger after it has rested, so that the page can still be
// moved by it.  Meanwhile whoever shows the cards is told where the card would be put.
import { animate } from '../shared/page.js';

const rest = 220;				// milliseconds for which a finger rests
const slack = 6;				// pixels that are no movement
const edge = 70;				// so near to the edge the page moves along

// carry: { isCard(element) -> card or null, lanes() -> elements, over(card, lane, before),
// drop(card), cancel(card), at(event) }
export function makeDraggable(root, carry) {
	let held;					// { card, ghost, dx, dy, pointer } of what is carried
	let tried;					// what may become that

	root.addEventListener('pointerdown', (event) => {
		const card = event.button === 0 && !held && carry.cardOf(event.target);

		if (!card)
			return;
		tried = { card, x: event.clientX, y: event.clientY, pointer: event.pointerId, isMouse: event.pointerType === 'mouse' };
		if (!tried.isMouse)
			tried.timer = setTimeout(() => lift(tried), rest);
	});
	addEventListener('pointermove', (event) => {
		if (held?.pointer === event.pointerId)
			return follow(event.clientX, event.clientY);
		if (tried?.pointer !== event.pointerId || Math.hypot(event.clientX - tried.x, event.clientY - tried.y) < slack)
			return;
		if (tried.isMouse)
			lift(tried);
		else
			forget();
		if (held)
			follow(event.clientX, event.clientY);
	});
	addEventListener('pointerup', (event) => end(event, 'drop'));
	addEventListener('pointercancel', (event) => end(event, 'cancel'));
	addEventListener('keydown', ({ key }) => key === 'Escape' && held && end({ pointerId: held.pointer }, 'cancel'));
	// A finger that carries does not move the page.
	root.addEventListener('touchmove', (event) => held && event.preventDefault(), { passive: false });
	root.addEventListener('contextmenu', (event) => (held || tried && !tried.isMouse) && event.preventDefault());

	function forget() {
		clearTimeout(tried?.timer);
		tried = undefined;
	}

	function lift({ card, x, y, pointer }) {
		const box = card.getBoundingClientRect();
		const ghost = card.cloneNode(true);

		forget();
		getSelection().removeAllRanges();
		ghost.removeAttribute('id');
		ghost.classList.add('ghost');
		Object.assign(ghost.style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`, height: `${box.height}px` });
		document.body.append(ghost);
		document.body.classList.add('carrying');
		held = { card, ghost, pointer, x, y, dx: 0, dy: 0 };
		if (navigator.userActivation?.hasBeenActive)
			navigator.vibrate?.(8);
		carry.lift(card);
		follow(x, y);
		moveAlong();
	}

	function follow(x, y) {
		held.dx = x - held.x;
		held.dy = y - held.y;
		held.at = { x, y };
		held.ghost.style.transform = `translate(${held.dx}px, ${held.dy}px) rotate(1.2deg)`;
		aim();
	}

	// Where it would be put: before the first card whose middle is below the pointer.
	function aim() {
		const { x, y } = held.at;
		const lane = nearest(carry.lanes(), x, y);
		const cards = [...lane.querySelectorAll('.card')].filter((card) => card !== held.card);
		const before = cards.find((card) => {
			const box = card.getBoundingClientRect();
			return y < box.top + box.height / 2;
		});

		carry.over(held.card, lane, before);
	}

	function moveAlong() {
		if (!held)
			return;
		const { y } = held.at;
		const by = y < edge ? y - edge : y > innerHeight - edge ? y - innerHeight + edge : 0;

		if (by !== 0) {
			scrollBy(0, by / 5);
			aim();
		}
		requestAnimationFrame(moveAlong);
	}

	async function end({ pointerId }, how) {
		if (tried?.pointer === pointerId)
			forget();
		if (held?.pointer !== pointerId)
			return;
		const { card, ghost, dx, dy } = held;

		held = undefined;
		document.body.classList.remove('carrying');
		carry[how](card);
		const to = card.getBoundingClientRect();
		const from = ghost.style;

		await animate(ghost, [{ transform: `translate(${dx}px, ${dy}px) rotate(1.2deg)` },
			{ transform: `translate(${to.left - parseFloat(from.left)}px, ${to.top - parseFloat(from.top)}px)` }], 180);
		ghost.remove();
		carry.landed(card);
	}
}

// The element whose box is nearest to a point.
function nearest(elements, x, y) {
	const away = (element) => {
		const { left, right, top, bottom } = element.getBoundingClientRect();
		return Math.hypot(Math.max(left - x, 0, x - right), Math.max(top - y, 0, y - bottom));
	};

	return elements.reduce((best, element) => away(element) < away(best) ? element : best);
}
