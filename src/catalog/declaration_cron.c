/*
 * declaration_cron.c
 *		Jobs of realtime.cron().
 */
#include "postgres.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"

static RtMissed
missed_of_name(const char *name)
{
	if (strcmp(name, "once") == 0)
		return RT_MISSED_ONCE;
	return strcmp(name, "all") == 0 ? RT_MISSED_ALL : RT_MISSED_SKIP;
}

void
rt_read_cron(RtDeclarations *declarations, const RtRow *row)
{
	RtCronDeclaration *cron = palloc(sizeof(RtCronDeclaration));

	cron->path = rt_row_text(row, Anum_cron_path);
	cron->schedule = rt_row_text(row, Anum_cron_schedule);
	cron->handler_text = rt_row_text(row, Anum_cron_handler);
	cron->handler = rt_refer(declarations, cron->handler_text, "cron", cron->path, "handler");
	cron->topic = rt_row_text(row, Anum_cron_topic);
	cron->time_zone = rt_row_text(row, Anum_cron_time_zone);
	cron->missed = missed_of_name(rt_row_text(row, Anum_cron_missed));
	cron->timeout_ms = rt_row_ms_int(row, Anum_cron_timeout, 0);
	cron->active = DatumGetBool(rt_row_value(row, Anum_cron_active));
	cron->owner = DatumGetObjectId(rt_row_value(row, Anum_cron_owner));
	declarations->crons = lappend(declarations->crons, cron);
}
