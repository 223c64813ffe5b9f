/*
 * settle.c
 *		What a transaction has done to rows, told once for each key of a topic.
 *
 * Clients apply events by key, so the last event of a key has to tell what the
 * table has.  The order in which triggers are called does not see to that: a
 * deferrable key may belong to two rows for a while, a row may be inserted
 * before the one whose key it takes is deleted, and a trigger of the user that
 * is called before ours may write the same table, so that ours hear of its
 * change first.
 *
 * What is certain is the life of a version of a row.  It comes once and goes
 * once, and all the time it has the same key in the same topic.  So, whatever
 * the order, of the versions of one key
 *
 *	- the one that has come and has not gone is what the table has;
 *	- the one that has gone and had not come in this transaction is what it had.
 *
 * All others have come and gone unseen.  That leaves one event for each key:
 * created, updated, deleted or none.  (Where a pipe filters rows clients need not
 * know what was there before, and "created" stands for updated.)
 *
 * So each event has a note of its versions, and a change that clients do not
 * see has one if something hangs on it: its versions are one for them.  Most
 * transactions need nothing of this, and it is easy to say which do: those in
 * which a version goes that had come, or rows both come and go.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/memutils.h"

#include "src/backend/publish/entry.h"
#include "src/backend/publish/publish.h"
#include "src/backend/publish/settle.h"
#include "src/backend/txn_stack.h"

#define NOTES_MIN 8
#define NAME_LEN 7				/* of each of the three names */
#define UNSEEN ((Size) -1)
#define NONE (-1)

StaticAssertDecl(sizeof("created") == NAME_LEN + 1 &&
				 sizeof("updated") == NAME_LEN + 1 &&
				 sizeof("deleted") == NAME_LEN + 1,
				 "a name can take the place of another one");

/* What an event tells of versions. */
typedef struct Note
{
	Size		position;		/* of the event; UNSEEN = there is none */
	Oid			source;
	ItemPointerData gone;		/* invalid = none, or it had come, too */
	ItemPointerData come;		/* invalid = none, or it has gone, too */
	bool		deletes;		/* the event is "deleted" */
	bool		replaces;		/* "created" tells of a change, too */
	bool		key_is_copied;
	uint32		key_len;
	union
	{
		Size		offset;		/* in the event's data */
		char	   *copy;		/* in TopTransactionContext */
	}			key;
} Note;

/* By what a version is known, and the note of its coming. */
typedef struct Version
{
	Oid			source;
	ItemPointerData tid;
} Version;

typedef struct VersionEntry
{
	Version		version;
	char		status;
	int			note;
} VersionEntry;

static uint32 version_hash(const Version *version);

#define SH_PREFIX versions
#define SH_ELEMENT_TYPE VersionEntry
#define SH_KEY_TYPE Version
#define SH_KEY version
#define SH_HASH_KEY(table, key) version_hash(&(key))
#define SH_EQUAL(table, a, b) \
	((a).source == (b).source && ItemPointerEquals(&(a).tid, &(b).tid))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A key in a topic. */
typedef struct Key
{
	const RtRingEntry *entry;	/* one with the topic */
	RtText		text;
} Key;

/* What has become of it, as indexes of notes. */
typedef struct KeyEntry
{
	Key			key;
	uint32		hash;
	char		status;
	int			had;			/* whose gone is what the table had */
	int			has;			/* whose come is what the table has */
	int			deletes;		/* the last one that does */
} KeyEntry;

static uint32 key_hash(const Key *key);
static bool keys_equal(const Key *a, const Key *b);

#define SH_PREFIX row_keys
#define SH_ELEMENT_TYPE KeyEntry
#define SH_KEY_TYPE Key
#define SH_KEY key
#define SH_HASH_KEY(table, key) key_hash(&(key))
#define SH_EQUAL(table, a, b) keys_equal(&(a), &(b))
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Of the current transaction */
typedef struct Notes
{
	Note	   *notes;			/* in TopTransactionContext; NULL = none */
	int			count;
	int			space;
	Size		copied;			/* bytes of keys */
	bool		any_own_gone;	/* perhaps rolled back since, as are these */
	bool		any_come;		/* without another one that has gone */
	bool		any_gone;
} Notes;

static void on_transaction_end(XactEvent event, void *arg);
static void cut_notes(uint64 begin);
static Note *add_note(const RtRowChange *change);
static void set_key(Note *note, RtText key, const RtEvent *event);
static void pair_versions(void);
static Note *note_of_coming(versions_hash *versions, Oid source, ItemPointerData tid);
static row_keys_hash *gather_keys(void);
static KeyEntry *find_key(row_keys_hash *keys, const Note *note);
static RtText note_key(const Note *note);
static RtText as_clients_read(RtText key);
static void settle_key(const KeyEntry *key);
static bool is_as_before(const KeyEntry *key);
static void keep(int note, const char *name);
static void note_parts(const Note *note, RtText *name, RtText *data);

static Notes noted;
static RtTxnStack stack = {.cut = cut_notes};

void
rt_settle_install(void)
{
	RegisterXactCallback(on_transaction_end, NULL);
	rt_txn_stack_install(&stack);
}

/* ---- notes ---- */

void
rt_settle_add(const RtEvent *event, const RtRowChange *change)
{
	Size		position = rt_pending_position();
	Note	   *note;

	Assert(event->event_len == NAME_LEN);
	rt_pending_add(event);
	note = add_note(change);
	note->position = position;
	set_key(note, change->key, event);
	note->deletes = !ItemPointerIsValid(&change->come);
	note->replaces = change->replaces;
	noted.any_gone |= note->deletes;
	noted.any_come |= !ItemPointerIsValid(&change->gone);
}

void
rt_settle_add_unseen(const RtRowChange *change)
{
	add_note(change)->position = UNSEEN;
}

Size
rt_settle_size(void)
{
	return noted.count * sizeof(Note) + noted.copied;
}

static Note *
add_note(const RtRowChange *change)
{
	Note	   *note;

	if (noted.notes == NULL)
	{
		noted.notes = MemoryContextAlloc(TopTransactionContext,
										 sizeof(Note) * NOTES_MIN);
		noted.space = NOTES_MIN;
	}
	else if (noted.count == noted.space)
	{
		noted.notes = repalloc_huge(noted.notes, sizeof(Note) * noted.space * 2);
		noted.space *= 2;
	}
	rt_txn_stack_note(&stack, noted.count);
	note = &noted.notes[noted.count++];
	note->source = change->source;
	note->gone = change->gone;
	note->come = change->come;
	note->deletes = note->replaces = false;
	noted.any_own_gone |= change->gone_is_own;
	return note;
}

static void
set_key(Note *note, RtText key, const RtEvent *event)
{
	note->key_len = key.len;
	note->key_is_copied = key.ptr < event->data ||
		key.ptr >= event->data + event->data_len;
	if (likely(!note->key_is_copied))
		note->key.offset = key.ptr - event->data;
	else
	{
		note->key.copy = MemoryContextAlloc(TopTransactionContext, key.len);
		memcpy(note->key.copy, key.ptr, key.len);
		noted.copied += key.len;
	}
}

static void
on_transaction_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		memset(&noted, 0, sizeof(noted));
}

static void
cut_notes(uint64 begin)
{
	noted.count = begin;
}

/* ---- before the commit ---- */

void
rt_settle_precommit(void)
{
	MemoryContext context;
	MemoryContext old_context;
	row_keys_hash *keys;
	row_keys_iterator iterator;
	KeyEntry   *key;

	if (noted.count < 2 ||
		!(noted.any_own_gone || (noted.any_come && noted.any_gone)))
		return;
	context = AllocSetContextCreate(TopTransactionContext, "realtime settling",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	pair_versions();
	keys = gather_keys();
	row_keys_start_iterate(keys, &iterator);
	while ((key = row_keys_iterate(keys, &iterator)) != NULL)
		settle_key(key);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

/* Strikes out versions that have both come and gone. */
static void
pair_versions(void)
{
	versions_hash *versions;

	if (!noted.any_own_gone)
		return;
	versions = versions_create(CurrentMemoryContext, noted.count, NULL);
	for (int i = 0; i < noted.count; i++)
	{
		Note	   *note = &noted.notes[i];
		Version		version = {note->source, note->come};
		bool		found;

		if (ItemPointerIsValid(&note->come))
			versions_insert(versions, version, &found)->note = i;
	}
	for (int i = 0; i < noted.count; i++)
	{
		Note	   *note = &noted.notes[i];
		Note	   *coming;

		if (note->position == UNSEEN || !ItemPointerIsValid(&note->gone))
			continue;
		coming = note_of_coming(versions, note->source, note->gone);
		if (coming == NULL)
			continue;
		ItemPointerSetInvalid(&coming->come);
		ItemPointerSetInvalid(&note->gone);
	}
}

/*
 * NULL if the version, as clients know it, is not of this transaction.  One that
 * they do not know at all may be.
 */
static Note *
note_of_coming(versions_hash *versions, Oid source, ItemPointerData tid)
{
	Version		version = {source, tid};

	for (;;)
	{
		VersionEntry *entry = versions_lookup(versions, version);
		Note	   *note;

		if (entry == NULL)
			return NULL;
		note = &noted.notes[entry->note];
		if (note->position != UNSEEN || !ItemPointerIsValid(&note->gone))
			return note;
		version.tid = note->gone;
	}
}

/* Removes all events, to begin with. */
static row_keys_hash *
gather_keys(void)
{
	row_keys_hash *keys = row_keys_create(CurrentMemoryContext, noted.count, NULL);

	for (int i = 0; i < noted.count; i++)
	{
		const Note *note = &noted.notes[i];
		KeyEntry   *key;

		if (note->position == UNSEEN)
			continue;
		key = find_key(keys, note);
		if (ItemPointerIsValid(&note->gone))
			key->had = i;
		if (ItemPointerIsValid(&note->come))
			key->has = i;
		if (note->deletes)
			key->deletes = i;
		rt_pending_remove(note->position);
	}
	return keys;
}

static KeyEntry *
find_key(row_keys_hash *keys, const Note *note)
{
	Key			key = {rt_pending_entry(note->position), as_clients_read(note_key(note))};
	KeyEntry   *entry;
	bool		found;

	entry = row_keys_insert(keys, key, &found);
	if (!found)
		entry->had = entry->has = entry->deletes = NONE;
	return entry;
}

static RtText
note_key(const Note *note)
{
	RtText		name;
	RtText		data;

	if (note->key_is_copied)
		return (RtText) {note->key.copy, note->key_len};
	note_parts(note, &name, &data);
	return (RtText) {data.ptr + note->key.offset, note->key_len};
}

/* The zeros at the end of a number make no difference to them. */
static RtText
as_clients_read(RtText key)
{
	if (key.ptr[0] == '"' || memchr(key.ptr, '.', key.len) == NULL ||
		memchr(key.ptr, 'e', key.len) != NULL)
		return key;
	while (key.ptr[key.len - 1] == '0')
		key.len--;
	if (key.ptr[key.len - 1] == '.')
		key.len--;
	return key;
}

/* Keeps the event that tells what has become of a key, if anything has. */
static void
settle_key(const KeyEntry *key)
{
	if (key->has == NONE && key->had == NONE)
		return;
	if (key->has == NONE)
		keep(key->deletes != NONE ? key->deletes : key->had, "deleted");
	else if (key->had == NONE)
		keep(key->has, "created");
	else if (!is_as_before(key))
		keep(key->has, noted.notes[key->has].replaces ? "created" : "updated");
}

/* Only what was deleted is known as it was. */
static bool
is_as_before(const KeyEntry *key)
{
	RtText		name;
	RtText		had;
	RtText		has;

	if (!noted.notes[key->had].deletes)
		return false;
	note_parts(&noted.notes[key->had], &name, &had);
	note_parts(&noted.notes[key->has], &name, &has);
	return had.len == has.len && memcmp(had.ptr, has.ptr, had.len) == 0;
}

static void
keep(int note, const char *name)
{
	RtText		old_name;
	RtText		data;

	rt_pending_keep(noted.notes[note].position);
	note_parts(&noted.notes[note], &old_name, &data);
	memcpy(unconstify(char *, old_name.ptr), name, NAME_LEN);
}

static void
note_parts(const Note *note, RtText *name, RtText *data)
{
	rt_entry_parts(rt_pending_entry(note->position), NAME_LEN, name, data);
}

/* ---- hashing ---- */

static uint32
version_hash(const Version *version)
{
	uint32		block = ItemPointerGetBlockNumberNoCheck(&version->tid);
	uint32		offset = ItemPointerGetOffsetNumberNoCheck(&version->tid);

	return hash_combine(murmurhash32(version->source ^ offset),
						murmurhash32(block));
}

static uint32
key_hash(const Key *key)
{
	return hash_combine(key->entry->topic_hash,
						hash_bytes((const unsigned char *) key->text.ptr,
								   (int) key->text.len));
}

static bool
keys_equal(const Key *a, const Key *b)
{
	return a->entry->topic_len == b->entry->topic_len &&
		a->text.len == b->text.len &&
		memcmp(rt_ring_entry_topic(a->entry), rt_ring_entry_topic(b->entry),
			   a->entry->topic_len) == 0 &&
		memcmp(a->text.ptr, b->text.ptr, a->text.len) == 0;
}
