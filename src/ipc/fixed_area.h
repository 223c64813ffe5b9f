/*
 * fixed_area.h
 *		A DSA area of a fixed size inside the main shared memory segment.
 *
 * It never asks the kernel for more, so a full /dev/shm cannot fail it, and
 * the server's restart after a crash makes it anew.
 */
#ifndef RT_IPC_FIXED_AREA_H
#define RT_IPC_FIXED_AREA_H

#include "src/compat.h"

#include "utils/dsa.h"

/* Makes an area of these bytes at a place; its locks are of the named tranche. */
extern void rt_fixed_area_create(void *place, Size size, const char *tranche);

/* For the life of this process, which may be any session's. */
extern dsa_area *rt_fixed_area_attach(void *place);

#endif
