#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <sys/file.h>

/* Only declared with _GNU_SOURCE, which an importer of modules cannot set. */
extern int pthread_setname_np(pthread_t thread, const char *name);
