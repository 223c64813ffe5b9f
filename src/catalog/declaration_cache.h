/*
 * declaration_cache.h
 *		What was read from the tables of declarations at one time.  For
 *		src/catalog only.
 */
#ifndef RT_CATALOG_DECLARATION_CACHE_H
#define RT_CATALOG_DECLARATION_CACHE_H

#include "common/hashfn.h"
#include "nodes/pg_list.h"

#include "src/catalog/declaration.h"
#include "src/catalog/declaration_table.h"

/* A hash table from a name to anything. */
typedef struct RtName
{
	const char *ptr;
	uint32		len;
} RtName;

typedef struct RtNameEntry
{
	RtName		name;
	void	   *value;
	uint32		hash;
	char		status;
} RtNameEntry;

#define SH_PREFIX rt_names
#define SH_ELEMENT_TYPE RtNameEntry
#define SH_KEY_TYPE RtName
#define SH_KEY name
#define SH_HASH_KEY(table, key) \
	hash_bytes((const unsigned char *) (key).ptr, (int) (key).len)
#define SH_EQUAL(table, a, b) \
	((a).len == (b).len && memcmp((a).ptr, (b).ptr, (a).len) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* A declaration of topics with the literal text that such topics begin with. */
typedef struct RtTopicTemplate
{
	RtTopicDeclaration declaration;
	uint32		template_len;
	char	   *prefix;			/* the whole topic if exact */
	uint32		prefix_len;
	bool		exact;			/* without placeholders */
} RtTopicTemplate;

typedef struct RtDeclarations
{
	MemoryContext context;		/* holds all of this */
	Oid			tables[RT_DECLARATION_TABLES];	/* as rt_declaration_tables */
	Oid			message_table;	/* not of declarations, message_store.h */
	Oid			epoch_table;
	Oid			intake_table;	/* likewise, intake_store.h */
	Oid			intake_sequence;

	rt_names_hash *rpcs;		/* to RtRpcDeclaration */
	rt_names_hash *streams;		/* to RtStreamDeclaration */
	List	   *bridges;		/* RtBridgeDeclaration */
	RtNamedFunction hooks[RT_HOOKS];
	List	   *admissions;		/* RtAdmissionDeclaration */
	List	   *breakers;		/* RtBreakerDeclaration */
	List	   *crons;			/* RtCronDeclaration */
	List	   *job_queues;		/* RtJobQueue */
	List	   *webhooks;		/* RtWebhookDeclaration */
	List	   *rates;			/* RtRateDeclaration */
	List	   *aggregates;		/* RtAggregateDeclaration */
	List	   *windows;		/* RtWindowDeclaration, of any */
	List	   *effects;		/* RtEffectDeclaration */
	List	   *sinks;			/* RtSinkDeclaration */
	rt_names_hash *pipes;		/* to RtPipe */
	List	   *middlewares;	/* RtMiddlewareDeclaration, in order */
	List	   *modules;		/* RtModuleDeclaration, outer before inner ones */
	List	   *invalidated;	/* RtStreamDeclaration: those with invalidate_on */

	List	   *exact;			/* RtTopicTemplate */
	List	   *templates;		/* RtTopicTemplate, longest prefix first */
	MemoryContext topics_context;
	rt_names_hash *topics;		/* exact ones, and what was looked up lately,
								 * to RtTopicDeclaration or NULL */

	RtFunctionReference *references;
	uint32	   *reference_hashes;	/* in the syscache PROCOID; 0 = gone */
	int			reference_count;
	int			reference_space;
	int			gone_count;

	struct RtDeclarations *next_retired;
	uint64		retired_in;		/* number of the transaction */
} RtDeclarations;

/*
 * Reads the tables.  Returns NULL if the extension is not installed in this
 * database.
 */
extern RtDeclarations *rt_declarations_load(void);

#endif							/* RT_CATALOG_DECLARATION_CACHE_H */
