/*
 * admission.c
 *		Whether what belongs to a class of service is refused now.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "src/catalog/declaration.h"
#include "src/executor/function/admission.h"
#include "src/executor/function/guard.h"
#include "src/executor/function/invoke.h"
#include "src/executor/reply.h"
#include "src/ipc/busy_topic.h"
#include "src/ipc/path_stat.h"
#include "src/ipc/pressure.h"

/* As the view realtime.pressure has it. */
static Datum
describe(const RtPressure *pressure)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "{\"reason\": \"%s\", \"memory\": %.4f, \"executors\": %.4f,"
					 " \"publish_rate\": %.0f, \"subscribers\": %.2f, \"top_publishers\": ",
					 rt_pressure_name(pressure->reason), pressure->memory,
					 pressure->executors, pressure->publish_rate, pressure->subscribers);
	rt_busy_topics_write(&text);
	appendStringInfoChar(&text, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

/* One that is gone, or is not run, has not refused. */
static bool
predicate_says_so(const RtNamedFunction *predicate, const RtPressure *pressure)
{
	RtFunction *function;
	RtArguments arguments;

	if (!OidIsValid(predicate->oid))
		return false;
	function = rt_function_get(predicate->oid);
	arguments.count = Min(function->nargs, 1);
	arguments.values[0] = (NullableDatum) {describe(pressure), false};
	return rt_guard_agrees(function, &arguments);
}

bool
rt_class_gives_way(const char *name)
{
	const RtAdmissionDeclaration *admission = rt_declaration_admission(name);
	RtPressure	pressure;

	rt_pressure_measure(&pressure);
	if (admission == NULL)
		return pressure.reason >= RT_PRESSURE_EXECUTORS;
	return (admission->reasons & (1 << pressure.reason)) != 0 ||
		predicate_says_so(&admission->predicate, &pressure);
}

static void
count(const char *name, bool refused)
{
	RtPathRun	run = {
		.path = name,.path_len = strlen(name),.is_known = true,.kind = RT_PATH_CLASS,
		.failed = refused,.code = RT_CODE_OVERLOADED
	};

	rt_path_stat_count(&run);
}

void
rt_class_admit(const char *name)
{
	bool		refused;

	if (name == NULL)
		return;
	refused = rt_class_gives_way(name);
	count(name, refused);
	if (refused)
		rt_reply_refuse_overload();
}
