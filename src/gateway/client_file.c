/*
 * client_file.c
 *		The client for pages, as it was installed with the library.
 *
 * The files lie in the server's own share directory, as "realtime/client.js" and
 * in the folder "realtime/client".  They are read once, when a gateway begins, so what is
 * asked for is looked up among their names and never in the file system.  Each is
 * kept compressed, too: nothing is done for a request but to copy it.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <zlib.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "src/gateway/client_file.h"
#include "src/gateway/cross_origin.h"
#include "src/gateway/door/tag.h"
#include "src/gateway/gateway.h"
#include "src/protocol/http_accept.h"

#define FILES_MAX 64
#define FILE_SIZE_MAX (512 * 1024)	/* bytes of one */
#define TYPE "text/javascript; charset=utf-8"

typedef struct ClientFile
{
	char	   *path;			/* of the URL */
	char		tag[RT_TAG_SIZE];
	RtText		text;
	RtText		zipped;			/* NULL = it could not be */
} ClientFile;

static ClientFile files[FILES_MAX];
static int	file_count = 0;

/* ---- reading ---- */

/* NULL if it is not there, or too long. */
static char *
read_file(const char *name, size_t *len)
{
	FILE	   *file = AllocateFile(name, PG_BINARY_R);
	char	   *text;

	if (file == NULL)
		return NULL;
	text = palloc(FILE_SIZE_MAX + 1);
	*len = fread(text, 1, FILE_SIZE_MAX + 1, file);
	if (ferror(file) || *len > FILE_SIZE_MAX)
	{
		pfree(text);
		text = NULL;
	}
	FreeFile(file);
	return text != NULL ? repalloc(text, Max(*len, 1)) : NULL;
}

/* In the format of gzip. */
static RtText
zip(RtText text)
{
	z_stream	stream;
	uLong		room;
	char	   *zipped;
	int			status;

	memset(&stream, 0, sizeof(stream));
	if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9,
					 Z_DEFAULT_STRATEGY) != Z_OK)
		return RT_TEXT_NONE;
	room = deflateBound(&stream, text.len);
	zipped = palloc(room);
	stream.next_in = (Bytef *) unconstify(char *, text.ptr);
	stream.avail_in = text.len;
	stream.next_out = (Bytef *) zipped;
	stream.avail_out = room;
	status = deflate(&stream, Z_FINISH);
	deflateEnd(&stream);
	if (status != Z_STREAM_END)
		return RT_TEXT_NONE;
	return (RtText) {repalloc(zipped, stream.total_out), stream.total_out};
}

/* "client.js" and the like, below a directory whose URL is prefix. */
static void
add_file(const char *directory, const char *prefix, const char *name)
{
	char		full[MAXPGPATH];
	ClientFile *file = &files[file_count];
	size_t		len = strlen(name);
	char	   *text;

	if (file_count == FILES_MAX || len <= 3 || strcmp(name + len - 3, ".js") != 0)
		return;
	snprintf(full, sizeof(full), "%s/%s", directory, name);
	text = read_file(full, &len);
	if (text == NULL)
	{
		ereport(LOG,
				(errmsg("realtime gateway cannot read file \"%s\", or it is longer than %d bytes",
						full, FILE_SIZE_MAX)));
		return;
	}
	file->path = psprintf("%s%s", prefix, name);
	file->text = (RtText) {text, len};
	file->zipped = zip(file->text);
	rt_tag_of_content(text, len, file->tag);
	file_count++;
}

static void
add_directory(const char *directory, const char *prefix)
{
	DIR		   *dir = AllocateDir(directory);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = ReadDirExtended(dir, directory, LOG)) != NULL)
	{
		if (entry->d_name[0] != '.')
			add_file(directory, prefix, entry->d_name);
	}
	FreeDir(dir);
}

void
rt_client_files_init(void)
{
	char		share[MAXPGPATH];
	char		directory[MAXPGPATH];

	get_share_path(my_exec_path, share);
	snprintf(directory, sizeof(directory), "%s/realtime", share);
	add_directory(directory, "/realtime/");
	strlcat(directory, "/client", sizeof(directory));
	add_directory(directory, "/realtime/client/");
	if (file_count == 0)
		ereport(LOG,
				(errmsg("realtime gateway has no client for pages"),
				 errdetail("There is no file in \"%s\" or above it.", directory),
				 errhint("\"make install\" installs it.")));
}

/* ---- answers ---- */

static const ClientFile *
find_file(const char *path)
{
	for (int i = 0; i < file_count; i++)
	{
		if (strcmp(files[i].path, path) == 0)
			return &files[i];
	}
	return NULL;
}

static void
answer(RtHttp *http, const ClientFile *file)
{
	bool		zipped = file->zipped.len > 0 && rt_http_takes_coding(&http->head, "gzip");

	rt_cross_origin_answer_tagged(http, TYPE, zipped ? file->zipped : file->text, file->tag,
								  zipped ? "Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\n" :
								  "Vary: Accept-Encoding\r\n");
}

/* A page of another origin gets it only if that may connect as well. */
void
rt_client_file_answer(RtHttp *http, const char *path)
{
	const ClientFile *file = find_file(path);

	if (file == NULL)
		rt_http_answer_text(http, 404, "There is no such part of the client.", NULL);
	else if (!rt_cross_origin_may_ask(&http->head))
		rt_http_answer_text(http, 403, "Origin not allowed, see realtime.allowed_origins.", NULL);
	else
		answer(http, file);
}
