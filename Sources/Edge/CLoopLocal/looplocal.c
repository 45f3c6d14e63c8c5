#define _GNU_SOURCE
#include "looplocal.h"
#include <pthread.h>
_Thread_local void *loop_local_current;
void loop_local_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
