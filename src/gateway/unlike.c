/*
 * unlike.c
 *		Whether the answer to a request is the same for all who ask the same.
 *
 * Paths are known by their hashes, and the last one that has a place keeps it: a
 * path that is taken for another one, or is forgotten, costs time and nothing
 * else.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "src/gateway/unlike.h"
#include "src/ipc/service.h"

#define UNLIKE_KEPT 256			/* paths */

typedef struct Unlike
{
	uint32		path_hash;
	uint32		generation;		/* of the catalogs, when that was seen */
} Unlike;

static Unlike unlike[UNLIKE_KEPT];

static uint32
hash_path(RtText path)
{
	return path.len == 0 ? 0 : hash_bytes((const unsigned char *) path.ptr, path.len);
}

/* What nobody could run is the same for all; else the executor says so. */
bool
rt_answer_is_alike(const RtRequest *request)
{
	return request->answer_alike || request->answer_kind == RT_ANSWER_FAILED ||
		request->answer_kind == RT_ANSWER_UNAVAILABLE;
}

bool
rt_path_is_unlike(RtText path)
{
	uint32		hash = hash_path(path);
	const Unlike *entry = &unlike[hash % UNLIKE_KEPT];

	return entry->path_hash == hash && entry->generation == rt_catalog_generation();
}

void
rt_path_note_unlike(RtText path)
{
	uint32		hash = hash_path(path);

	unlike[hash % UNLIKE_KEPT] = (Unlike) {hash, rt_catalog_generation()};
}
