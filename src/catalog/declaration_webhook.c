/*
 * declaration_webhook.c
 *		Webhooks of realtime.webhook().
 */
#include "postgres.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"

static Oid
read_function(RtDeclarations *declarations, const RtRow *row, int anum, const char *path,
			  const char *purpose)
{
	return rt_read_function(declarations, row, anum, "webhook", path, purpose).oid;
}

void
rt_read_webhook(RtDeclarations *declarations, const RtRow *row)
{
	RtWebhookDeclaration *webhook = palloc(sizeof(RtWebhookDeclaration));

	webhook->path = rt_row_text(row, Anum_webhook_path);
	webhook->topic = rt_row_text(row, Anum_webhook_topic);
	webhook->verify = read_function(declarations, row, Anum_webhook_verify, webhook->path,
									"verify function");
	webhook->transform = read_function(declarations, row, Anum_webhook_transform,
									   webhook->path, "transform");
	webhook->max_body = DatumGetInt32(rt_row_value(row, Anum_webhook_max_body));
	declarations->webhooks = lappend(declarations->webhooks, webhook);
}
