/*
 * policy.c
 *		What the policies of any role on a relation read.
 *
 * The policies of the current role are in the rewritten query, with everything
 * that is known of their relations.  Of those of others it matters what they
 * look at, whose changes have to be told: other relations, and columns of their
 * own that nobody else looks at.
 */
#include "postgres.h"

#include "access/table.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "rewrite/rowsecurity.h"
#include "tcop/tcopprot.h"
#include "utils/rel.h"

#include "src/query/reads.h"

static void read_policy(RtQueryReads *reads, Relation relation,
						const RowSecurityPolicy *policy);
static Bitmapset *own_columns(const RowSecurityPolicy *policy);
static Query *query_of(const RowSecurityPolicy *policy);

void
rt_query_read_policies(RtQueryReads *reads, Oid relid)
{
	Relation	relation;
	ListCell   *cell;

	if (list_member_oid(reads->policies_of, relid))
		return;
	reads->policies_of = lappend_oid(reads->policies_of, relid);

	relation = table_open(relid, AccessShareLock);
	if (relation->rd_rel->relrowsecurity && relation->rd_rsdesc != NULL)
	{
		foreach(cell, relation->rd_rsdesc->policies)
			read_policy(reads, relation, lfirst(cell));
	}
	table_close(relation, NoLock);
}

static void
read_policy(RtQueryReads *reads, Relation relation, const RowSecurityPolicy *policy)
{
	const char *where = reads->where;
	Bitmapset  *columns;
	ListCell   *cell;

	if (policy->qual == NULL ||
		(policy->polcmd != '*' && policy->polcmd != ACL_SELECT_CHR))
		return;
	reads->where = psprintf("policy \"%s\" on \"%s\"", policy->policy_name,
							RelationGetRelationName(relation));
	columns = own_columns(policy);
	if (columns != NULL)
		rt_query_read_elsewhere(reads, RelationGetRelid(relation), reads->where,
								columns);
	foreach(cell, pg_rewrite_query(query_of(policy)))
		rt_query_read(reads, lfirst_node(Query, cell));
	reads->where = where;
}

/* Of the relation itself, also in subqueries; 0 = all. */
static Bitmapset *
own_columns(const RowSecurityPolicy *policy)
{
	Bitmapset  *columns = NULL;
	ListCell   *cell;

	foreach(cell, pull_vars_of_level((Node *) policy->qual, 0))
		columns = bms_add_member(columns, Max(lfirst_node(Var, cell)->varattno, 0));
	return columns;
}

/*
 * A query that has the condition in it, for the rewriter to expand views in
 * its subqueries.  The relation itself is left out: its columns are known.
 */
static Query *
query_of(const RowSecurityPolicy *policy)
{
	Query	   *query = makeNode(Query);
	RangeTblEntry *rte = makeNode(RangeTblEntry);
	RangeTblRef *reference = makeNode(RangeTblRef);

	rte->rtekind = RTE_RESULT;
	rte->eref = makeAlias("policy", NIL);
	reference->rtindex = 1;
	query->commandType = CMD_SELECT;
	query->canSetTag = true;
	query->rtable = list_make1(rte);
	query->jointree = makeFromExpr(list_make1(reference), NULL);
	query->targetList = list_make1(makeTargetEntry(copyObject(policy->qual), 1,
												   pstrdup("passes"), false));
	query->hasSubLinks = policy->hassublinks;
	AcquireRewriteLocks(query, true, false);
	return query;
}
