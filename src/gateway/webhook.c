/*
 * webhook.c
 *		What other services tell by HTTP.
 *
 * Anybody can send it, and who has is found out from its content, in SQL
 * (executor/request/webhook.c).  So here it is only bounded: how long a body is, how
 * many come from an address.  Whatever is our own fault is answered so that
 * senders try again.
 */
#include "postgres.h"

#include "src/gateway/cross_origin.h"
#include "src/gateway/door/proxy.h"
#include "src/gateway/door/upgrade_rate.h"
#include "src/gateway/http_ask.h"
#include "src/gateway/webhook.h"
#include "src/ipc/limit.h"
#include "src/protocol/envelope.h"

static void
refuse(RtHttp *http, int status, RtText code, RtText message, RtText more)
{
	bool		later = status == 429 || status == 503;

	rt_cross_origin_refuse(http, status, code, message,
						   later ? RT_TEXT("Retry-After: 10\r\n") : more);
}

static void
answer(RtHttp *http, int status, RtText content, RtText headers)
{
	rt_cross_origin_answer(http, status, "application/json", content,
						   status >= 429 ? RT_TEXT("Retry-After: 10\r\n") : RT_TEXT_NONE);
}

static void
refuse_as(RtHttp *http, RtCode code)
{
	refuse(http, rt_code_status(code), RT_TEXT(rt_code_wire(code)),
		   RT_TEXT(rt_code_message(code)), RT_TEXT_NONE);
}

void
rt_webhook(RtHttp *http, const char *path)
{
	static const RtHttpService service = {
		.methods = "POST",.asks = true,.as_nobody = true,.carries = true,
		.kind = RT_REQUEST_WEBHOOK,.answer = answer,.refuse = refuse
	};
	RtQuestionTexts texts = {.path = RT_TEXT(path + strlen(RT_WEBHOOK_PATH))};
	unsigned char address[RT_HOST_ADDRESS_SIZE];

	if (!rt_http_client_address(http, address))
		rt_socket_drop(http->socket);
	else if (!rt_path_is_valid(texts.path.ptr, texts.path.len))
		refuse_as(http, RT_CODE_NOT_FOUND);
	else if (!rt_rate_allows(address, RT_RATE_WEBHOOK))
	{
		rt_limit_hit(RT_LIMIT_WEBHOOK_RATE);
		refuse_as(http, RT_CODE_RATE_LIMITED);
	}
	else
		rt_http_ask_from(http, &service, &texts, address);
}
