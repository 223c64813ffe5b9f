/*
 * declaration_reference.c
 *		The functions that declarations name.
 */
#include "postgres.h"

#include "utils/syscache.h"

#include "src/catalog/declaration_part.h"
#include "src/catalog/signature.h"

Oid
rt_refer(RtDeclarations *declarations, const char *signature, const char *kind,
		 const char *declaration, const char *purpose)
{
	RtFunctionReference *reference;
	int			number = declarations->reference_count;

	if (number == declarations->reference_space)
	{
		int			space = Max(16, 2 * number);

		if (number == 0)
		{
			declarations->references = palloc(sizeof(RtFunctionReference) * space);
			declarations->reference_hashes = palloc(sizeof(uint32) * space);
		}
		else
		{
			declarations->references =
				repalloc(declarations->references,
						 sizeof(RtFunctionReference) * space);
			declarations->reference_hashes =
				repalloc(declarations->reference_hashes,
						 sizeof(uint32) * space);
		}
		declarations->reference_space = space;
	}

	reference = &declarations->references[number];
	reference->signature = signature;
	reference->function = rt_signature_resolve(signature);
	reference->kind = kind;
	reference->declaration = declaration;
	reference->purpose = purpose;
	if (OidIsValid(reference->function))
		declarations->reference_hashes[number] =
			GetSysCacheHashValue1(PROCOID,
								  ObjectIdGetDatum(reference->function));
	else
	{
		declarations->reference_hashes[number] = 0;
		declarations->gone_count++;
	}
	declarations->reference_count++;
	return reference->function;
}

int
rt_refer_all(RtDeclarations *declarations, const RtRow *row, int anum,
			 const char *kind, const char *path, const char *purpose,
			 Oid **functions)
{
	char	  **signatures;
	int			count = rt_row_texts(row, anum, &signatures);

	*functions = palloc(sizeof(Oid) * Max(count, 1));
	for (int i = 0; i < count; i++)
		(*functions)[i] = rt_refer(declarations, signatures[i], kind, path, purpose);
	return count;
}
