/*
 * answer.c
 *		What every answer says about itself.
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
		case 301:
			return "Moved Permanently";
		case 304:
			return "Not Modified";
		case 400:
			return "Bad Request";
		case 403:
			return "Forbidden";
		case 404:
			return "Not Found";
		case 405:
			return "Method Not Allowed";
		case 408:
			return "Request Timeout";
		case 413:
			return "Content Too Large";
		case 414:
			return "URI Too Long";
		case 417:
			return "Expectation Failed";
		case 421:
			return "Misdirected Request";
		case 426:
			return "Upgrade Required";
		case 429:
			return "Too Many Requests";
		case 431:
			return "Request Header Fields Too Large";
		case 501:
			return "Not Implemented";
		case 503:
			return "Service Unavailable";
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

size_t
rt_answer_head(char *dst, const RtHttpAnswer *answer, bool keep_alive)
{
	char		content[160] = "";
	int			len;

	if (answer->type != NULL)
		snprintf(content, sizeof(content),
				 "Content-Type: %s\r\nContent-Length: " UINT64_FORMAT "\r\n",
				 answer->type, answer->length);
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
