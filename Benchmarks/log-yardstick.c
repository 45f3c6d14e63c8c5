// What the log itself takes: a record is produced, consumed, and produced again from what was consumed, both acknowledged by all replicas; at so many a second whatever
// each takes. One thread, no product: the yardstick of `create -> reservation`.
//   log-yardstick BROKERS TOPIC RATE SECONDS      prints p50 and p99 in milliseconds, from when a record is due to the second acknowledgement.
// Makes the topics TOPIC-in and TOPIC-out, one partition each, where they are missing. Needs librdkafka-dev.
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORD = 500, MOST = 1 << 20 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a - *(const double *)b;
  return x < 0 ? -1 : x > 0;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char error[512];
  if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != RD_KAFKA_CONF_OK) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *brokers, rd_kafka_queue_t *wake) {
  char error[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "bootstrap.servers", brokers);
  set(conf, "socket.nagle.disable", "true");
  if (type == RD_KAFKA_PRODUCER) {
    set(conf, "acks", "all");
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "0");
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
  } else {
    set(conf, "group.id", "yardstick");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "error");
  }
  rd_kafka_t *handle = rd_kafka_new(type, conf, error, sizeof error);
  if (!handle) {
    fprintf(stderr, "%s\n", error);
    exit(2);
  }
  if (type == RD_KAFKA_PRODUCER) rd_kafka_queue_forward(rd_kafka_queue_get_main(handle), wake);
  return handle;
}

static void make(rd_kafka_t *handle, const char *in, const char *out) {
  char error[512];
  rd_kafka_NewTopic_t *topics[] = {rd_kafka_NewTopic_new(in, 1, 1, error, sizeof error), rd_kafka_NewTopic_new(out, 1, 1, error, sizeof error)};
  rd_kafka_queue_t *answer = rd_kafka_queue_new(handle);
  rd_kafka_CreateTopics(handle, topics, 2, NULL, answer);
  rd_kafka_event_t *event = rd_kafka_queue_poll(answer, 10000);
  // One that is there already is as good.
  if (event) rd_kafka_event_destroy(event);
  rd_kafka_NewTopic_destroy_array(topics, 2);
  rd_kafka_queue_destroy(answer);
}

int main(int count, char **words) {
  if (count != 5) {
    fprintf(stderr, "usage: log-yardstick BROKERS TOPIC RATE SECONDS\n");
    return 2;
  }
  double rate = atof(words[3]);
  int most = (int)(rate * atof(words[4]));
  if (most < 1 || most > MOST) return 2;
  char in[256], out[256];
  snprintf(in, sizeof in, "%s-in", words[2]);
  snprintf(out, sizeof out, "%s-out", words[2]);

  rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, words[1], NULL);
  rd_kafka_poll_set_consumer(consumer);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
  rd_kafka_t *first = client(RD_KAFKA_PRODUCER, words[1], queue);
  rd_kafka_t *second = client(RD_KAFKA_PRODUCER, words[1], queue);
  rd_kafka_topic_t *to_in = rd_kafka_topic_new(first, in, NULL), *to_out = rd_kafka_topic_new(second, out, NULL);
  make(first, in, out);
  int64_t low, high = 0;
  // A topic that was just made takes a moment to have a leader.
  int attempts = 100;
  while (rd_kafka_query_watermark_offsets(consumer, in, 0, &low, &high, 10000)) {
    if (--attempts == 0) {
      fprintf(stderr, "no topic %s\n", in);
      return 2;
    }
    rd_kafka_poll(consumer, 100);
  }
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, in, 0)->offset = high;
  rd_kafka_assign(consumer, list);

  static double took[MOST];
  static char record[RECORD];
  int warm = (int)(rate < 20 ? rate : 20), sent = 0, done = 0, total = most + warm;
  double start = now() + 1;
  while (done < total) {
    double due = start + sent / rate, left = due - now();
    if (sent < total && left <= 0) {
      memset(record, 'a', sizeof record);
      memcpy(record, &due, sizeof due);
      rd_kafka_produce(to_in, 0, RD_KAFKA_MSG_F_COPY, record, sizeof record, NULL, 0, NULL);
      sent++;
      continue;
    }
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, sent < total ? (int)(left * 1000) : 1000);
    if (!event) continue;
    const rd_kafka_message_t *message;
    while ((message = rd_kafka_event_message_next(event))) {
      if (message->err) continue;
      if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH) {
        // What is reported of the second carries when the first was due.
        double *at = malloc(sizeof *at);
        memcpy(at, message->payload, sizeof *at);
        rd_kafka_produce(to_out, 0, RD_KAFKA_MSG_F_COPY, message->payload, message->len, NULL, 0, at);
      } else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_DR && message->_private) {
        double due = *(double *)message->_private;
        free(message->_private);
        if (done >= warm) took[done - warm] = now() - due;
        done++;
      }
    }
    rd_kafka_event_destroy(event);
  }
  qsort(took, most, sizeof *took, compare);
  printf("%.2f %.2f\n", took[most / 2] * 1e3, took[(int)(most * 0.99)] * 1e3);
  fflush(stdout);
  _exit(0);
}
