#include "powercut.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { sector = 512, paths = 512, files = 128, faults = 32 };

/* One write since the last sync. */
typedef struct change {
  struct change *next;
  sqlite3_int64 offset;
  int length;
  unsigned char bytes[];
} change;

/* One file by its path, however often it is open. */
typedef struct {
  char path[paths];
  unsigned char *durable;
  size_t size;
  change *first, **last;
} disk;

typedef struct {
  sqlite3_file base;
  disk *disk; /* NULL for files that are not watched */
  sqlite3_file real[];
} file;

/* What goes wrong, and where. */
typedef struct {
  char folder[paths];
  char end[32];
  int operation, code, left, met;
} fault;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static disk disks[files];
static int disk_count;
static fault fault_list[faults];
static int fault_count;
static sqlite3_vfs *real_vfs;

static int ends(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static int begins(const char *text, const char *begin) { return strncmp(text, begin, strlen(begin)) == 0; }

/* The code that an operation on a file is to fail with, or 0. The caller holds the lock. */
static int meets(const disk *d, int operation) {
  for (int i = 0; i < fault_count; i++) {
    fault *f = &fault_list[i];
    if (f->operation != operation || f->left == 0 || !begins(d->path, f->folder) || !ends(d->path, f->end)) continue;
    if (f->left > 0) f->left--;
    f->met++;
    return f->code;
  }
  return SQLITE_OK;
}

static void put(disk *d, const unsigned char *bytes, sqlite3_int64 offset, size_t length) {
  size_t end = (size_t)offset + length;
  if (end > d->size) {
    unsigned char *grown = realloc(d->durable, end);
    if (!grown) abort();
    memset(grown + d->size, 0, end - d->size);
    d->durable = grown;
    d->size = end;
  }
  memcpy(d->durable + offset, bytes, length);
}

static void forget(disk *d) {
  while (d->first) {
    change *c = d->first;
    d->first = c->next;
    free(c);
  }
  d->last = &d->first;
}

static void settle(disk *d) {
  for (change *c = d->first; c; c = c->next) put(d, c->bytes, c->offset, (size_t)c->length);
  forget(d);
}

static int on_close(sqlite3_file *f) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods ? r->pMethods->xClose(r) : SQLITE_OK;
}

static int on_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at) {
  sqlite3_file *r = ((file *)f)->real;
  disk *d = ((file *)f)->disk;
  if (d) {
    pthread_mutex_lock(&lock);
    int code = meets(d, POWERCUT_READ);
    pthread_mutex_unlock(&lock);
    /* SQLite demands that what a short read leaves is zero. */
    if (code == SQLITE_IOERR_SHORT_READ) memset(to, 0, (size_t)n);
    if (code != SQLITE_OK) return code;
  }
  return r->pMethods->xRead(r, to, n, at);
}

static int on_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at) {
  sqlite3_file *r = ((file *)f)->real;
  disk *d = ((file *)f)->disk;
  if (d) {
    pthread_mutex_lock(&lock);
    int code = meets(d, POWERCUT_WRITE);
    pthread_mutex_unlock(&lock);
    if (code != SQLITE_OK) return code;
    change *c = malloc(sizeof(change) + (size_t)n);
    if (!c) return SQLITE_NOMEM;
    c->next = NULL;
    c->offset = at;
    c->length = n;
    memcpy(c->bytes, from, (size_t)n);
    pthread_mutex_lock(&lock);
    *d->last = c;
    d->last = &c->next;
    pthread_mutex_unlock(&lock);
  }
  return r->pMethods->xWrite(r, from, n, at);
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size) {
  sqlite3_file *r = ((file *)f)->real;
  disk *d = ((file *)f)->disk;
  if (d) {
    pthread_mutex_lock(&lock);
    settle(d);
    if ((size_t)size < d->size) d->size = (size_t)size;
    pthread_mutex_unlock(&lock);
  }
  return r->pMethods->xTruncate(r, size);
}

static int on_sync(sqlite3_file *f, int flags) {
  sqlite3_file *r = ((file *)f)->real;
  disk *d = ((file *)f)->disk;
  /* The disk of the test is the memory here: the machine's own need not be waited for. */
  (void)flags;
  (void)r;
  if (d) {
    pthread_mutex_lock(&lock);
    int code = meets(d, POWERCUT_SYNC);
    /* As the system does: told once, and what could not be written counts as written from then on. It can still be read, until the power goes. */
    if (code == SQLITE_OK) settle(d); else forget(d);
    pthread_mutex_unlock(&lock);
    return code;
  }
  return SQLITE_OK;
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xFileSize(r, size);
}

static int on_lock(sqlite3_file *f, int level) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xLock(r, level);
}

static int on_unlock(sqlite3_file *f, int level) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xUnlock(r, level);
}

static int on_check(sqlite3_file *f, int *out) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xCheckReservedLock(r, out);
}

static int on_control(sqlite3_file *f, int op, void *arg) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xFileControl(r, op, arg);
}

static int on_sector(sqlite3_file *f) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xSectorSize(r);
}

static int on_characteristics(sqlite3_file *f) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xDeviceCharacteristics(r);
}

static int on_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xShmMap(r, page, size, extend, out);
}

static int on_shm_lock(sqlite3_file *f, int offset, int n, int flags) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xShmLock(r, offset, n, flags);
}

static void on_shm_barrier(sqlite3_file *f) {
  sqlite3_file *r = ((file *)f)->real;
  r->pMethods->xShmBarrier(r);
}

static int on_shm_unmap(sqlite3_file *f, int remove) {
  sqlite3_file *r = ((file *)f)->real;
  return r->pMethods->xShmUnmap(r, remove);
}

/* Version 2: without memory-mapped access, which would pass by on_write. */
static const sqlite3_io_methods methods = {
    2, on_close, on_read, on_write, on_truncate, on_sync, on_size, on_lock, on_unlock, on_check, on_control,
    on_sector, on_characteristics, on_shm_map, on_shm_lock, on_shm_barrier, on_shm_unmap, NULL, NULL,
};

static disk *find(const char *path) {
  if (!path || (!ends(path, ".sqlite") && !ends(path, ".sqlite-wal")) || strlen(path) >= paths) return NULL;
  pthread_mutex_lock(&lock);
  disk *d = NULL;
  for (int i = 0; i < disk_count && !d; i++)
    if (strcmp(disks[i].path, path) == 0) d = &disks[i];
  if (!d && disk_count < files) {
    d = &disks[disk_count++];
    strcpy(d->path, path);
    d->last = &d->first;
    FILE *there = fopen(path, "rb");
    unsigned char buffer[4096];
    size_t n;
    while (there && (n = fread(buffer, 1, sizeof buffer, there)) > 0) put(d, buffer, (sqlite3_int64)d->size, n);
    if (there) fclose(there);
  }
  pthread_mutex_unlock(&lock);
  return d;
}

static int on_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out) {
  (void)vfs;
  file *mine = (file *)f;
  mine->base.pMethods = NULL;
  mine->real->pMethods = NULL;
  int code = real_vfs->xOpen(real_vfs, name, mine->real, flags, out);
  if (code != SQLITE_OK) return code;
  mine->disk = find(name);
  mine->base.pMethods = &methods;
  return SQLITE_OK;
}

static int install(int as_default) {
  static sqlite3_vfs mine;
  if (real_vfs) return SQLITE_OK;
  real_vfs = sqlite3_vfs_find(NULL);
  if (!real_vfs) return SQLITE_ERROR;
  mine = *real_vfs;
  mine.zName = "powercut";
  mine.pNext = NULL;
  mine.szOsFile = (int)sizeof(file) + real_vfs->szOsFile;
  mine.xOpen = on_open;
  return sqlite3_vfs_register(&mine, as_default);
}

int powercut_install(void) { return install(1); }

int powercut_register(void) {
  static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&once);
  int code = install(0);
  pthread_mutex_unlock(&once);
  return code;
}

int powercut_fail(const char *folder, const char *end, int operation, int code, int times) {
  pthread_mutex_lock(&lock);
  int place = -1;
  for (int i = 0; i < fault_count && place < 0; i++)
    if (fault_list[i].folder[0] == 0) place = i;
  if (place < 0 && fault_count < faults) place = fault_count++;
  if (place >= 0) {
    fault *f = &fault_list[place];
    snprintf(f->folder, sizeof f->folder, "%s", folder);
    snprintf(f->end, sizeof f->end, "%s", end);
    f->operation = operation;
    f->code = code;
    f->left = times;
    f->met = 0;
  }
  pthread_mutex_unlock(&lock);
  return place < 0 ? -1 : 0;
}

int powercut_met(const char *folder) {
  int met = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < fault_count; i++)
    if (strcmp(fault_list[i].folder, folder) == 0) met += fault_list[i].met;
  pthread_mutex_unlock(&lock);
  return met;
}

void powercut_mend(const char *folder) {
  pthread_mutex_lock(&lock);
  for (int i = 0; i < fault_count; i++)
    if (strcmp(fault_list[i].folder, folder) == 0) memset(&fault_list[i], 0, sizeof fault_list[i]);
  pthread_mutex_unlock(&lock);
}

/* A linear congruential generator: the same survivors for the same seed everywhere. */
static int chance(unsigned *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (int)((*seed >> 16) % 100);
}

static int copy(const disk *d, const char *folder, unsigned *seed, int percent) {
  char path[2 * paths];
  const char *name = strrchr(d->path, '/');
  snprintf(path, sizeof path, "%s/%s", folder, name ? name + 1 : d->path);
  disk after = {.durable = malloc(d->size + 1), .size = d->size};
  if (!after.durable) return -1;
  if (d->size > 0) memcpy(after.durable, d->durable, d->size);
  for (const change *c = d->first; c; c = c->next) {
    for (int at = 0; at < c->length;) {
      int n = sector - (int)((c->offset + at) % sector);
      if (n > c->length - at) n = c->length - at;
      if (chance(seed) < percent) put(&after, c->bytes + at, c->offset + at, (size_t)n);
      at += n;
    }
  }
  FILE *to = fopen(path, "wb");
  int failed = !to || fwrite(after.durable, 1, after.size, to) != after.size;
  if (to && fclose(to) != 0) failed = 1;
  free(after.durable);
  return failed ? -1 : 0;
}

int powercut_copy_of(const char *from, const char *folder, unsigned seed, int percent) {
  int code = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < disk_count; i++)
    if (begins(disks[i].path, from) && copy(&disks[i], folder, &seed, percent) != 0) code = -1;
  pthread_mutex_unlock(&lock);
  return code;
}

int powercut_copy(const char *folder, unsigned seed, int percent) { return powercut_copy_of("", folder, seed, percent); }
