/*
 * realtime.c
 *		Entry of the library: settings, shared memory, hooks, workers.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "replication/logicallauncher.h"

#include "src/backend/backend.h"
#include "src/catalog/declaration.h"
#include "src/guc.h"
#include "src/ipc/parking.h"
#include "src/ipc/shmem.h"
#include "src/query/run.h"
#include "src/realtime.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static void
register_worker(const char *type, const char *name, const char *function,
				int index, int flags)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = flags;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 1;
	strlcpy(worker.bgw_library_name, RT_LIBRARY, sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, function, sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, name, BGW_MAXLEN);
	strlcpy(worker.bgw_type, type, BGW_MAXLEN);
	worker.bgw_main_arg = Int32GetDatum(index);
	RegisterBackgroundWorker(&worker);
}

/* pg_upgrade starts servers that serve nobody but itself. */
static void
register_workers(void)
{
	/*
	 * launcher and scheduler; the server's own launcher of logical
	 * replication takes one as well
	 */
	int			needed = 2 + realtime_gateways + realtime_executors +
		(max_logical_replication_workers > 0 ? 1 : 0);

	if (IsBinaryUpgrade)
		return;

	register_worker("realtime launcher", "realtime launcher", "rt_launcher_main", 0,
					BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION);
	for (int i = 0; i < realtime_gateways; i++)
	{
		char		name[BGW_MAXLEN];

		snprintf(name, sizeof(name), "realtime gateway %d", i);
		register_worker("realtime gateway", name, "rt_gateway_main", i,
						BGWORKER_SHMEM_ACCESS);
	}

	if (needed > max_worker_processes)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("realtime needs %d worker processes, but max_worker_processes is %d",
						needed, max_worker_processes),
				 errhint("Increase max_worker_processes to at least %d, more if there are other extensions with workers or parallel queries.",
						 needed)));
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("realtime must be loaded by the server at its start"),
				 errhint("Add realtime to shared_preload_libraries and restart the server.")));

	rt_guc_define();
	rt_shmem_install();
	rt_declarations_install();
	rt_backend_install();
	rt_query_run_install();
	rt_parking_install();
	register_workers();
}
