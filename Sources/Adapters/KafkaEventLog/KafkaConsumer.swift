import CRdkafka
import EventLoops
import Ports
import Synchronization

/// A consumer that reads single partitions from given places, each through a queue of its own. One instance reads a partition once at a time.
final class KafkaConsumer: Sendable {

  let handle: KafkaHandle
  let waker: QueueWaker
  private let topics: KafkaTopics
  private let taken = Mutex<Set<TopicPartition>>([])

  init(_ settings: [String: String], loop: EventLoop) throws(LogFailure) {
    handle = try KafkaHandle(RD_KAFKA_CONSUMER, settings)
    topics = KafkaTopics(handle)
    waker = try QueueWaker(loop: loop)
  }

  deinit { waker.close() }

  /// Reserves a partition; false when this instance reads it already.
  func reserve(_ source: TopicPartition) -> Bool { taken.withLock { $0.insert(source).inserted } }
  func release(_ source: TopicPartition) { taken.withLock { _ = $0.remove(source) } }

  func start(_ source: TopicPartition, at offset: Int64, _ queue: OpaquePointer) throws(LogFailure) {
    guard let topic = topics[source.topic] else { throw .unavailable("there is no handle for the topic \(source.topic)") }
    guard rd_kafka_consume_start_queue(topic, Int32(source.partition), offset, queue) == 0 else {
      throw .unavailable("reading \(source): \(KafkaError.text(rd_kafka_last_error()))")
    }
  }

  func stop(_ source: TopicPartition) {
    guard let topic = topics[source.topic] else { return }
    _ = rd_kafka_consume_stop(topic, Int32(source.partition))
  }

  /// Behind the last record that the last answer of the broker told of; nil before the first.
  func seenEnd(_ source: TopicPartition) -> Int64? {
    var (low, high): (Int64, Int64) = (0, 0)
    let code = rd_kafka_get_watermark_offsets(handle.raw, source.topic, Int32(source.partition), &low, &high)
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0 ? high : nil
  }
}

/// The consumers of one loop. Readers of one partition at different places need one each; beyond a few they wait for their turn.
final class ConsumerPool: Sendable {
  private struct State {
    var consumers: [KafkaConsumer] = []
    var waiting: [@Sendable () -> Void] = []
  }

  static let most = 6

  private let settings: [String: String]
  private let loop: EventLoop
  private let state = Mutex(State())

  init(_ settings: [String: String], loop: EventLoop) {
    self.settings = settings
    self.loop = loop
  }

  /// A consumer on which `source` is reserved. Nil when all are busy with it: `turn` is called when that may have changed.
  func take(_ source: TopicPartition, turn: @escaping @Sendable () -> Void) throws(LogFailure) -> KafkaConsumer? {
    let found: Result<KafkaConsumer?, LogFailure> = state.withLock { state in
      for consumer in state.consumers where consumer.reserve(source) { return .success(consumer) }
      guard state.consumers.count < ConsumerPool.most else {
        state.waiting.append(turn)
        return .success(nil)
      }
      do throws(LogFailure) {
        let made = try KafkaConsumer(settings, loop: loop)
        _ = made.reserve(source)
        state.consumers.append(made)
        return .success(made)
      } catch {
        return .failure(error)
      }
    }
    return try found.get()
  }

  func giveBack(_ consumer: KafkaConsumer, _ source: TopicPartition) {
    consumer.release(source)
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      return state.waiting
    }
    for turn in waiting { turn() }
  }
}
