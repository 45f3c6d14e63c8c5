#ifndef CSIMDJSON_H
#define CSIMDJSON_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

// A node is two words.
//   first:  kind (bits 0-7), hash of a key (16-31), length in bytes of a string or number of elements or pairs (32-63)
//   second: the number itself; of a string its first word in the arena; of a container the node after it
// A pair of an object is its key (a string with a hash) followed by its value.
enum {
  CSJ_NULL = 0,
  CSJ_FALSE = 1,
  CSJ_TRUE = 2,
  CSJ_INT = 3,
  CSJ_UINT = 4,
  CSJ_DOUBLE = 5,
  CSJ_STRING = 6,
  CSJ_ARRAY = 7,
  CSJ_OBJECT = 8
};

enum { CSJ_OK = 0, CSJ_INVALID = 1, CSJ_TOO_DEEP = 2, CSJ_NO_MEMORY = 3 };

// Memory belongs to the calling thread and is valid until its next csj_parse or csj_trim.
typedef struct csj_result {
  const uint64_t *nodes;
  size_t node_words;
  // Strings: each starts on a word and is filled up with zeros, so that equality is equality of words.
  const uint64_t *arena;
  size_t arena_words;
  // The node of the first key found twice in one object; -1 when there is none.
  int64_t duplicate;
  const char *message;
} csj_result;

int32_t csj_parse(const uint8_t *text, size_t length, uint32_t max_depth, csj_result *out);
// Gives back what a large text made this thread's parser hold.
void csj_trim(void);
// The 16 bits that a key's node carries.
uint16_t csj_hash(const uint8_t *bytes, size_t length);

#ifdef __cplusplus
}
#endif
#endif
