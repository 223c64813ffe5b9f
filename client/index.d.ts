import type { OfflineStore } from './offline.js';

export type { BinaryCall, Upload } from './upload.js';

// The types of the package.  Arguments and results of calls are what the
// database says; name them where you make the function or the store:
//
//	const add = client.rpc<[text: string], number>('todo/add');
//	const open = client.stream<Todo[], [list: number]>('todo/open');

export interface Readable<T> {
	readonly current: T;
	subscribe(run: (value: T) => void): () => void;
}

export declare class Store<T> implements Readable<T> {
	constructor(value: T, start?: (store: Store<T>) => (() => void) | void, peek?: () => T);
	readonly current: T;
	readonly watched: boolean;
	set(value: T): void;
	assign(value: T): boolean;
	notify(): void;
	subscribe(run: (value: T) => void): () => void;
	map<U>(fn: (item: T extends (infer Item)[] | null | undefined ? Item : unknown) => U): Store<U[]>;
}

/** What nobody may change from outside. */
export declare function readable<T>(store: Store<T>): Readable<T>;

/** JSON whose integers are never rounded: beyond 2^53 they are text, or bigint. */
export declare function parse(text: string, bigint?: boolean): any;
export declare function stringify(value: unknown): string;

export interface Issue {
	path: string[];
	message: string;
}

export interface ErrorMembers {
	issues?: Issue[];
	/** ms, of RATE_LIMITED */
	retryAfter?: number;
	/** What has been waited for, and for how many ms, of LOCK_TIMEOUT */
	key?: string;
	maxWaitMs?: number;
}

export declare class RealtimeError extends Error {
	constructor(code: string, message: string, more?: ErrorMembers & { cause?: unknown });
	readonly code: string;
	readonly issues?: Issue[];
	readonly retryAfter?: number;
	readonly key?: string;
	readonly maxWaitMs?: number;
	toJSON(): { code: string; message: string } & ErrorMembers;
	static fromJSON(json: { code: string; message: string } & ErrorMembers): RealtimeError;
}
export declare class RpcError extends RealtimeError {}

/** Counts and tells what is not so, as [realtime/assert] on the console; an error where NODE_ENV is "test", or of Vitest. */
export declare function assert(condition: unknown, category: string, context?: unknown): void;
/** How often, by category. */
export declare function getAssertionCounters(): ReadonlyMap<string, number>;

export type Status = 'connecting' | 'open' | 'suspended' | 'disconnected' | 'failed';

export interface Failure {
	kind: 'ws-close' | 'auth-preflight' | 'prepare' | 'address';
	class: 'TERMINAL' | 'EXHAUSTED' | 'THROTTLE' | 'RETRY' | 'AUTH';
	code?: number;
	status?: number;
	reason: string;
}

export interface OfflineCall {
	readonly path: string;
	readonly args: unknown[];
	readonly queuedAt: number;
	/** A page before this one has made it. */
	readonly restored: boolean;
}

export interface Options {
	/** Where the server is; the page's own host and /ws unless told. */
	url?: string;
	/** false where pages are rendered: nothing connects, and nothing is kept. */
	enabled?: boolean;
	/** Whether to ask over HTTP before, or the path for that. */
	auth?: boolean | string;
	token?: string | null | (() => string | null | undefined | Promise<string | null | undefined>);
	/** Where there is no global one: that of the package ws. */
	WebSocket?: unknown;
	/** Milliseconds that a call may take. */
	timeout?: number;
	/** Integers beyond 2^53 as bigint instead of text. */
	bigint?: boolean;
	/** Says what may be a mistake. */
	dev?: boolean;
	/** Of realtime-client/upload. */
	upload?: { frameSize?: number };
	offline?: {
		queue: boolean;
		maxQueue?: number;
		maxAge?: number;
		replay?: 'sequential' | 'concurrent';
		/** Whose calls they are: nobody else makes them. */
		user?: string | number | null | (() => string | number | null | undefined);
		/** Keeps them over a reload: see realtime-client/offline. */
		store?: OfflineStore;
		beforeReplay?(call: OfflineCall): boolean | void;
		onReplay?(call: OfflineCall, data: unknown): void;
		onReplayError?(call: OfflineCall, error: RealtimeError): void;
	};
	onConnect?(): void;
	onDisconnect?(): void;
	beforeReconnect?(): void | Promise<void>;
	maxAttempts?: number;
	/** Milliseconds until the next attempt, after so many that have failed. */
	delay?(attempt: number, throttled?: boolean): number;
	silence?: number;
	/** When those who watch are told. */
	schedule?(run: () => void): void;
	/** Milliseconds, at most, for which a new row waits for the answer that may be its own. */
	hold?: number;
}

export interface EventChange {
	event: string;
	data: unknown;
}
export type Change<T> = EventChange | ((current: T) => T);
export type CallChange<T, Args> = EventChange | ((current: T, args: Args) => T);

export interface Rpc<Args extends unknown[] = any[], Result = any> {
	(...args: Args): Promise<Result>;
	readonly path: string;
	fresh(...args: Args): Promise<Result>;
	with(options: { timeout?: number; idempotencyKey?: string }): (...args: Args) => Promise<Result>;
	volatile(...args: Args): void;
	fireAndForget(...args: Args): void;
	createOptimistic<T>(store: Stream<T>, args: Args, change: CallChange<T, Args>): Promise<Result>;
	createOptimistic<T>(store: Stream<T>, change: CallChange<T, Args>): (...args: Args) => Promise<Result>;
}

export interface StreamOptions {
	merge?: 'crud' | 'latest' | 'set' | 'presence' | 'cursor';
	key?: string;
	prepend?: boolean;
	max?: number;
	/** Of the rows that the page was written for. */
	schemaVersion?: number;
	/** Where further pages belong. */
	more?: 'first' | 'last';
	/** Milliseconds for which it is followed when nobody watches any more. */
	linger?: number;
}

export interface Stream<T = any> extends Readable<T | undefined> {
	readonly error: Readable<RealtimeError | null>;
	readonly status: Readable<'loading' | 'connected' | 'reconnecting' | 'error'>;
	readonly hasMore: boolean;
	readonly canUndo: boolean;
	readonly canRedo: boolean;
	readonly watched: boolean;
	map<U>(fn: (item: T extends (infer Item)[] ? Item : unknown) => U): Store<U[]>;
	mutate<Result>(operation: () => Promise<Result>, change: Change<T>): Promise<Result>;
	optimistic(event: string, data: unknown): () => void;
	createOptimistic<Args extends unknown[], Result>(rpc: Rpc<Args, Result>, args: Args, change: CallChange<T, Args>): Promise<Result>;
	createOptimistic<Args extends unknown[], Result>(rpc: Rpc<Args, Result>, change: CallChange<T, Args>): (...args: Args) => Promise<Result>;
	hydrate(data: T | Record<string, unknown>, known?: Record<string, unknown>): Stream<T>;
	loadMore(...args: unknown[]): Promise<boolean>;
	reload(): void;
	forget(): void;
	when(condition: boolean | Readable<unknown> | (() => unknown)): Store<T | undefined>;
	enableHistory(max?: number): void;
	undo(): void;
	redo(): void;
}

export interface StreamFactory<T = any, Args extends unknown[] = any[]> extends Stream<T> {
	(...args: Args): Stream<T>;
}

export interface TopicEvent {
	topic: string;
	event: string;
	data: any;
	seq?: number;
}

export interface Topic extends Readable<TopicEvent | undefined> {
	readonly name: string;
	readonly error: Readable<RealtimeError | null>;
}

export interface Person {
	key: string;
	data: any;
}

export interface Presence extends Readable<Person[]> {
	readonly error: Readable<unknown>;
}

export interface Cursor {
	key: string;
	user: any;
	data: any;
}

export interface Cursors extends Readable<Cursor[]> {
	readonly error: Readable<unknown>;
	move(data: unknown): void;
}

export interface Entrance {
	enter?: () => unknown;
	leave?: () => unknown;
}

export interface Room {
	data: StreamFactory;
	presence: StreamFactory;
	cursors: StreamFactory;
	[action: string]: any;
}

/** A store for each window, "all" is the whole; and one of all that are named. */
export type Aggregate<T = any, Window extends string = string> = Readable<{ [Name in Window]: T | undefined }> & { readonly [Name in Window]: StreamFactory<T, []> };

// What modules of the server are typed with (docs/types.md).

/** Augment it to say what integers and numerics are: `interface TypeOptions { int8: number; numeric: number }`. */
export interface TypeOptions {}
/** A bigint: a text beyond 2^53, which with the option bigint is a bigint. */
export type Int8 = TypeOptions extends { int8: infer T } ? T : number | string;
/** A numeric: a text if it is an integer beyond 2^53, or no number. */
export type Numeric = TypeOptions extends { numeric: infer T } ? T : number | string;

type IsAny<T> = 0 extends 1 & T ? true : false;
type Optional<T> = { [Name in keyof T]-?: null extends T[Name] ? Name : never }[keyof T];
/** What may be sent for a row: members that may be null can be left out. */
export type Input<T> = IsAny<T> extends true ? any
	: T extends (infer Item)[] ? Input<Item>[]
	: T extends object ? { [Name in Exclude<keyof T, Optional<T>>]: Input<T[Name]> } & { [Name in Optional<T>]?: Input<T[Name]> }
	: T;

type SignalHandler = (event: string, data: any) => void;

export interface Client {
	readonly status: Readable<Status>;
	readonly failure: Readable<Failure | null>;
	readonly quiescent: Readable<boolean>;
	readonly health: Readable<'healthy' | 'degraded'>;
	configure(options: Options): void;
	/** idempotent: the path keeps its answers, so calls that wait for a connection get keys and are made again. */
	rpc<Args extends unknown[] = any[], Result = any>(path: string, options?: { idempotent?: boolean }): Rpc<Args, Result>;
	batch<T extends unknown[] = any[]>(fn: () => unknown, options?: { sequential?: boolean }): Promise<T>;
	stream<T = any, Args extends unknown[] = any[]>(path: string, options?: StreamOptions): StreamFactory<T, Args>;
	query<T = any, Args extends unknown[] = any[]>(path: string, options?: StreamOptions): StreamFactory<T, Args>;
	topic(name: string): Topic;
	room(path: string): Room;
	/** windows: names of those that its own value has; without them the whole, "all". */
	aggregate<T = any, Window extends string = string>(path: string, windows?: Window[]): Aggregate<T, Window>;
	presence(topic: string, entrance?: Entrance): Presence;
	cursors(topic: string, entrance?: Entrance): Cursors;
	onSignal(user: string | number, run: SignalHandler): () => void;
	onSignal(run: SignalHandler): () => void;
	onPush(event: string, handler: (data: any) => unknown): () => void;
	authenticate(token: string): Promise<number | null>;
	become(token: Options['token']): void;
	connect(): void;
	close(): void;
	/** For modules of the package. */
	attach<T>(make: (connection: any, options: Options) => T): T;
}

export declare function createClient(options?: Options): Client;

export declare function combine<Values extends unknown[], T>(
	...sources: [...{ [Name in keyof Values]: Readable<Values[Name]> }, (...values: Values) => T]): Store<T>;
export declare function switched<A, T>(source: Readable<A>, choose: (value: A) => Readable<T> | undefined): Store<T | undefined>;
export declare function when<T>(store: Readable<T>, condition: boolean | Readable<unknown> | (() => unknown)): Store<T | undefined>;
export declare const empty: Readable<undefined>;
export declare const MAX_OPTIMISTIC_QUEUE_DEPTH: number;

/** For modules of the package: a value that events change. */
export declare function createValue(how: StreamOptions): any;

// One client for the whole page.
export declare const status: Client['status'];
export declare const failure: Client['failure'];
export declare const quiescent: Client['quiescent'];
export declare const health: Client['health'];
export declare function configure(options: Options): void;
export declare function __rpc<Args extends unknown[] = any[], Result = any>(path: string, options?: { idempotent?: boolean }): Rpc<Args, Result>;
export declare function __stream<T = any, Args extends unknown[] = any[]>(path: string, options?: StreamOptions): StreamFactory<T, Args>;
export declare function __aggregate<T = any, Window extends string = string>(path: string, windows?: Window[]): Aggregate<T, Window>;
/** That client. */
export declare const __client: Client;
export declare function batch<T extends unknown[] = any[]>(fn: () => unknown, options?: { sequential?: boolean }): Promise<T>;
export declare function on(topic: string): Topic;
export declare function onDerived<A>(name: (value: A) => string, source: Readable<A>): Store<TopicEvent | undefined>;
export declare function onSignal(user: string | number, run: SignalHandler): () => void;
export declare function onSignal(run: SignalHandler): () => void;
export declare function onPush(event: string, handler: (data: any) => unknown): () => void;
