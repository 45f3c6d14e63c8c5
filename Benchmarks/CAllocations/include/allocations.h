#ifndef TRUNKLINE_ALLOCATIONS_H
#define TRUNKLINE_ALLOCATIONS_H

#include <stdint.h>

/// How often this process has asked for memory, and for how many bytes, since it was started.
uint64_t allocations_count(void);
uint64_t allocations_bytes(void);

#endif
