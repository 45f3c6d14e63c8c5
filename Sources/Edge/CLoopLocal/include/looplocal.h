#pragma once
/* The loop that runs on this thread, or NULL: Swift has no cheap thread-local of its own. */
extern _Thread_local void *loop_local_current;
static inline void *loop_local_get(void) { return loop_local_current; }
static inline void loop_local_set(void *loop) { loop_local_current = loop; }
/* Names the calling thread; the kernel keeps 15 bytes. A GNU extension that Swift's Glibc module does not show. */
void loop_local_name_thread(const char *name);
