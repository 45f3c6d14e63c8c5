#include "CSimdJSON.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include <simdjson.h>

namespace {

uint64_t load(const uint8_t *p, size_t n) {
  if (n >= 8) {
    uint64_t a;
    std::memcpy(&a, p, 8);
    return a;
  }
  uint64_t a = 0;
  if (n > 0) std::memcpy(&a, p, n);
  return a;
}

uint32_t hash24(const uint8_t *p, size_t n) {
  uint64_t a = load(p, n), b = n > 8 ? load(p + n - 8, 8) : 0;
  uint64_t h = (a ^ (n * 0x9E3779B97F4A7C15ull)) * 0xff51afd7ed558ccdull;
  h ^= h >> 32;
  h = (h ^ b) * 0xc4ceb9fe1a85ec53ull;
  return uint32_t(h >> 40);
}

constexpr uint64_t payloadMask = 0x00FFFFFFFFFFFFFFull;

struct Frame {
  size_t node;
  uint32_t count;
  bool isObject;
  uint64_t seen;
};

template <typename T> bool grow(T *&memory, size_t &capacity, size_t wanted) {
  if (capacity >= wanted) return true;
  size_t size = wanted + wanted / 2 + 64;
  std::free(memory);
  memory = static_cast<T *>(std::malloc(size * sizeof(T)));
  capacity = memory ? size : 0;
  return memory != nullptr;
}

struct Builder {
  uint64_t *nodes = nullptr;
  size_t count = 0, nodeCapacity = 0;
  uint64_t *arena = nullptr;
  size_t arenaCount = 0, arenaCapacity = 0;
  Frame *stack = nullptr;
  size_t depth = 0, stackCapacity = 0;
  int64_t duplicate = -1;

  ~Builder() { release(); }

  void release() {
    std::free(nodes);
    std::free(arena);
    std::free(stack);
    nodes = arena = nullptr;
    stack = nullptr;
    nodeCapacity = arenaCapacity = stackCapacity = 0;
  }

  bool begin(size_t tapeWords, size_t length, size_t maxDepth) {
    count = arenaCount = depth = 0;
    duplicate = -1;
    // A tape has at least one word a node; a string of n bytes takes at most n / 8 + 1 words here.
    return grow(nodes, nodeCapacity, 2 * (tapeWords + 1)) && grow(arena, arenaCapacity, length / 8 + tapeWords + 1) &&
           grow(stack, stackCapacity, maxDepth + 1);
  }

  uint64_t head(size_t node) const { return nodes[2 * node]; }
  uint64_t &second(size_t node) { return nodes[2 * node + 1]; }
  uint8_t kind(size_t node) const { return uint8_t(head(node)); }
  size_t length(size_t node) const { return size_t(head(node) >> 32); }

  void put(uint8_t kind, uint64_t value, uint64_t length = 0, uint64_t hash = 0) {
    nodes[2 * count] = kind | hash << 16 | length << 32;
    nodes[2 * count + 1] = value;
    count++;
  }

  void putString(const uint8_t *bytes, size_t length, uint64_t hash = 0) {
    put(CSJ_STRING, arenaCount, length, hash);
    if (length == 0) return;
    size_t words = (length + 7) / 8;
    arena[arenaCount + words - 1] = 0;
    std::memcpy(arena + arenaCount, bytes, length);
    arenaCount += words;
  }

  void open(uint8_t kind) {
    stack[depth++] = {count, 0, kind == CSJ_OBJECT, 0};
    put(kind, 0);
  }

  void close() {
    Frame &frame = stack[--depth];
    if (frame.isObject && frame.count > 32 && duplicate < 0) sortForDuplicates(frame);
    nodes[2 * frame.node] |= uint64_t(frame.count) << 32;
    second(frame.node) = count;
  }

  void key(const uint8_t *bytes, size_t length) {
    uint32_t hash = hash24(bytes, length);
    Frame &frame = stack[depth - 1];
    size_t node = count;
    putString(bytes, length, hash & 0xffff);
    if (++frame.count > 32) return;
    uint64_t bit = 1ull << (hash >> 18);
    if (frame.seen & bit) lookForDuplicate(frame, node);
    frame.seen |= bit;
  }

  size_t afterValue(size_t node) const {
    return kind(node) >= CSJ_ARRAY ? size_t(nodes[2 * node + 1]) : node + 1;
  }

  int compare(size_t a, size_t b) const {
    if (head(a) != head(b)) return head(a) < head(b) ? -1 : 1;
    return std::memcmp(arena + nodes[2 * a + 1], arena + nodes[2 * b + 1], length(a));
  }

  void lookForDuplicate(const Frame &frame, size_t node) {
    if (duplicate >= 0) return;
    for (size_t other = frame.node + 1; other < node; other = afterValue(other + 1)) {
      if (compare(other, node) == 0) {
        duplicate = int64_t(node);
        return;
      }
    }
  }

  // A comparison of each key with each would let 200,000 keys take seconds.
  void sortForDuplicates(const Frame &frame) {
    std::unique_ptr<size_t[]> keys(new (std::nothrow) size_t[frame.count]);
    if (!keys) return;
    size_t n = 0;
    for (size_t node = frame.node + 1; node < count; node = afterValue(node + 1)) keys[n++] = node;
    std::sort(keys.get(), keys.get() + n, [this](size_t a, size_t b) {
      int order = compare(a, b);
      return order != 0 ? order < 0 : a < b;
    });
    for (size_t i = 1; i < n; i++) {
      if (compare(keys[i - 1], keys[i]) != 0) continue;
      if (duplicate < 0 || int64_t(keys[i]) < duplicate) duplicate = int64_t(keys[i]);
    }
  }
};

// One of each a thread: a call neither suspends nor calls back, so nobody else can be using them.
thread_local std::unique_ptr<simdjson::dom::parser> threadParser;
thread_local Builder threadBuilder;

bool convert(const simdjson::dom::document &document, size_t maxDepth, Builder &builder) {
  const uint64_t *tape = document.tape.get();
  const uint8_t *strings = document.string_buf.get();
  size_t end = size_t(tape[0] & payloadMask) - 1;
  bool wantsKey = false;
  for (size_t i = 1; i < end; i++) {
    uint64_t word = tape[i];
    uint8_t type = uint8_t(word >> 56);
    if (type == '}' || type == ']') {
      builder.close();
      wantsKey = builder.depth > 0 && builder.stack[builder.depth - 1].isObject;
      continue;
    }
    const uint8_t *text = nullptr;
    uint32_t length = 0;
    if (type == '"') {
      const uint8_t *entry = strings + (word & payloadMask);
      std::memcpy(&length, entry, 4);
      text = entry + 4;
      if (wantsKey) {
        builder.key(text, length);
        wantsKey = false;
        continue;
      }
    }
    bool inObject = builder.depth > 0 && builder.stack[builder.depth - 1].isObject;
    if (builder.depth > 0 && !inObject) builder.stack[builder.depth - 1].count++;
    switch (type) {
    case '"': builder.putString(text, length); break;
    case 'l': builder.put(CSJ_INT, tape[++i]); break;
    case 'u': builder.put(CSJ_UINT, tape[++i]); break;
    case 'd': builder.put(CSJ_DOUBLE, tape[++i]); break;
    case 't': builder.put(CSJ_TRUE, 0); break;
    case 'f': builder.put(CSJ_FALSE, 0); break;
    case 'n': builder.put(CSJ_NULL, 0); break;
    case '{':
    case '[':
      if (builder.depth >= maxDepth) return false;
      builder.open(type == '{' ? CSJ_OBJECT : CSJ_ARRAY);
      wantsKey = type == '{';
      continue;
    }
    wantsKey = inObject;
  }
  return true;
}

} // namespace

extern "C" int32_t csj_parse(const uint8_t *text, size_t length, uint32_t max_depth, csj_result *out) {
  *out = csj_result{nullptr, 0, nullptr, 0, -1, nullptr};
  if (!threadParser) threadParser.reset(new (std::nothrow) simdjson::dom::parser());
  if (!threadParser) return CSJ_NO_MEMORY;
  simdjson::error_code error = threadParser->parse(text, length, true).error();
  if (error) {
    out->message = simdjson::error_message(error);
    return error == simdjson::MEMALLOC ? CSJ_NO_MEMORY : error == simdjson::DEPTH_ERROR ? CSJ_TOO_DEEP : CSJ_INVALID;
  }
  const simdjson::dom::document &document = threadParser->doc;
  size_t tapeWords = size_t(document.tape[0] & payloadMask);
  if (!threadBuilder.begin(tapeWords, length, max_depth)) return CSJ_NO_MEMORY;
  if (!convert(document, max_depth, threadBuilder)) return CSJ_TOO_DEEP;
  out->nodes = threadBuilder.nodes;
  out->node_words = 2 * threadBuilder.count;
  out->arena = threadBuilder.arena;
  out->arena_words = threadBuilder.arenaCount;
  out->duplicate = threadBuilder.duplicate;
  return CSJ_OK;
}

extern "C" void csj_trim(void) {
  threadParser.reset();
  threadBuilder.release();
}

extern "C" uint16_t csj_hash(const uint8_t *bytes, size_t length) { return uint16_t(hash24(bytes, length)); }
