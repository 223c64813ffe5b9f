// bytes.js - what is to be known of a binary frame: whose answer it will have.
const decoder = new TextDecoder();

// {call}, or {upload, cancel, isOver}: the name of the stream, the frame that takes it
// back, and whether this is that.
export function readBytes(bytes) {
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const kind = view.getUint8(0);

	if (kind === 0)
		return { call: JSON.parse(decoder.decode(bytes.subarray(3, 3 + view.getUint16(1)))) };
	const cancel = new Uint8Array([2, 0x10, ...bytes.subarray(2, 6)]);

	return { upload: view.getUint32(2).toString(16).padStart(8, '0'), cancel, isOver: kind === 2 };
}
