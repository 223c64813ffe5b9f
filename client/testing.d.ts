// The types of realtime-client/test.
import type { Client, Options, Readable, RealtimeError, Stream } from './index.js';

/** A token as realtime.jwt_secret signs it. */
export declare function signToken(claims: Record<string, unknown>, secret: string): string;

/** The value of a store as soon as the condition holds; rejects after ms. */
export declare function until<T>(store: Readable<T>, condition?: (value: T) => unknown, ms?: number): Promise<T>;

/** The error with which something is refused; rejects if it is not, or has another code. */
export declare function refusal(promise: Promise<unknown>, code?: string): Promise<RealtimeError>;

export declare class Network {
	constructor(WebSocket: unknown);
	readonly WebSocket: unknown;
	readonly lost: number;
	/** Ends all connections without a word. */
	cut(): void;
	/** The same, and there is none until open() is called. */
	shut(): void;
	open(): void;
	/** Milliseconds that everything takes, each way. */
	delay(ms: number): void;
	/** Nothing comes through until release() is called. */
	hold(): void;
	release(): void;
	/** Loses the next events. */
	lose(next?: number): void;
	/** Loses a part of all events, the same ones for the same seed. */
	loseSome(rate: number, seed?: number): void;
}

export interface TestClient {
	readonly client: Client;
	readonly network: Network;
	until: typeof until;
	refusal: typeof refusal;
	call<Result = any>(path: string, ...args: unknown[]): Promise<Result>;
	follow<T = any>(path: string, ...args: unknown[]): Stream<T>;
	close(): void;
}

export declare function createTestClient(options: Options & { claims?: Record<string, unknown>; secret?: string }): TestClient;
