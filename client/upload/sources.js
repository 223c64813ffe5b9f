// sources.js - what can be uploaded, as pieces of bytes.
//
// A Blob or File is read piece by piece, so it need not fit into memory; streams
// and iterables are read as fast as the connection takes them, and no faster.

const encoder = new TextEncoder();

// The bytes of something that has them all; undefined if it has not.
export function bytesOf(value) {
	if (value instanceof Uint8Array)
		return value;
	if (ArrayBuffer.isView(value))
		return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
	if (value instanceof ArrayBuffer || isSharedBuffer(value))
		return new Uint8Array(value);
	return typeof value === 'string' ? encoder.encode(value) : undefined;
}

function isSharedBuffer(value) {
	return typeof SharedArrayBuffer === 'function' && value instanceof SharedArrayBuffer;
}

function isBlob(value) {
	return typeof Blob === 'function' && value instanceof Blob;
}

// How long it is; undefined: nobody knows before its end.
export function sizeOf(source) {
	return isBlob(source) ? source.size : bytesOf(source)?.length;
}

export function isSource(source) {
	return sizeOf(source) !== undefined || typeof source?.getReader === 'function' ||
		typeof source?.[Symbol.asyncIterator] === 'function' || typeof source?.[Symbol.iterator] === 'function';
}

// For one of which nothing has been read.
export function stopSource(source) {
	if (typeof source.getReader === 'function')
		source.cancel().catch(() => {});
}

// Pieces of at most size() bytes, which may change.  whenStopped is given a function that
// ends a source for which somebody waits.
export async function* piecesOf(source, size, whenStopped) {
	if (isBlob(source))
		yield* piecesOfBlob(source, size);
	else if (bytesOf(source))
		yield* cut(bytesOf(source), size);
	else {
		for await (const part of partsOf(source, whenStopped)) {
			const bytes = isBlob(part) ? new Uint8Array(await part.arrayBuffer()) : bytesOf(part);

			if (!bytes)
				throw new TypeError('a part of the source has no bytes');
			yield* cut(bytes, size);
		}
	}
}

async function* piecesOfBlob(blob, size) {
	for (let at = 0; at < blob.size;) {
		const piece = new Uint8Array(await blob.slice(at, at + size()).arrayBuffer());

		yield piece;
		at += piece.length;
	}
}

function* cut(bytes, size) {
	for (let at = 0; at < bytes.length;) {
		const piece = bytes.subarray(at, at + size());

		yield piece;
		at += piece.length;
	}
}

// Not all browsers can iterate over a stream.
async function* partsOf(source, whenStopped) {
	if (typeof source.getReader !== 'function') {
		yield* source;
		return;
	}
	const reader = source.getReader();
	let isOver = false;

	whenStopped(() => reader.cancel().catch(() => {}));
	try {
		for (;;) {
			const { done, value } = await reader.read();

			isOver = done;
			if (done)
				return;
			yield value;
		}
	} finally {
		if (!isOver)
			reader.cancel().catch(() => {});
		reader.releaseLock();
	}
}
