/*
 * shmem.h
 *		One table of all our areas of shared memory.
 */
#ifndef RT_IPC_SHMEM_H
#define RT_IPC_SHMEM_H

/* Installs the request and startup hooks; called once from _PG_init. */
extern void rt_shmem_install(void);

#endif							/* RT_IPC_SHMEM_H */
