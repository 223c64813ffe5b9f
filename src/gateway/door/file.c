/*
 * file.c
 *		The files of realtime.document_root.
 *
 * Regular files are served and nothing else.  What a path leads to is looked
 * at before it is opened: opening a pipe or a device does something to it.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/gateway/door/beneath.h"
#include "src/gateway/door/file.h"
#include "src/gateway/door/tag.h"
#include "src/guc.h"

#define INDEX "index.html"		/* of a folder */
#define LOCATION_MAX 1024		/* bytes of a header with a folder's address */

/* For pages; scripts and styles come from files of their own. */
#define POLICY \
	"Content-Security-Policy: default-src 'none'; img-src 'self' data:; " \
	"script-src 'self'; font-src 'self'; style-src 'self'; " \
	"connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; " \
	"form-action 'self'\r\n" \
	"Referrer-Policy: no-referrer\r\n"

/* ---- types ---- */

static const struct
{
	const char *ending;
	const char *type;
}			types[] = {
	{"css", "text/css; charset=utf-8"},
	{"csv", "text/csv; charset=utf-8"},
	{"gif", "image/gif"},
	{"gz", "application/gzip"},
	{"htm", "text/html; charset=utf-8"},
	{"html", "text/html; charset=utf-8"},
	{"ico", "image/x-icon"},
	{"jpeg", "image/jpeg"},
	{"jpg", "image/jpeg"},
	{"js", "text/javascript; charset=utf-8"},
	{"json", "application/json"},
	{"map", "application/json"},
	{"md", "text/markdown; charset=utf-8"},
	{"mjs", "text/javascript; charset=utf-8"},
	{"mp3", "audio/mpeg"},
	{"mp4", "video/mp4"},
	{"ogg", "audio/ogg"},
	{"otf", "font/otf"},
	{"pdf", "application/pdf"},
	{"png", "image/png"},
	{"svg", "image/svg+xml"},
	{"ttf", "font/ttf"},
	{"txt", "text/plain; charset=utf-8"},
	{"wasm", "application/wasm"},
	{"wav", "audio/wav"},
	{"webm", "video/webm"},
	{"webmanifest", "application/manifest+json"},
	{"webp", "image/webp"},
	{"woff", "font/woff"},
	{"woff2", "font/woff2"},
	{"xml", "application/xml"},
	{"zip", "application/zip"}
};

static const char *
type_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (int i = 0; dot != NULL && i < lengthof(types); i++)
	{
		if (pg_strcasecmp(dot + 1, types[i].ending) == 0)
			return types[i].type;
	}
	return "application/octet-stream";
}

/* ---- opening ---- */

/*
 * Opens a regular file below a folder; -1 if it is something else.  What it
 * is can be asked without opening it.
 */
static int
open_regular(int root, const char *path, struct stat *st)
{
	int			fd = rt_open_beneath(root, path, O_PATH);
	bool		regular;

	if (fd < 0)
		return -1;
	regular = fstat(fd, st) == 0 && S_ISREG(st->st_mode);
	close(fd);
	if (!regular)
	{
		errno = ENOENT;
		return -1;
	}
	fd = rt_open_beneath(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0 && (fstat(fd, st) != 0 || !S_ISREG(st->st_mode)))
	{
		close(fd);				/* it was replaced meanwhile */
		errno = ENOENT;
		fd = -1;
	}
	return fd;
}

static bool
is_folder(int root, const char *path)
{
	int			fd = rt_open_beneath(root, path, O_PATH | O_DIRECTORY);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* ---- answers ---- */

static void
answer_error(RtHttp *http, int error)
{
	if (error == EMFILE || error == ENFILE || error == ENOMEM)
		rt_http_answer_text(http, 503, "The file could not be opened now.", NULL);
	else
		rt_http_answer_text(http, 404, "There is nothing here.", NULL);
}

/* Writes a path with escapes for all that is not plain; false without room. */
static bool
escape_path(const char *path, char *dst, size_t cap)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t		n = 0;

	for (; *path != '\0'; path++)
	{
		unsigned char c = (unsigned char) *path;

		if (n + 4 > cap)
			return false;
		if (isalnum(c) || strchr("/-._~", c) != NULL)
		{
			dst[n++] = c;
			continue;
		}
		dst[n++] = '%';
		dst[n++] = digits[c >> 4];
		dst[n++] = digits[c & 15];
	}
	dst[n] = '\0';
	return true;
}

/*
 * To the folder's address with a '/' at its end: from another one the links of
 * its page would lead elsewhere.
 */
static void
redirect(RtHttp *http, const char *path)
{
	RtText		query = rt_http_text(&http->head, http->head.query);
	char		escaped[LOCATION_MAX];
	char		location[LOCATION_MAX + 16];
	int			len;

	if (!escape_path(path, escaped, sizeof(escaped)))
	{
		answer_error(http, ENAMETOOLONG);
		return;
	}
	len = snprintf(location, sizeof(location), "Location: %s/%s%.*s\r\n", escaped,
				   query.len > 0 ? "?" : "", (int) query.len, query.ptr);
	if (len >= sizeof(location))
		snprintf(location, sizeof(location), "Location: %s/\r\n", escaped);
	rt_http_answer_text(http, 301, "The folder is there.", location);
}

/* One that has shrunk meanwhile has no more. */
static ssize_t
read_piece(RtHttpSource *source, char *piece, size_t size)
{
	ssize_t		n = pread(source->file, piece, size, source->at);

	source->at += Max(n, 0);
	return n;
}

static void
close_file(RtHttpSource *source)
{
	close(source->file);
}

static void
answer_file(RtHttp *http, const char *path, int fd, const struct stat *st)
{
	char		tag[80];
	char		headers[1024];
	RtHttpAnswer answer = {
		.status = 200,.type = type_of(path),.headers = headers,
		.source = {.next = read_piece,.close = close_file,.file = fd},
		.length = st->st_size
	};

	snprintf(tag, sizeof(tag), "\"%llx-%llx-%llx.%lx\"",
			 (unsigned long long) st->st_ino, (unsigned long long) st->st_size,
			 (unsigned long long) st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: no-cache\r\n%s",
			 tag, POLICY);
	if (rt_tag_is_known(&http->head, tag))
	{
		answer.status = 304;
		answer.type = NULL;
	}
	rt_http_answer(http, &answer);
}

void
rt_file_answer(RtHttp *http, const char *path)
{
	char		name[RT_HTTP_LINE_MAX + sizeof(INDEX)];
	const char *relative = path[1] != '\0' ? path + 1 : ".";
	bool		folder = path[strlen(path) - 1] == '/';
	struct stat st;
	int			fd = -1;
	int			root = open(realtime_document_root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
	{
		answer_error(http, errno);
		return;
	}
	snprintf(name, sizeof(name), "%s%s", path + 1, folder ? INDEX : "");
	fd = open_regular(root, name, &st);
	if (fd >= 0)
		answer_file(http, name, fd, &st);
	else if (!folder && is_folder(root, relative))
		redirect(http, path);
	else
		answer_error(http, errno);
	close(root);
}
