/*
 * match.c
 *		Which groups of live queries the changes of a round concern.
 *
 * For each relation of a query the texts are collected that the rows changed have
 * in the column of its condition; the text of a group's argument is then looked
 * up among them.  That is done once for all groups of the query and a role.  There
 * may be thousands of groups, so hashes are looked at first.
 *
 * What reads a table reads its partitions and heirs.  Columns of these may have
 * other numbers, but have the same names.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "src/executor/query/group_key.h"
#include "src/executor/query/match.h"
#include "src/executor/query/prepared.h"
#include "src/guc.h"
#include "src/query/run.h"

#define ROWS_MAX 10000			/* beyond, tables have changed as a whole */
#define IMAGES_MAX 1000			/* that a group looks at one by one */

/* An image by the hash of what is compared with an argument. */
typedef struct HashedImage
{
	uint32		hash;
	RtChangeImage image;
} HashedImage;

/* All images for one relation of a query. */
typedef struct ImageSet
{
	uint64		query;			/* its serial */
	const RtQueryRelation *relation;
	RtQueryWhyFull why_full;
	int			count;
	RtChangeImage *images;
	int			param;			/* whose argument's hash they are sorted by, or 0 */
	uint32	   *hashes;			/* then of each */
} ImageSet;

/* Of one relation of a query. */
typedef struct Concern
{
	bool		any;			/* every group is concerned */
	int			param;			/* whose argument is looked up, or 0 */
	int			count;
	char	  **texts;			/* sorted */
	uint32	   *hashes;			/* of these; sorted */
} Concern;

struct RtRoundChanges
{
	MemoryContext context;
	bool		everything;
	bool		repeat;			/* what an earlier round had may be there again */
	List	   *tables;			/* by OID: anything in them */
	List	   *rows;			/* of RtChange */

	List	   *images;			/* of ImageSet */
	HTAB	   *families;		/* of Concerned; NULL = none yet */
	struct Concerned *last;		/* the one that was looked at last, or NULL */
};

/* What they mean to the groups of a query and a role. */
typedef struct Concerned
{
	uint64		family;			/* hash key */
	bool		any;			/* every group is concerned */
	int			count;
	Concern    *concerns;		/* of relations that have changed */
} Concerned;

/* ---- collecting ---- */

RtRoundChanges *
rt_round_changes(void)
{
	RtRoundChanges *changes = palloc0(sizeof(RtRoundChanges));

	changes->context = CurrentMemoryContext;
	return changes;
}

void
rt_round_changes_add(RtRoundChanges *changes, const RtChange *change)
{
	if (change == NULL || (change->flags & RT_CHANGE_EVERYTHING) != 0)
		changes->everything = true;
	else if (changes->everything || list_member_oid(changes->tables, change->relation))
		return;
	else if ((change->flags & RT_CHANGE_ANY) != 0 ||
			 list_length(changes->rows) >= ROWS_MAX)
		changes->tables = lappend_oid(changes->tables, change->relation);
	else
	{
		void	   *copy = palloc(change->size);

		memcpy(copy, change, change->size);
		changes->rows = lappend(changes->rows, copy);
	}
}

void
rt_round_changes_repeat(RtRoundChanges *changes)
{
	changes->repeat = true;
}

bool
rt_round_changes_can_be_counted(const RtRoundChanges *changes)
{
	return !changes->repeat && !changes->everything;
}

/* ---- which tables ---- */

/* A relation of a query as it is looked for among changes. */
typedef struct Reader
{
	const RtQueryRelation *relation;
	List	   *rows_of;		/* OIDs: itself, and what else has its rows */
} Reader;

static void
init_reader(Reader *reader, const RtQueryRelation *relation)
{
	reader->relation = relation;
	reader->rows_of = has_subclass(relation->relid) ?
		find_all_inheritors(relation->relid, NoLock, NULL) :
		list_make1_oid(relation->relid);
}

static bool
is_partition_of(Oid relation, Oid table)
{
	return get_rel_relispartition(relation) &&
		list_member_oid(get_partition_ancestors(relation), table);
}

/* Whether anything has happened to a table that it has rows of. */
static bool
has_changed_as_a_whole(const Reader *reader, const List *tables)
{
	ListCell   *cell;

	foreach(cell, tables)
	{
		if (list_member_oid(reader->rows_of, lfirst_oid(cell)) ||
			is_partition_of(reader->relation->relid, lfirst_oid(cell)))
			return true;
	}
	return false;
}

/* ---- the images of a row ---- */

typedef struct Images
{
	int			old_at;			/* among values, -1 = none; likewise: */
	int			new_at;
	Datum	   *values[2];
	bool	   *nulls[2];
} Images;

static TupleDesc
desc_of(const RtChange *change)
{
	TupleDesc	desc = CreateTemplateTupleDesc(change->column_count);

	for (int i = 0; i < change->column_count; i++)
		TupleDescInitEntry(desc, i + 1, NULL, rt_change_columns(change)[i].type, -1, 0);
	return desc;
}

static void
deform(const RtChange *change, TupleDesc desc, MinimalTuple image, Datum *values,
	   bool *nulls)
{
	HeapTupleData tuple;

	tuple.t_len = image->t_len + MINIMAL_TUPLE_OFFSET;
	tuple.t_data = (HeapTupleHeader) ((char *) image - MINIMAL_TUPLE_OFFSET);
	heap_deform_tuple(&tuple, desc, values, nulls);
}

static int
read_image(const RtChange *change, TupleDesc desc, MinimalTuple image,
		   Images *images, int at)
{
	if (image == NULL)
		return -1;
	images->values[at] = palloc(sizeof(Datum) * change->column_count);
	images->nulls[at] = palloc(sizeof(bool) * change->column_count);
	deform(change, desc, image, images->values[at], images->nulls[at]);
	return at;
}

static void
read_images(const RtChange *change, TupleDesc desc, Images *images)
{
	images->old_at = read_image(change, desc, rt_change_old(change), images, 0);
	images->new_at = read_image(change, desc, rt_change_new(change), images, 1);
}

/* Where a change has a column of a relation, -1 = nowhere. */
static int
find_column(const RtChange *change, Oid relation, AttrNumber attnum)
{
	if (change->relation != relation)
	{
		char	   *name = get_attname(relation, attnum, true);

		attnum = name == NULL ? InvalidAttrNumber : get_attnum(change->relation, name);
	}
	for (int i = 0; i < change->column_count; i++)
	{
		if (rt_change_columns(change)[i].attnum == attnum)
			return i;
	}
	return -1;
}

/* ---- whether a change matters ---- */

static bool
is_as_before(const Images *images, TupleDesc desc, int column)
{
	Form_pg_attribute attribute = TupleDescAttr(desc, column);

	if (images->nulls[0][column] || images->nulls[1][column])
		return images->nulls[0][column] && images->nulls[1][column];
	return datumIsEqual(images->values[0][column], images->values[1][column],
						attribute->attbyval, attribute->attlen);
}

/* Whether an update has changed anything that the query looks at. */
static bool
changes_used(const RtChange *change, const Images *images, TupleDesc desc,
			 const RtQueryRelation *relation)
{
	int			attnum = -1;

	if (images->old_at < 0 || images->new_at < 0 || bms_is_member(0, relation->used))
		return true;
	while ((attnum = bms_next_member(relation->used, attnum)) >= 0)
	{
		int			column = find_column(change, relation->relid, attnum);

		if (column < 0 || !is_as_before(images, desc, column))
			return true;
	}
	return false;
}

/* ---- what the query needs of it ---- */

/* NULL if a column is not there as it is now. */
static TupleTableSlot *
make_image(const RtChange *change, const Images *images, int at,
		   const RtQueryRelation *relation, TupleDesc desc)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	int			attnum = -1;

	memset(slot->tts_isnull, true, desc->natts);
	while ((attnum = bms_next_member(relation->needed, attnum)) >= 0)
	{
		int			column = find_column(change, relation->relid, attnum);

		if (column < 0 || attnum < 1 || attnum > desc->natts ||
			rt_change_columns(change)[column].type != TupleDescAttr(desc, attnum - 1)->atttypid)
			return NULL;
		slot->tts_values[attnum - 1] = images->values[at][column];
		slot->tts_isnull[attnum - 1] = images->nulls[at][column];
	}
	return ExecStoreVirtualTuple(slot);
}

/* ---- the condition ---- */

static const RtQueryFilter *
find_filter(const RtQuery *query, const RtQueryRelation *relation)
{
	ListCell   *cell;

	foreach(cell, relation->filters)
	{
		const RtQueryFilter *filter = lfirst(cell);

		if (filter->param > 0 && !filter->reads_caller &&
			query->param_types[filter->param - 1] == filter->type &&
			rt_query_has_plain_texts(filter->type, filter->collation))
			return filter;
	}
	return NULL;
}

static bool
is_of_type(Oid column_type, Oid type)
{
	return column_type == type || (type == TEXTOID && column_type == VARCHAROID);
}

/* NULL is equal to nothing. */
static void
add_text(Concern *concern, const Images *images, int at, int column, Oid type)
{
	Oid			output;
	bool		is_varlena;

	if (at < 0 || images->nulls[at][column])
		return;
	getTypeOutputInfo(type, &output, &is_varlena);
	concern->texts[concern->count++] =
		OidOutputFunctionCall(output, images->values[at][column]);
}

static void
add_row(Concern *concern, const RtChange *change, const RtQueryRelation *relation,
		const RtQueryFilter *filter)
{
	TupleDesc	desc = desc_of(change);
	Images		images;
	int			column;

	read_images(change, desc, &images);
	if (!changes_used(change, &images, desc, relation))
		return;
	column = filter == NULL ? -1 :
		find_column(change, relation->relid, filter->attnum);
	if (column < 0 || !is_of_type(rt_change_columns(change)[column].type, filter->type))
	{
		concern->any = true;
		return;
	}
	add_text(concern, &images, images.old_at, column, filter->type);
	add_text(concern, &images, images.new_at, column, filter->type);
}

static int
compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

static int
compare_hashes(const void *a, const void *b)
{
	uint32		x = *(const uint32 *) a;
	uint32		y = *(const uint32 *) b;

	return x < y ? -1 : x > y;
}

static void
sort_texts(Concern *concern)
{
	qsort(concern->texts, concern->count, sizeof(char *), compare_texts);
	concern->hashes = palloc(sizeof(uint32) * Max(1, concern->count));
	for (int i = 0; i < concern->count; i++)
		concern->hashes[i] = rt_query_argument_hash(concern->texts[i]);
	qsort(concern->hashes, concern->count, sizeof(uint32), compare_hashes);
}

static void
fill_concern(RtRoundChanges *changes, const RtQuery *query,
			 const RtQueryRelation *relation, Concern *concern)
{
	const RtQueryFilter *filter = find_filter(query, relation);
	Reader		reader;
	ListCell   *cell;

	init_reader(&reader, relation);
	concern->any = has_changed_as_a_whole(&reader, changes->tables);
	concern->param = filter != NULL ? filter->param : 0;
	concern->count = 0;
	concern->texts = palloc(sizeof(char *) * 2 * Max(1, list_length(changes->rows)));
	foreach(cell, changes->rows)
	{
		const RtChange *change = lfirst(cell);

		if (concern->any)
			break;
		if (list_member_oid(reader.rows_of, change->row_relation))
			add_row(concern, change, relation, filter);
	}
	sort_texts(concern);
}

/* ---- images for what is restricted ---- */

/* there is room for two more */
static bool
add_images(const RtChange *change, const RtQueryRelation *relation, TupleDesc desc,
		   ImageSet *set)
{
	TupleDesc	columns = desc_of(change);
	Images		images;

	read_images(change, columns, &images);
	if (!changes_used(change, &images, columns, relation))
		return true;
	for (int at = 0; at < 2; at++)
	{
		TupleTableSlot *slot;

		if ((at == 0 ? images.old_at : images.new_at) < 0 ||
			(at == 0 && realtime_query_check == RT_QUERY_CHECK_WITHOUT_OLD))
			continue;
		slot = make_image(change, &images, at, relation, desc);
		if (slot == NULL)
			return false;
		set->images[set->count++] = (RtChangeImage) {slot, at == 1};
	}
	return true;
}

static RtQueryWhyFull
read_all_images(const RtRoundChanges *changes, const Reader *reader, TupleDesc desc,
				ImageSet *set)
{
	ListCell   *cell;

	if (changes->everything || has_changed_as_a_whole(reader, changes->tables))
		return RT_FULL_ANYTHING;
	set->images = palloc(sizeof(RtChangeImage) * (2 * list_length(changes->rows) + 1));
	foreach(cell, changes->rows)
	{
		const RtChange *change = lfirst(cell);

		if (list_member_oid(reader->rows_of, change->row_relation) &&
			!add_images(change, reader->relation, desc, set))
			return RT_FULL_ANYTHING;
	}
	return RT_FULL_NOT;
}

static int
compare_images(const void *a, const void *b)
{
	uint32		x = ((const HashedImage *) a)->hash;
	uint32		y = ((const HashedImage *) b)->hash;

	return x < y ? -1 : x > y;
}

/* NULL is equal to nothing. */
static int
hash_images(const ImageSet *set, const RtQueryFilter *filter, HashedImage *hashed)
{
	Oid			output;
	bool		is_varlena;
	int			count = 0;

	getTypeOutputInfo(filter->type, &output, &is_varlena);
	for (int i = 0; i < set->count; i++)
	{
		bool		is_null;
		Datum		value = slot_getattr(set->images[i].slot, filter->attnum, &is_null);

		if (!is_null)
			hashed[count++] = (HashedImage) {
				rt_query_argument_hash(OidOutputFunctionCall(output, value)), set->images[i]
			};
	}
	return count;
}

/* So that of many rows each group looks at its own. */
static void
sort_images(ImageSet *set, const RtQueryFilter *filter, TupleDesc desc)
{
	HashedImage *hashed;

	if (filter == NULL || filter->param > RT_QUERY_ARGUMENTS_HASHED ||
		!is_of_type(TupleDescAttr(desc, filter->attnum - 1)->atttypid, filter->type))
		return;
	hashed = palloc(sizeof(HashedImage) * Max(set->count, 1));
	set->count = hash_images(set, filter, hashed);
	qsort(hashed, set->count, sizeof(HashedImage), compare_images);
	set->param = filter->param;
	set->hashes = palloc(sizeof(uint32) * Max(set->count, 1));
	for (int i = 0; i < set->count; i++)
	{
		set->hashes[i] = hashed[i].hash;
		set->images[i] = hashed[i].image;
	}
}

static ImageSet *
make_images(RtRoundChanges *changes, const RtQuery *query, const RtQueryRelation *relation)
{
	ImageSet   *set = palloc0(sizeof(ImageSet));
	Relation	table = table_open(relation->relid, AccessShareLock);
	TupleDesc	desc = CreateTupleDescCopy(RelationGetDescr(table));
	Reader		reader;

	table_close(table, NoLock);
	set->query = query->serial;
	set->relation = relation;
	init_reader(&reader, relation);
	set->why_full = read_all_images(changes, &reader, desc, set);
	if (set->why_full == RT_FULL_NOT)
		sort_images(set, find_filter(query, relation), desc);
	return set;
}

static const ImageSet *
find_images(RtRoundChanges *changes, const RtQuery *query, const RtQueryRelation *relation)
{
	MemoryContext old;
	ListCell   *cell;

	foreach(cell, changes->images)
	{
		const ImageSet *set = lfirst(cell);

		if (set->query == query->serial && set->relation == relation)
			return set;
	}
	old = MemoryContextSwitchTo(changes->context);
	changes->images = lcons(make_images(changes, query, relation), changes->images);
	MemoryContextSwitchTo(old);
	return linitial(changes->images);
}

/* The first whose hash is not less. */
static int
place_of_hash(const ImageSet *set, uint64 hash)
{
	int			low = 0;
	int			high = set->count;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;

		if (set->hashes[middle] < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

RtQueryWhyFull
rt_round_changes_images(RtRoundChanges *changes, const RtQueryGroup *group,
						const RtQuery *query, const RtQueryRelation *relation,
						RtChangeImages *images)
{
	const ImageSet *set = find_images(changes, query, relation);

	if (set->why_full != RT_FULL_NOT)
		return set->why_full;
	images->images = set->images;
	images->count = set->count;
	if (set->param > 0)
	{
		uint32		hash = group->marks.arguments[set->param - 1];
		int			first = place_of_hash(set, hash);

		images->images = set->images + first;
		images->count = place_of_hash(set, (uint64) hash + 1) - first;
	}
	return images->count > IMAGES_MAX ? RT_FULL_MANY_ROWS : RT_FULL_NOT;
}

/* ---- groups ---- */

static void
fill_concerned(RtRoundChanges *changes, const RtQuery *query, Concerned *concerned)
{
	ListCell   *cell;

	concerned->concerns = palloc(sizeof(Concern) * Max(1, list_length(query->relations)));
	foreach(cell, query->relations)
	{
		Concern    *concern = &concerned->concerns[concerned->count];

		fill_concern(changes, query, lfirst(cell), concern);
		concerned->any |= concern->any;
		concerned->count += concern->count > 0;
	}
}

static HTAB *
make_families(MemoryContext context)
{
	HASHCTL		ctl = {
		.keysize = sizeof(uint64),
		.entrysize = sizeof(Concerned),
		.hcxt = context
	};

	return hash_create("realtime families of groups", 16, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Of a query that is not known at the moment anything may be read. */
static Concerned *
make_concerned(RtRoundChanges *changes, RtQueryGroup *group)
{
	MemoryContext old = MemoryContextSwitchTo(changes->context);
	Concerned  *concerned = hash_search(changes->families, &group->marks.family,
										HASH_ENTER, NULL);
	RtQueryGroupKey key;
	const RtQuery *query;

	rt_query_group_key_read(rt_query_group_key(group), &key);
	query = rt_query_prepared_find(group->declaration, key.role);
	concerned->count = 0;
	concerned->any = query == NULL || query->param_count != key.argument_count;
	if (!concerned->any)
		fill_concerned(changes, query, concerned);
	MemoryContextSwitchTo(old);
	return concerned;
}

static const Concerned *
find_concerned(RtRoundChanges *changes, RtQueryGroup *group)
{
	if (changes->last != NULL && changes->last->family == group->marks.family)
		return changes->last;
	if (changes->families == NULL)
		changes->families = make_families(changes->context);
	changes->last = hash_search(changes->families, &group->marks.family, HASH_FIND, NULL);
	if (changes->last == NULL)
		changes->last = make_concerned(changes, group);
	return changes->last;
}

static bool
has_argument(const Concern *concern, RtQueryGroup *group)
{
	RtQueryGroupKey key;
	const char *text;

	rt_query_group_key_read(rt_query_group_key(group), &key);
	text = key.arguments;
	for (int i = 1; i < concern->param; i++)
		text += strlen(text) + 1;
	if (text[0] == 'n')
		return false;
	text++;
	return bsearch(&text, concern->texts, concern->count, sizeof(char *),
				   compare_texts) != NULL;
}

static bool
may_have_argument(const Concern *concern, const RtQueryGroup *group)
{
	return concern->param > RT_QUERY_ARGUMENTS_HASHED ||
		bsearch(&group->marks.arguments[concern->param - 1], concern->hashes,
				concern->count, sizeof(uint32), compare_hashes) != NULL;
}

bool
rt_round_changes_are_all(const RtRoundChanges *changes)
{
	return changes->everything;
}

bool
rt_round_changes_are_none(const RtRoundChanges *changes)
{
	return !changes->everything && changes->tables == NIL && changes->rows == NIL;
}

bool
rt_round_changes_concern(RtRoundChanges *changes, RtQueryGroup *group)
{
	const Concerned *concerned;

	if (changes->everything || rt_round_changes_are_none(changes))
		return changes->everything;
	concerned = find_concerned(changes, group);
	if (concerned->any)
		return true;
	for (int i = 0; i < concerned->count; i++)
	{
		const Concern *concern = &concerned->concerns[i];

		if (may_have_argument(concern, group) && has_argument(concern, group))
			return true;
	}
	return false;
}
