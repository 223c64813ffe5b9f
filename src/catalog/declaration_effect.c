/*
 * declaration_effect.c
 *		Effects: functions that are run for events.
 */
#include "postgres.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/declaration_table.h"

void
rt_read_effect(RtDeclarations *declarations, const RtRow *row)
{
	RtEffectDeclaration *effect = palloc0(sizeof(RtEffectDeclaration));
	char	  **sources;
	int			count = rt_row_texts(row, Anum_effect_sources, &sources);

	effect->path = rt_row_text(row, Anum_effect_path);
	effect->handler_text = rt_row_text(row, Anum_effect_handler);
	if (effect->handler_text != NULL)
		effect->handler = rt_refer(declarations, effect->handler_text, "effect", effect->path, "handler");
	effect->queue = rt_row_text(row, Anum_effect_queue);
	effect->owner = DatumGetObjectId(rt_row_value(row, Anum_effect_owner));
	declarations->effects = lappend(declarations->effects, effect);
	rt_declarations_add_sink(declarations, effect->path, sources, count)->is_effect = true;
}
