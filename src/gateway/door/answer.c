/*
 * answer.c
 *		What every answer says about itself, and the chunks of those whose
 *		length nobody knows.
 */
#include "postgres.h"

#include <time.h>

#include "src/gateway/door/answer.h"
#include "src/gateway/gateway.h"

static const char *
status_text(int status)
{
	switch (status)
	{
		case 200:
			return "OK";
		case 204:
			return "No Content";
		case 301:
			return "Moved Permanently";
		case 304:
			return "Not Modified";
		case 400:
			return "Bad Request";
		case 401:
			return "Unauthorized";
		case 403:
			return "Forbidden";
		case 404:
			return "Not Found";
		case 405:
			return "Method Not Allowed";
		case 408:
			return "Request Timeout";
		case 409:
			return "Conflict";
		case 413:
			return "Content Too Large";
		case 414:
			return "URI Too Long";
		case 417:
			return "Expectation Failed";
		case 421:
			return "Misdirected Request";
		case 422:
			return "Unprocessable Content";
		case 426:
			return "Upgrade Required";
		case 429:
			return "Too Many Requests";
		case 431:
			return "Request Header Fields Too Large";
		case 500:
			return "Internal Server Error";
		case 501:
			return "Not Implemented";
		case 503:
			return "Service Unavailable";
		case 504:
			return "Gateway Timeout";
		case 505:
			return "HTTP Version Not Supported";
		default:
			return "Error";
	}
}

/* The date in the form of RFC 9110 (5.6.7), made anew each second at most. */
static const char *
date_text(void)
{
	static char text[32];
	static time_t made = 0;
	static const char *const days[] = {
		"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"
	};
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
	};
	time_t		now = time(NULL);
	struct tm	tm;

	if (now == made || gmtime_r(&now, &tm) == NULL)
		return text;
	snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
			 days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
			 tm.tm_hour, tm.tm_min, tm.tm_sec);
	made = now;
	return text;
}

/* 426 names what the connection is to become, which concerns it alone. */
static const char *
connection_header(int status, bool keep_alive)
{
	if (status == 426)
		return keep_alive ? "Connection: Upgrade\r\n" : "Connection: close, Upgrade\r\n";
	return keep_alive ? "" : "Connection: close\r\n";
}

RtHttpEnd
rt_answer_end(const RtHttpAnswer *answer, int minor)
{
	if (answer->length != RT_HTTP_LENGTH_UNKNOWN)
		return RT_HTTP_END_LENGTH;
	return minor > 0 ? RT_HTTP_END_CHUNK : RT_HTTP_END_CLOSE;
}

/* Where the content ends, with the end of the line. */
static const char *
length_header(char *dst, size_t size, uint64 length, RtHttpEnd end)
{
	switch (end)
	{
		case RT_HTTP_END_LENGTH:
			snprintf(dst, size, "Content-Length: " UINT64_FORMAT "\r\n", length);
			return dst;
		case RT_HTTP_END_CHUNK:
			return "Transfer-Encoding: chunked\r\n";
		case RT_HTTP_END_CLOSE:
			break;
	}
	return "";
}

size_t
rt_answer_head(char *dst, const RtHttpAnswer *answer, RtHttpEnd end, bool keep_alive)
{
	char		length[64];
	char		content[160] = "";
	int			len;

	if (answer->type != NULL)
		snprintf(content, sizeof(content), "Content-Type: %s\r\n%s", answer->type,
				 length_header(length, sizeof(length), answer->length, end));
	len = snprintf(dst, RT_ANSWER_HEAD_MAX,
				   "HTTP/1.1 %d %s\r\n"
				   "Date: %s\r\n"
				   "%s%s"
				   "X-Content-Type-Options: nosniff\r\n"
				   "%s\r\n",
				   answer->status, status_text(answer->status), date_text(),
				   content, connection_header(answer->status, keep_alive),
				   answer->headers != NULL ? answer->headers : "");
	Assert(len < RT_ANSWER_HEAD_MAX);
	return Min(len, RT_ANSWER_HEAD_MAX - 1);
}

char *
rt_answer_chunk(char *data, size_t len, size_t *chunk_len)
{
	char		head[RT_CHUNK_BEFORE + 1];
	int			head_len = snprintf(head, sizeof(head), "%zx\r\n", len);
	char	   *chunk = data - head_len;

	memcpy(chunk, head, head_len);
	memcpy(data + len, "\r\n", RT_CHUNK_BEHIND);
	*chunk_len = head_len + len + RT_CHUNK_BEHIND;
	return chunk;
}
