import type { Readable } from './index.js';

export interface OfflineStoreOptions {
	/** Whose calls they are; null for nobody. Nobody else's are made. */
	user: string | number | null | (() => string | number | null | undefined);
	/** Of the database in the browser. */
	name?: string;
	/** Milliseconds after which calls that a page has left behind are forgotten: 30 days. */
	keep?: number;
	/** Milliseconds for what the browser has to do, 5000. */
	patience?: number;
	indexedDB?: IDBFactory;
	locks?: LockManager;
}

export interface OfflineStore {
	readonly user: OfflineStoreOptions['user'];
	readonly isPossible: boolean;
	/** Calls that are on the disk and have not been made. */
	readonly kept: Readable<{ path: string; args: unknown[]; queuedAt: number }[]>;
	/** Resolves when all that has been asked so far is on the disk. */
	settled(): Promise<void>;
	put(call: object): Promise<void>;
	remove(call: object): Promise<void>;
	claim(user: unknown): Promise<object[]>;
	release(): void;
	onOrphans: () => void;
}

export declare function createOfflineStore(options: OfflineStoreOptions): OfflineStore;
