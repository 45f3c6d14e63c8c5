#include "czlib.h"

#include <stdlib.h>
#include <zlib.h>

enum { gzip_window = 15 + 16 };

struct cz_stream {
  z_stream z;
  int inflates;
};

static cz_stream *made(cz_stream *stream, int result) {
  if (result == Z_OK) return stream;
  free(stream);
  return NULL;
}

cz_stream *cz_inflate_new(void) {
  cz_stream *stream = calloc(1, sizeof *stream);
  if (!stream) return NULL;
  stream->inflates = 1;
  return made(stream, inflateInit2(&stream->z, gzip_window));
}

cz_stream *cz_deflate_new(int level) {
  cz_stream *stream = calloc(1, sizeof *stream);
  if (!stream) return NULL;
  return made(stream, deflateInit2(&stream->z, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY));
}

void cz_free(cz_stream *stream) {
  if (!stream) return;
  if (stream->inflates) {
    inflateEnd(&stream->z);
  } else {
    deflateEnd(&stream->z);
  }
  free(stream);
}

static void lend(cz_stream *stream, const void *in, size_t in_length, void *out, size_t out_length) {
  stream->z.next_in = (Bytef *)in;
  stream->z.avail_in = (uInt)in_length;
  stream->z.next_out = out;
  stream->z.avail_out = (uInt)out_length;
}

static void take_back(cz_stream *stream, size_t *in_length, size_t *out_length) {
  *in_length -= stream->z.avail_in;
  *out_length -= stream->z.avail_out;
  stream->z.next_in = NULL;
  stream->z.next_out = NULL;
}

int cz_inflate(cz_stream *stream, const void *in, size_t *in_length, void *out, size_t *out_length) {
  lend(stream, in, *in_length, out, *out_length);
  int result = inflate(&stream->z, Z_NO_FLUSH);
  take_back(stream, in_length, out_length);
  if (result == Z_STREAM_END) return CZ_END;
  if (result == Z_MEM_ERROR) return CZ_NO_MEMORY;
  return result == Z_OK || result == Z_BUF_ERROR ? CZ_MORE : CZ_CORRUPT;
}

int cz_deflate(cz_stream *stream, const void *in, size_t *in_length, void *out, size_t *out_length, int finish) {
  lend(stream, in, *in_length, out, *out_length);
  int result = deflate(&stream->z, finish ? Z_FINISH : Z_NO_FLUSH);
  take_back(stream, in_length, out_length);
  if (result == Z_STREAM_END) return CZ_END;
  return result == Z_OK || result == Z_BUF_ERROR ? CZ_MORE : CZ_CORRUPT;
}

int cz_inflate_reset(cz_stream *stream) { return inflateReset(&stream->z) == Z_OK ? CZ_MORE : CZ_CORRUPT; }
