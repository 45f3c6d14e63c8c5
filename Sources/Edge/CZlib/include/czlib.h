#ifndef TRUNKLINE_CZLIB_H
#define TRUNKLINE_CZLIB_H
#include <stddef.h>

// zlib's set-up is macros and its stream a struct with pointers into buffers of the caller: both stay behind this face.

typedef struct cz_stream cz_stream;

enum cz_outcome { CZ_MORE = 0, CZ_END = 1, CZ_CORRUPT = 2, CZ_NO_MEMORY = 3 };

// NULL: no memory. Window bits 15, gzip wrapping only.
cz_stream *cz_inflate_new(void);
cz_stream *cz_deflate_new(int level);
void cz_free(cz_stream *stream);

// Takes from `in` and gives to `out`; the lengths come back as what was taken and what was given.
int cz_inflate(cz_stream *stream, const void *in, size_t *in_length, void *out, size_t *out_length);
int cz_deflate(cz_stream *stream, const void *in, size_t *in_length, void *out, size_t *out_length, int finish);

// Ready for the next member.
int cz_inflate_reset(cz_stream *stream);

#endif
