// The types of realtime-client/upload.
import type { Client, RealtimeError } from './index.js';

export type Bytes = ArrayBuffer | ArrayBufferView | string;
export type Source = Bytes | Blob | ReadableStream<Bytes | Blob> | AsyncIterable<Bytes | Blob> | Iterable<Bytes | Blob>;

export interface UploadProgress {
	readonly sent: number;
	readonly total?: number;
	readonly percent?: number;
	readonly chunks: number;
	readonly bytesPerSec: number;
}

export interface UploadOptions {
	/** Bytes of a frame, at most; never more than the server takes. */
	frameSize?: number;
	signal?: AbortSignal;
}

export declare class UploadHandle<T = unknown> implements PromiseLike<T> {
	private constructor();
	readonly sent: number;
	readonly total: number | undefined;
	readonly chunks: number;
	/** 0 to 1; undefined while nobody knows how much there is. */
	readonly progress: number | undefined;
	readonly bytesPerSec: number;
	readonly streamId: number;
	readonly streamIdHex: string;
	readonly isOver: boolean;
	on(event: 'progress', fn: (progress: UploadProgress) => void): () => void;
	on(event: 'complete', fn: (result: T) => void): () => void;
	on(event: 'cancel', fn: (reason: unknown) => void): () => void;
	on(event: 'error', fn: (error: RealtimeError) => void): () => void;
	cancel(reason?: unknown): void;
	then<A = T, B = never>(done?: ((result: T) => A | PromiseLike<A>) | null, failed?: ((error: RealtimeError) => B | PromiseLike<B>) | null): Promise<A | B>;
	catch<B = never>(failed?: ((error: RealtimeError) => B | PromiseLike<B>) | null): Promise<T | B>;
	finally(run?: (() => void) | null): Promise<T>;
}

export interface Upload<A extends unknown[] = unknown[], T = unknown> {
	(source: Source, ...args: A): UploadHandle<T>;
	with(options: UploadOptions): (source: Source, ...args: A) => UploadHandle<T>;
	readonly path: string;
}

export interface BinaryCall<A extends unknown[] = unknown[], T = unknown> {
	(bytes: Bytes | Blob, ...args: A): Promise<T>;
	with(options: { timeout?: number }): (bytes: Bytes | Blob, ...args: A) => Promise<T>;
	readonly path: string;
}

export interface Uploads {
	binary<A extends unknown[] = unknown[], T = unknown>(path: string): BinaryCall<A, T>;
	upload<A extends unknown[] = unknown[], T = unknown>(path: string): Upload<A, T>;
}

/** Of the page's own client. */
export declare function __binaryRpc<A extends unknown[] = unknown[], T = unknown>(path: string): BinaryCall<A, T>;
export declare function __upload<A extends unknown[] = unknown[], T = unknown>(path: string): Upload<A, T>;

export declare function createUploads(client: Client, options?: Pick<UploadOptions, 'frameSize'>): Uploads;
