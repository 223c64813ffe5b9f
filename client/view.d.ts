import type { RealtimeError, Stream } from './index.js';

export interface View<T> {
	loading?(): void;
	ready?(value: T, state: { status: string; error: RealtimeError | null }): void;
	error?(error: RealtimeError, value: T | undefined): void;
}

/** Shows a stream by one of these functions; returns how to stop. */
export declare function bindView<T>(stream: Stream<T>, view: View<T>): () => void;
