/*
 * declaration_module.c
 *		The guards of modules, as those of the paths in them.
 */
#include "postgres.h"

#include "src/catalog/declaration_part.h"

/* Of two that a path is in, the outer one has the shorter name. */
static int
compare_modules(const ListCell *a, const ListCell *b)
{
	size_t		left = strlen(((RtModuleDeclaration *) lfirst(a))->name);
	size_t		right = strlen(((RtModuleDeclaration *) lfirst(b))->name);

	return left == right ? 0 : left < right ? -1 : 1;
}

static bool
is_in_module(const char *path, const RtModuleDeclaration *module)
{
	size_t		len = strlen(module->name);

	return strncmp(path, module->name, len) == 0 && path[len] == '/';
}

/* Puts the guards of a path's modules before its own. */
static void
join_guards(RtDeclarations *declarations, const char *path, RtGuards *guards)
{
	const Oid  *own = guards->functions;
	int			own_count = guards->count;
	int			count = own_count;
	ListCell   *cell;

	foreach(cell, declarations->modules)
		count += ((RtModuleDeclaration *) lfirst(cell))->guard_count;
	guards->functions = palloc(sizeof(Oid) * Max(count, 1));
	guards->count = 0;
	foreach(cell, declarations->modules)
	{
		const RtModuleDeclaration *module = lfirst(cell);

		if (!is_in_module(path, module))
			continue;
		guards->authenticated |= module->authenticated;
		for (int i = 0; i < module->guard_count; i++)
			guards->functions[guards->count++] = module->guards[i];
	}
	guards->module_count = guards->count;
	for (int i = 0; i < own_count; i++)
		guards->functions[guards->count++] = own[i];
}

void
rt_read_module(RtDeclarations *declarations, const RtRow *row)
{
	RtModuleDeclaration *module = palloc0(sizeof(RtModuleDeclaration));

	module->name = rt_row_text(row, Anum_guard_module);
	module->authenticated = DatumGetBool(rt_row_value(row, Anum_guard_authenticated));
	module->guard_count = rt_refer_all(declarations, row, Anum_guard_guards,
										 "module", module->name, "guard",
										 &module->guards);
	declarations->modules = lappend(declarations->modules, module);
}

void
rt_declarations_join_modules(RtDeclarations *declarations)
{
	rt_names_iterator iterator;
	RtNameEntry *entry;

	if (declarations->modules == NIL)
		return;
	list_sort(declarations->modules, compare_modules);
	rt_names_start_iterate(declarations->rpcs, &iterator);
	while ((entry = rt_names_iterate(declarations->rpcs, &iterator)) != NULL)
	{
		RtRpcDeclaration *rpc = entry->value;

		join_guards(declarations, rpc->path, &rpc->guards);
	}
	rt_names_start_iterate(declarations->streams, &iterator);
	while ((entry = rt_names_iterate(declarations->streams, &iterator)) != NULL)
	{
		RtStreamDeclaration *stream = entry->value;

		join_guards(declarations, stream->path, &stream->guards);
	}
}
