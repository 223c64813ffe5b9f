/*
 * token_keys.c
 *		Where the keys come from: a secret, a file of PEM, a JSON Web Key Set.
 *
 * The texts of the files are kept, and all keys made anew of them when one has
 * changed.  A file that is being replaced, and cannot be read or understood for
 * a moment, costs nobody the keys that it had.
 *
 * The libraries allocate with malloc and never call us back, so nothing is lost
 * by an error that is raised between their calls.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "nodes/pg_list.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "src/executor/token_keys.h"
#include "src/guc.h"
#include "src/ipc/clock.h"

#define LOOK_MS 10000			/* between looks at the files */
#define FILE_MAX (1024 * 1024)	/* bytes */

typedef int (*AddKeys) (RtKeyRing *ring, const char *text, size_t len,
						const char **reason);

typedef struct KeyFile
{
	const char *setting;
	char	  **name;			/* the setting's value; "" = none */
	AddKeys		add;
	char		path[MAXPGPATH];	/* of what follows */
	char	   *text;			/* NULL = none could be read */
	size_t		len;
	bool		looked;			/* since it is called so */
	struct stat seen;			/* then */
} KeyFile;

static KeyFile files[] = {
	{
		.setting = "realtime.jwt_key_file",.name = &realtime_jwt_key_file,
		.add = rt_key_ring_add_pem
	},
	{
		.setting = "realtime.jwks_file",.name = &realtime_jwks_file,
		.add = rt_key_ring_add_jwks
	}
};

static MemoryContext context = NULL;	/* of the two lists */
static RtKeyRing ring;
static const char **issuers = NULL;
static const char **audiences = NULL;
static bool configured = false;
static bool secret_is_unusable = false;
static int64 looked_ms = 0;

/* ---- files ---- */

/* Whether it is another file than the one that was looked at last. */
static bool
has_changed(KeyFile *file)
{
	struct stat now;
	bool		same;

	if (stat(*file->name, &now) != 0)
		memset(&now, 0, sizeof(now));
	same = file->looked && now.st_ino == file->seen.st_ino &&
		now.st_size == file->seen.st_size &&
		memcmp(&now.st_mtim, &file->seen.st_mtim, sizeof(now.st_mtim)) == 0 &&
		memcmp(&now.st_ctim, &file->seen.st_ctim, sizeof(now.st_ctim)) == 0;
	file->seen = now;
	file->looked = true;
	return !same;
}

static void
complain(const KeyFile *file, const char *reason)
{
	ereport(LOG,
			(errcode(ERRCODE_CONFIG_FILE_ERROR),
			 errmsg("keys of tokens cannot be read from file \"%s\"", *file->name),
			 errdetail("%s", reason),
			 errhint("The setting is \"%s\".", file->setting)));
}

/* In the current context; NULL, and said in the log, if it cannot be read. */
static char *
read_text(const KeyFile *file, size_t *len)
{
	FILE	   *stream = AllocateFile(*file->name, PG_BINARY_R);
	char	   *text;

	if (stream == NULL)
	{
		complain(file, strerror(errno));
		return NULL;
	}
	text = palloc(FILE_MAX);
	*len = fread(text, 1, FILE_MAX, stream);
	if (ferror(stream) || *len == FILE_MAX)
	{
		complain(file, ferror(stream) ? strerror(errno) : "It is too long.");
		pfree(text);
		text = NULL;
	}
	FreeFile(stream);
	return text;
}

static bool
is_good(const KeyFile *file, const char *text, size_t len)
{
	RtKeyRing	trial = {0};
	const char *reason;
	int			count = file->add(&trial, text, len, &reason);

	rt_key_ring_clear(&trial);
	if (count < 0 || reason != NULL)
		complain(file, reason);
	return count >= 0;
}

static void
forget(KeyFile *file)
{
	if (file->text != NULL)
		pfree(file->text);
	file->text = NULL;
	file->looked = false;
}

/* Returns whether its keys are others now. */
static bool
read_file(KeyFile *file)
{
	char	   *text;
	size_t		len = 0;

	if ((*file->name)[0] == '\0' || !has_changed(file))
		return false;
	text = read_text(file, &len);
	if (text == NULL || !is_good(file, text, len))
		return false;
	if (file->text != NULL)
		pfree(file->text);
	file->text = NULL;
	file->text = MemoryContextAlloc(TopMemoryContext, Max(1, len));
	memcpy(file->text, text, len);
	file->len = len;
	pfree(text);
	return true;
}

/* ---- the ring ---- */

static void
fill_ring(void)
{
	const char *reason;
	size_t		secret_len = strlen(realtime_jwt_secret);

	rt_key_ring_clear(&ring);
	secret_is_unusable = secret_len > 0 &&
		rt_key_ring_add_secret(&ring, realtime_jwt_secret, secret_len, &reason) < 0;
	if (secret_is_unusable)
		ereport(LOG,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("\"%s\" cannot be used", "realtime.jwt_secret"),
				 errdetail("%s", reason)));
	for (size_t i = 0; i < lengthof(files); i++)
	{
		if (files[i].text != NULL)
			(void) files[i].add(&ring, files[i].text, files[i].len, &reason);
	}
	ereport(DEBUG1, (errmsg_internal("realtime has %d keys for tokens", ring.count)));
}

/* ---- settings ---- */

/* The names of a list, ended by NULL; a bad list has been refused before. */
static const char **
split(const char *setting)
{
	List	   *entries = NIL;
	ListCell   *cell;
	const char **result;
	int			count = 0;

	if (!SplitGUCList(pstrdup(setting), ',', &entries))
		entries = NIL;
	result = palloc0(sizeof(char *) * (list_length(entries) + 1));
	foreach(cell, entries)
		result[count++] = lfirst(cell);
	return result;
}

static void
warn_of_short_secret(void)
{
	size_t		len = strlen(realtime_jwt_secret);

	if (len > 0 && len < RT_SECRET_BYTES_MIN)
		ereport(LOG,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("\"%s\" is short enough to be guessed", "realtime.jwt_secret"),
				 errhint("Take at least %d random bytes.", RT_SECRET_BYTES_MIN)));
}

static void
configure(void)
{
	MemoryContext old;

	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "realtime issuers and audiences",
										ALLOCSET_SMALL_SIZES);
	MemoryContextReset(context);
	for (size_t i = 0; i < lengthof(files); i++)
	{
		if (strcmp(files[i].path, *files[i].name) != 0)
			forget(&files[i]);
		strlcpy(files[i].path, *files[i].name, sizeof(files[i].path));
	}
	old = MemoryContextSwitchTo(context);
	issuers = split(realtime_jwt_issuers);
	audiences = split(realtime_jwt_audiences);
	MemoryContextSwitchTo(old);
	warn_of_short_secret();
	configured = true;
}

void
rt_token_keys_settings_changed(void)
{
	configured = false;
}

/* ---- tokens ---- */

bool
rt_token_keys_look(void)
{
	int64		now = rt_clock_ms();
	bool		changed = !configured;

	if (configured && now - looked_ms < LOOK_MS)
		return ring.count > 0;
	if (!configured)
		configure();
	looked_ms = now;
	for (size_t i = 0; i < lengthof(files); i++)
		changed |= read_file(&files[i]);
	if (changed)
		fill_ring();
	return ring.count > 0;
}

bool
rt_token_keys_are_missing(void)
{
	for (size_t i = 0; i < lengthof(files); i++)
	{
		if ((*files[i].name)[0] != '\0' && files[i].text == NULL)
			return true;
	}
	return secret_is_unusable;
}

static int64
unix_time(void)
{
	return GetCurrentTimestamp() / USECS_PER_SEC +
		(int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY;
}

RtTokenVerdict
rt_token_verify(const char *text, size_t len, RtToken *token)
{
	RtTokenRules rules = {
		.issuers = issuers,.audiences = audiences,
		.now = unix_time(),.leeway = realtime_jwt_leeway
	};

	return rt_token_check(&ring, text, len, &rules, token);
}

int64
rt_token_end(const RtToken *token)
{
	if (token->expires == 0 || token->expires > unix_time())
		return token->expires;
	return token->expires + realtime_jwt_leeway;
}
